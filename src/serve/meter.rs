//! What the request path tells the meter: route, method and a few headers, never a text of the client's as a label.

use brink_shards::{Request, http::head::Method};
use crossbeam_channel::Sender;

use super::{
    Edge,
    frontend::Wanted,
    route::{Api, Route},
};
use crate::{
    messages::Measured,
    observe::{
        endpoint::{Endpoint, Evaluation, Verb},
        meter::Heard,
    },
};

impl Edge {
    /// Notes what is asked; it is counted when it is answered.
    pub(super) fn meter_request(&mut self, route: &Route<'_>, path: &str, request: &Request<'_>) {
        let below_base = self.rules.below_base(path);
        match endpoint(route, below_base) {
            Some(endpoint) => self.meter.ask(endpoint, verb(&request.head.method), &heard(request)),
            None => self.meter.ask_uncounted(),
        }
    }

    /// A snapshot that was published then is applied now.
    pub(super) fn measure_applied(&mut self, published: Option<std::time::Instant>) {
        if let (Some(published), Some(seat)) = (published, self.seat) {
            self.meter.applied((seat.clock)().saturating_duration_since(published));
        }
    }

    /// Gives a copy of all numbers away.
    pub(super) fn show_figures(&mut self, answers: &Sender<Measured>) {
        if let Some(seat) = self.seat {
            let streams = self.streams.get_mut();
            streams.forget_gone();
            self.meter.streams(streams.open(), streams.opened());
            let figures = Box::new(self.meter.figures().clone());
            // Nobody waits any more, or this shard was asked twice: the next copy has the same and more.
            let _ = answers.try_send(Measured { shard: seat.shard, figures });
        }
    }
}

/// Where a request is counted; `None` is nowhere, as in Unleash Edge 20.4: the backstage, and what looks for it.
pub(super) fn endpoint(route: &Route<'_>, below_base: &str) -> Option<Endpoint> {
    let of_frontend = |what| {
        Some(if below_base.starts_with("/api/proxy") {
            Endpoint::Proxy(what)
        } else {
            Endpoint::Frontend(what)
        })
    };
    match route {
        Route::Features => Some(Endpoint::Features),
        Route::Feature(_) => Some(Endpoint::Feature),
        Route::Delta => Some(Endpoint::Delta),
        Route::Streaming => Some(Endpoint::Streaming),
        Route::Metrics(Api::Client) => Some(Endpoint::Metrics),
        Route::Register(Api::Client) => Some(Endpoint::Register),
        Route::MetricsBulk => Some(Endpoint::MetricsBulk),
        Route::MetricsEdge => Some(Endpoint::MetricsEdge),
        Route::Heartbeat => Some(Endpoint::Heartbeat),
        Route::Validate => Some(Endpoint::Validate),
        Route::Frontend(Wanted::Enabled) => of_frontend(Evaluation::Enabled),
        Route::Frontend(Wanted::All) => of_frontend(Evaluation::All),
        Route::Frontend(Wanted::One(_)) => of_frontend(Evaluation::One),
        Route::Metrics(Api::Frontend { all: false }) => of_frontend(Evaluation::Metrics),
        Route::Metrics(Api::Frontend { all: true }) => of_frontend(Evaluation::AllMetrics),
        Route::Register(Api::Frontend { all: false }) => of_frontend(Evaluation::Register),
        Route::Register(Api::Frontend { all: true }) => of_frontend(Evaluation::AllRegister),
        Route::Health | Route::Ready | Route::Page(_) | Route::Docs(_) => None,
        Route::Unknown if is_left_out(below_base) => None,
        Route::Unknown => Some(Endpoint::Unknown),
    }
}

fn is_left_out(path: &str) -> bool {
    ["/internal-backstage", "/metrics", "/favicon.ico"].iter().any(|prefix| path.starts_with(prefix))
}

fn verb(method: &Method<'_>) -> Verb {
    match method {
        Method::Connect => Verb::Connect,
        Method::Delete => Verb::Delete,
        Method::Get => Verb::Get,
        Method::Head => Verb::Head,
        Method::Options => Verb::Options,
        Method::Patch => Verb::Patch,
        Method::Post => Verb::Post,
        Method::Put => Verb::Put,
        Method::Trace => Verb::Trace,
        Method::Other(_) => Verb::Other,
    }
}

/// One pass over the headers; names are told apart by length before they are compared.
fn heard<'r>(request: &Request<'r>) -> Heard<'r> {
    let mut heard = Heard { accept_encoding: request.head.known.accept_encoding, ..Heard::default() };
    for header in request.head.headers {
        let is = |name: &str| header.name.eq_ignore_ascii_case(name);
        match header.name.len() {
            11 if heard.sdk.is_none() && is("unleash-sdk") => heard.sdk = Some(header.value),
            16 if heard.interval_ms.is_none() && is("unleash-interval") => {
                heard.interval_ms = number(header.value)
            }
            19 if heard.spec.is_none() && is("unleash-client-spec") => heard.spec = Some(header.value),
            _ => {}
        }
    }
    heard
}

/// Decimal digits; too large a number is the largest.
fn number(text: &[u8]) -> Option<u32> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let add = |number: u32, digit: &u8| number.saturating_mul(10).saturating_add(u32::from(digit - b'0'));
    Some(text.iter().fold(0, add))
}
