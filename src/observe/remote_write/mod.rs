//! Pushes everything that is measured to a receiver of Prometheus remote write, version 1 (metrics.md 4.1).
//!
//! A thread of its own, with an HTTP client of its own: nothing of the upstream options applies. The first push comes one
//! interval after the start, the last one before the stop. What cannot be delivered is dropped; the next push has it all
//! again, since counters only grow. Failures are said once, and the recovery.

mod wire;

use std::{
    convert::Infallible,
    io,
    time::{Duration, SystemTime},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use crossbeam_channel::{Receiver, select, tick};
use http::{HeaderMap, HeaderValue, header};
use percent_encoding::percent_decode_str;
use prost::Message;
use ureq::Agent;
use url::Url;

use self::wire::write_request;
use super::{collector, exposition::Exposition};
use crate::{
    config::settings::{Instance, RemoteWrite},
    control::Control,
};

/// For one push, all of it. Unleash Edge 20.4 has none, so that a silent receiver stops it for ever.
const TIMEOUT: Duration = Duration::from_secs(10);

/// What every series says beside its own labels.
pub fn labels(instance: &Instance, target: &RemoteWrite) -> Vec<(&'static str, String)> {
    let always = [
        ("app_name", &instance.app_name),
        ("client_id", &instance.client_id),
        ("instance_id", &instance.instance_id),
    ];
    let given = [("hostname", &target.hostname), ("ec2_instance_id", &target.ec2_instance_id)];
    let given = given.into_iter().filter_map(|(name, value)| Some((name, value.clone()?)));
    always.into_iter().map(|(name, value)| (name, value.clone())).chain(given).collect()
}

/// Starts the thread.
///
/// # Errors
/// If the system has no thread left.
pub fn start(
    target: &RemoteWrite,
    labels: Vec<(&'static str, String)>,
    exposition: Exposition,
) -> io::Result<Control> {
    let mut pusher = Pusher::new(target, labels, exposition);
    let interval = target.interval;
    Control::start("remote-write", move |stopped| pusher.run(interval, stopped))
}

struct Pusher {
    agent: Agent,
    /// Without credentials.
    url: Url,
    headers: HeaderMap,
    labels: Vec<(&'static str, String)>,
    exposition: Exposition,
    /// The last push failed; said when that changes.
    in_trouble: bool,
}

/// Why a push was not taken.
#[derive(Debug, thiserror::Error)]
enum PushError {
    #[error("the receiver answered {0}")]
    Refused(u16),
    #[error("no answer: {0}")]
    Unreachable(String),
    #[error("the figures are too many to be compressed at once")]
    TooMuch,
}

impl Pusher {
    fn new(target: &RemoteWrite, labels: Vec<(&'static str, String)>, exposition: Exposition) -> Self {
        let given = target.url.expose();
        let mut url = given.clone();
        // Refused only by URLs without a host, which the configuration does not let through.
        let _ = url.set_username("").and_then(|()| url.set_password(None));
        let credentials = match &target.credentials {
            Some((name, password)) => Some((name.clone(), password.expose().to_owned())),
            None => credentials_of(given),
        };
        let agent = collector::agent(&url, TIMEOUT);
        Self { agent, url, headers: headers(credentials), labels, exposition, in_trouble: false }
    }

    fn run(&mut self, interval: Duration, stopped: &Receiver<Infallible>) {
        let due = tick(interval);
        loop {
            select! {
                recv(due) -> _ => self.push_and_say(),
                recv(stopped) -> _ => return,
            }
        }
    }

    fn push_and_say(&mut self) {
        match self.push() {
            Ok(()) if std::mem::take(&mut self.in_trouble) => tracing::info!("Metrics are pushed again"),
            Ok(()) => {}
            Err(error) => {
                if !std::mem::replace(&mut self.in_trouble, true) {
                    tracing::warn!("Could not push metrics, will keep trying: {error}");
                }
            }
        }
    }

    fn push(&mut self) -> Result<(), PushError> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let at_ms = i64::try_from(now.as_millis()).unwrap_or(i64::MAX);
        let request = write_request(&self.exposition.families(), &self.labels, at_ms);
        let body = snap::raw::Encoder::new().compress_vec(&request.encode_to_vec());
        let mut post = self.agent.post(self.url.as_str());
        if let Some(headers) = post.headers_mut() {
            headers.extend(self.headers.clone());
        }
        let response =
            post.send(body.map_err(|_| PushError::TooMuch)?).map_err(|error| unreachable(&error))?;
        match response.status() {
            status if status.is_success() => Ok(()),
            status => Err(PushError::Refused(status.as_u16())),
        }
    }
}

/// A URL may hold more secrets than its credentials, so it is not said.
fn unreachable(error: &ureq::Error) -> PushError {
    PushError::Unreachable(match error {
        ureq::Error::BadUri(_) | ureq::Error::RequireHttpsOnly(_) => "bad URL".to_owned(),
        other => other.to_string(),
    })
}

fn credentials_of(url: &Url) -> Option<(String, String)> {
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let name = Some(url.username()).filter(|name| !name.is_empty())?;
    Some((decoded(name), decoded(url.password().unwrap_or_default())))
}

fn headers(credentials: Option<(String, String)>) -> HeaderMap {
    let fixed = [
        (header::CONTENT_TYPE, "application/x-protobuf"),
        (header::CONTENT_ENCODING, "snappy"),
        (header::USER_AGENT, "unleash_edge"),
    ];
    let mut headers: HeaderMap =
        fixed.into_iter().map(|(name, value)| (name, HeaderValue::from_static(value))).collect();
    headers.insert("x-prometheus-remote-write-version", HeaderValue::from_static("0.1.0"));
    if let Some((name, password)) = credentials {
        let basic = format!("Basic {}", STANDARD.encode(format!("{name}:{password}")));
        // Base 64 is legal in a header.
        if let Ok(mut value) = HeaderValue::try_from(basic) {
            value.set_sensitive(true);
            headers.insert(header::AUTHORIZATION, value);
        }
    }
    headers
}

#[cfg(test)]
mod tests;
