//! The commands `health` and `ready`: one request to a running program, one exit code (cli.md 6).
//!
//! For container probes, so they need nothing but a network: no logs, no threads, no configuration beyond
//! URL and certificate. Error texts are those of Unleash Edge 20.4, where it does not crash. The path is
//! appended to whatever path the URL has; redirects are followed; five seconds bound all of it.

use std::{fmt, fs, io::Write, path::Path, process::ExitCode, time::Duration};

use rustls_pki_types::{CertificateDer, pem::PemObject};
use serde::Deserialize;
use ureq::{
    Agent, Proxy,
    http::{Response, StatusCode},
    tls::{Certificate, RootCerts, TlsConfig},
};
use url::{ParseError, Url};

use crate::config::settings::Probe;

const TIMEOUT: Duration = Duration::from_secs(5);
const BODY_BYTES_MAX: u64 = 64 * 1024;

/// What a probe found.
#[derive(Debug)]
pub struct Finding(Result<&'static str, ProbeError>);

/// Why a probe failed.
#[derive(Debug)]
enum ProbeError {
    /// The URL is none, or can have no path.
    Url { check: &'static str, reason: ParseError },
    /// The certificate file cannot be used.
    Certificate { reason: String },
    /// `health` got no answer.
    HealthUnreachable { url: Url, reason: String },
    /// `health` got another status.
    Unhealthy,
    /// `ready` got no answer.
    ReadyUnreachable { url: Url },
    /// `ready` got another status.
    ReadyStatus { url: Url, status: StatusCode },
    /// `ready` got a body that is not understood.
    ReadyBody { reason: String },
    /// `ready` got another state.
    NotReady { state: State },
}

/// States of a running program, in the spellings of all releases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
enum State {
    #[serde(rename = "READY")]
    Ready,
    #[serde(rename = "NOTREADY", alias = "NOT_READY")]
    NotReady,
    #[serde(rename = "OK")]
    Ok,
}

#[derive(Deserialize)]
struct Status {
    status: State,
}

/// Asks whether the program at the URL is alive; says nothing if it is.
pub fn health(settings: &Probe) -> Finding {
    Finding(check_health(settings).map(|()| ""))
}

/// Asks whether the program at the URL is ready; says `OK` if it is.
pub fn ready(settings: &Probe) -> Finding {
    Finding(check_ready(settings).map(|()| "OK\n"))
}

impl Finding {
    /// Prints it and gives the exit code: 0 or 1.
    pub fn print(&self) -> ExitCode {
        match &self.0 {
            Ok(text) => {
                let _ = std::io::stdout().write_all(text.as_bytes());
                ExitCode::SUCCESS
            }
            Err(error) => {
                let _ = writeln!(std::io::stderr(), "Error: {error}");
                ExitCode::FAILURE
            }
        }
    }
}

fn check_health(settings: &Probe) -> Result<(), ProbeError> {
    let url = endpoint(settings, "health")?;
    let response = ask(settings, &url)?.map_err(|reason| ProbeError::HealthUnreachable { url, reason })?;
    if response.status() == StatusCode::OK { Ok(()) } else { Err(ProbeError::Unhealthy) }
}

fn check_ready(settings: &Probe) -> Result<(), ProbeError> {
    let url = endpoint(settings, "ready")?;
    let mut response = match ask(settings, &url)? {
        Ok(response) => response,
        Err(_) => return Err(ProbeError::ReadyUnreachable { url }),
    };
    if response.status() != StatusCode::OK {
        return Err(ProbeError::ReadyStatus { url, status: response.status() });
    }
    let body = response.body_mut().with_config().limit(BODY_BYTES_MAX).read_to_vec();
    let body = body.map_err(|error| ProbeError::ReadyBody { reason: error.to_string() })?;
    let status: Status =
        serde_json::from_slice(&body).map_err(|error| ProbeError::ReadyBody { reason: error.to_string() })?;
    match status.status {
        State::Ready => Ok(()),
        state => Err(ProbeError::NotReady { state }),
    }
}

fn endpoint(settings: &Probe, check: &'static str) -> Result<Url, ProbeError> {
    let mut url = Url::parse(&settings.edge_url).map_err(|reason| ProbeError::Url { check, reason })?;
    {
        let no_path = |()| ProbeError::Url { check, reason: ParseError::RelativeUrlWithCannotBeABaseBase };
        let mut segments = url.path_segments_mut().map_err(no_path)?;
        segments.pop_if_empty().extend(["internal-backstage", check]);
    }
    Ok(url)
}

/// The answer, or what the client says why there is none.
fn ask(settings: &Probe, url: &Url) -> Result<Result<Response<ureq::Body>, String>, ProbeError> {
    let tls = TlsConfig::builder().root_certs(roots(settings.ca_certificate_file.as_deref())?).build();
    let agent: Agent = Agent::config_builder()
        .timeout_global(Some(TIMEOUT))
        .http_status_as_error(false)
        .tls_config(tls)
        .proxy(proxy(url))
        .build()
        .into();
    Ok(agent.get(url.as_str()).call().map_err(|error| error.to_string()))
}

/// The proxy of the environment, but never for this machine: a probe of the same container must not
/// leave it.
fn proxy(url: &Url) -> Option<Proxy> {
    let is_local = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    if is_local { None } else { Proxy::try_from_env() }
}

/// The roots of the system and those of `file`.
fn roots(file: Option<&Path>) -> Result<RootCerts, ProbeError> {
    let mut certificates: Vec<Certificate<'static>> = rustls_native_certs::load_native_certs()
        .certs
        .iter()
        .map(|certificate| Certificate::from_der(certificate).to_owned())
        .collect();
    if let Some(file) = file {
        // The shape of the text is that of an I/O error printed with `Debug` within another one.
        let reason = |reason: &dyn fmt::Debug| ProbeError::Certificate { reason: format!("{reason:?}") };
        let pem = fs::read(file).map_err(|error| reason(&error))?;
        let extra: Vec<CertificateDer<'static>> =
            CertificateDer::pem_slice_iter(&pem).collect::<Result<_, _>>().map_err(|error| reason(&error))?;
        if extra.is_empty() {
            return Err(ProbeError::Certificate { reason: format!("no certificate in {}", file.display()) });
        }
        certificates.extend(extra.iter().map(|certificate| Certificate::from_der(certificate).to_owned()));
    }
    Ok(RootCerts::new_with_certs(&certificates))
}

impl fmt::Display for ProbeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url { check, reason } => write!(f, "Invalid {check} check url: {reason:?}"),
            Self::Certificate { reason } => {
                write!(f, "Failed to build cert RootCertificatesError({reason:?})")
            }
            Self::HealthUnreachable { url, reason } => write!(f, "Failed to connect to {url}: {reason}"),
            Self::Unhealthy => f.write_str("Healthcheck had different status than 200"),
            Self::ReadyUnreachable { url } => {
                write!(f, "Failed to connect to ready endpoint at {url}. Failed with status None")
            }
            Self::ReadyStatus { url, status } => {
                write!(f, "Ready check did not return 200 for {url}. It returned {status}")
            }
            Self::ReadyBody { reason } => {
                write!(f, "Ready check endpoint returned data we didn't understand. {reason}")
            }
            Self::NotReady { state } => write!(
                f,
                "Ready check returned a different status than READY. It returned EdgeStatus {{ status: {state:?} }}"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{BufRead, BufReader},
        net::{TcpListener, TcpStream},
        thread,
    };

    use super::*;

    /// Answers each request line with what `answer` makes of it, until the listener is asked for `/stop`.
    fn serve(answer: fn(&str) -> String) -> (String, thread::JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let line = read_head(&stream);
                if line.contains("/stop") {
                    return;
                }
                stream.write_all(answer(&line).as_bytes()).unwrap();
            }
        });
        (format!("http://{address}"), server)
    }

    fn read_head(stream: &TcpStream) -> String {
        let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
        let first = lines.next().unwrap_or_default();
        lines.find(String::is_empty);
        first
    }

    fn response(status: &str, headers: &str, body: &str) -> String {
        let length = body.len();
        format!("HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}")
    }

    fn settings(edge_url: &str) -> Probe {
        Probe { edge_url: edge_url.to_owned(), ca_certificate_file: None }
    }

    fn outcome(finding: &Finding) -> String {
        match &finding.0 {
            Ok(text) => (*text).to_owned(),
            Err(error) => error.to_string(),
        }
    }

    fn answer(line: &str) -> String {
        match line.split('/').nth(1).unwrap_or_default() {
            "good" => response("200 OK", "", r#"{"status":"READY"}"#),
            "old" => response("200 OK", "", r#"{"status":"NOT_READY"}"#),
            "new" => response("200 OK", "", r#"{"status":"NOTREADY"}"#),
            "busy" => response("503 Service Unavailable", "", r#"{"status":"NOTREADY"}"#),
            "moved" => response(
                "308 Permanent Redirect",
                &format!(
                    "location: /good/{}\r\n",
                    line.split_once("/moved/").unwrap().1.split(' ').next().unwrap()
                ),
                "",
            ),
            _ => response("200 OK", "", "nonsense"),
        }
    }

    #[test]
    fn findings() {
        let (base, server) = serve(answer);
        let check = |path: &str, health_says: &str, ready_says: &str| {
            let url = format!("{base}{path}");
            assert_eq!(outcome(&health(&settings(&url))), health_says, "health {path}");
            assert_eq!(outcome(&ready(&settings(&url))).replace(&base, ""), ready_says, "ready {path}");
        };
        let not_ready =
            "Ready check returned a different status than READY. It returned EdgeStatus { status: NotReady }";
        check("/good", "", "OK\n");
        check("/good/", "", "OK\n");
        check("/moved", "", "OK\n");
        check("/old", "", not_ready);
        check("/new", "", not_ready);
        check(
            "/busy",
            "Healthcheck had different status than 200",
            "Ready check did not return 200 for /busy/internal-backstage/ready. It returned 503 Service Unavailable",
        );
        let garbled = outcome(&ready(&settings(&format!("{base}/garbled"))));
        assert!(
            garbled.starts_with("Ready check endpoint returned data we didn't understand. "),
            "{garbled}"
        );
        drop(ready(&settings(&format!("{base}/stop"))));
        server.join().unwrap();
    }

    #[test]
    fn failures_without_an_answer() {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let closed = format!("http://{free}");
        let health_says = outcome(&health(&settings(&closed)));
        assert!(health_says.contains(&format!("{closed}/internal-backstage/health")), "{health_says}");
        let ready_says = outcome(&ready(&settings(&closed)));
        let expected = format!(
            "Failed to connect to ready endpoint at {closed}/internal-backstage/ready. Failed with status None"
        );
        assert_eq!(ready_says, expected);
    }

    #[test]
    fn bad_urls_and_files() {
        assert_eq!(
            outcome(&health(&settings("nonsense"))),
            "Invalid health check url: RelativeUrlWithoutBase"
        );
        assert_eq!(outcome(&ready(&settings("nonsense"))), "Invalid ready check url: RelativeUrlWithoutBase");
        assert!(outcome(&ready(&settings("mailto:x"))).starts_with("Invalid ready check url: "));
        let missing =
            Probe { ca_certificate_file: Some("/nowhere/ca.pem".into()), ..settings("http://127.0.0.1:1") };
        assert_eq!(
            outcome(&health(&missing)),
            r#"Failed to build cert RootCertificatesError("Os { code: 2, kind: NotFound, message: \"No such file or directory\" }")"#
        );
    }
}
