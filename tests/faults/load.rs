//! SDKs: each asks all the time over one connection, with a token that has been served before.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use crate::{
    brink::{Brink, Client, Response},
    judge::Judge,
    world::{BROWSER, CLIENT, STARTUP, STEADY},
};

/// Between two requests of a client, which leaves the machine to others meanwhile.
const PAUSE: Duration = Duration::from_millis(15);

/// Stands for a connection that ended in place of an answer.
pub const NO_ANSWER: u16 = 0;

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probe {
    /// `GET /api/client/features`
    Features,
    /// The same, with the tag of the last answer.
    FeaturesIfChanged,
    /// `GET /api/frontend`, with the tag of the last answer.
    FrontendIfChanged,
    /// `POST /api/frontend`
    FrontendPost,
    /// `GET /api/client/features/{name}`
    OneFeature,
    /// `POST /edge/validate`
    Validate,
    /// `POST /api/client/metrics`
    Metrics,
    /// `POST /api/frontend/client/metrics`
    FrontendMetrics,
    /// `POST /api/client/register`
    Register,
    /// `GET /internal-backstage/ready`
    Ready,
}

/// What each client asks in turn. Those of the first [`WATCHERS`] tell what is seen.
const CLIENTS: [&[Probe]; 4] = [
    &[Probe::Features],
    &[Probe::FeaturesIfChanged],
    &[Probe::FrontendIfChanged, Probe::FrontendPost],
    &[
        Probe::OneFeature,
        Probe::Validate,
        Probe::Metrics,
        Probe::FrontendMetrics,
        Probe::Register,
        Probe::Ready,
    ],
];

/// Clients that look at features.
pub const WATCHERS: usize = 3;

impl Probe {
    /// Whose view of the features this is.
    pub fn watcher(self) -> Option<usize> {
        match self {
            Self::Features => Some(0),
            Self::FeaturesIfChanged => Some(1),
            Self::FrontendIfChanged | Self::FrontendPost => Some(2),
            _ => None,
        }
    }

    pub fn has_features(self) -> bool {
        self.watcher().is_some()
    }

    pub fn is_good(self, status: u16) -> bool {
        match self {
            Self::FeaturesIfChanged | Self::FrontendIfChanged => matches!(status, 200 | 304),
            Self::Metrics | Self::FrontendMetrics | Self::Register => status == 202,
            _ => status == 200,
        }
    }

    fn is_conditional(self) -> bool {
        matches!(self, Self::FeaturesIfChanged | Self::FrontendIfChanged)
    }

    /// Method, path, token and body.
    fn request(self) -> (&'static str, String, &'static str, String) {
        let metrics = || {
            let toggles = format!(r#"{{"{STEADY}":{{"yes":1,"no":0,"variants":{{}}}}}}"#);
            let times = r#""start":"2026-01-01T00:00:00Z","stop":"2026-01-01T00:01:00Z""#;
            format!(r#"{{"appName":"game","instanceId":"1","bucket":{{{times},"toggles":{toggles}}}}}"#)
        };
        let path = |text: &str| text.to_owned();
        match self {
            Self::Features => ("GET", path("/api/client/features"), STARTUP, String::new()),
            Self::FeaturesIfChanged => ("GET", path("/api/client/features"), CLIENT, String::new()),
            Self::FrontendIfChanged => ("GET", path("/api/frontend?userId=7"), BROWSER, String::new()),
            Self::FrontendPost => {
                ("POST", path("/api/frontend"), BROWSER, r#"{"context":{"userId":"7"}}"#.to_owned())
            }
            Self::OneFeature => ("GET", format!("/api/client/features/{STEADY}"), CLIENT, String::new()),
            Self::Validate => {
                let body = format!(r#"{{"tokens":["{STARTUP}","{CLIENT}","{BROWSER}"]}}"#);
                ("POST", path("/edge/validate"), STARTUP, body)
            }
            Self::Metrics => ("POST", path("/api/client/metrics"), CLIENT, metrics()),
            Self::FrontendMetrics => ("POST", path("/api/frontend/client/metrics"), BROWSER, metrics()),
            Self::Register => {
                let body = r#"{"appName":"game","instanceId":"1","started":"2026-01-01T00:00:00Z","interval":15000,
                    "strategies":["default"]}"#;
                ("POST", path("/api/client/register"), CLIENT, body.to_owned())
            }
            Self::Ready => ("GET", path("/internal-backstage/ready"), STARTUP, String::new()),
        }
    }
}

/// Starts all clients of a lane; they stop when told.
pub fn start<'scope>(
    scope: &'scope thread::Scope<'scope, '_>,
    brink: &'scope Brink,
    judge: &'scope Judge,
    stop: &'scope AtomicBool,
) {
    for probes in CLIENTS {
        let connection = brink.connect();
        scope.spawn(move || Asking { brink, connection, judge, kept: None }.ask(probes, stop));
    }
}

/// One client.
struct Asking<'a> {
    brink: &'a Brink,
    connection: Client,
    judge: &'a Judge,
    /// The tag of the last answer, and the number of what it stands for.
    kept: Option<(String, u64)>,
}

impl Asking<'_> {
    fn ask(&mut self, probes: &[Probe], stop: &AtomicBool) {
        for probe in probes.iter().copied().cycle() {
            if stop.load(Ordering::Relaxed) {
                return;
            }
            self.probe(probe);
            thread::sleep(PAUSE);
        }
    }

    fn probe(&mut self, probe: Probe) {
        let (method, path, token, body) = probe.request();
        let tag = self.kept.as_ref().filter(|_| probe.is_conditional());
        let condition = tag.map(|(tag, _)| format!("if-none-match: {tag}\r\n")).unwrap_or_default();
        let sent = Instant::now();
        let response = exchange(&mut self.connection, method, &path, token, &condition, &body);
        let Some(response) = response else {
            self.judge.accuse(&format!("{probe:?}"), NO_ANSWER, sent);
            self.connection = self.brink.connect();
            return;
        };
        let kept = self.kept.as_ref().map(|(_, number)| *number);
        let seen = self.judge.look(probe, &response, sent, kept);
        if let (true, 200, Some(tag), Some(number)) =
            (probe.is_conditional(), response.status, response.header("etag"), seen)
        {
            self.kept = Some((tag.to_owned(), number));
        }
    }
}

/// One request and its answer; `None` if the connection ends instead. `lines` are further header lines.
pub fn exchange(
    connection: &mut Client,
    method: &str,
    path: &str,
    token: &str,
    lines: &str,
    body: &str,
) -> Option<Response> {
    let length = match method {
        "POST" => format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len()),
        _ => String::new(),
    };
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: {token}\r\n{lines}{length}\r\n"
    );
    connection.try_send(head + body).ok()?;
    connection.read(false)
}
