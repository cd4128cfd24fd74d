//! All kinds of faults that are played.
//!
//! Each says how brink is to notice, so that a fault that never reached it is not taken for one that it stood.

use crate::{
    act::{Act, Fault, Line, Place, Shown},
    judge::Leave,
    stage::Stage,
};

/// A kind of fault.
#[derive(Debug, Clone)]
pub struct Kind {
    pub name: String,
    /// Where it can be played; anywhere, if `None`.
    pub stage: Option<Stage>,
    pub what: What,
    pub effect: Effect,
    /// Upstream asks for a long wait, and gets the longest there is.
    pub is_long: bool,
}

impl Kind {
    /// Whether a call may still be under way when the fault has ended, and fail of it later.
    pub fn hangs(&self) -> bool {
        matches!(&self.effect, Effect::Trouble(texts) if texts.iter().any(|text| text == TOO_LATE))
    }
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// Upstream, or the way to it.
    Upstream(Fault),
    /// The clock of brink's machine is set by this.
    Clock(&'static str),
    /// Upstream's name means nothing any more.
    NameGone,
}

/// How it shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// brink says that it cannot fetch features, with one of these texts.
    Trouble(Vec<String>),
    /// New features come through all the same.
    None,
    /// The same, and they are none at all.
    NoFeatures,
    /// Features seem to be fetched, but new ones do not come.
    Stale,
    /// Questions about tokens are answered badly; new features come through.
    Validation,
    /// A token is gone.
    NoToken,
}

impl Effect {
    /// What clients may rightly notice.
    pub fn leave(&self) -> Leave {
        match self {
            Self::NoFeatures => Leave::NoFeatures,
            Self::NoToken => Leave::NoToken,
            _ => Leave::Nothing,
        }
    }
}

/// All of them.
pub fn all() -> Vec<Kind> {
    [connections(), transport(), bodies(), statuses(), redirects(), refusals(), validations(), surroundings()]
        .concat()
}

const TOO_LATE: &str = "no complete answer within";
const CUT: &str = "connection closed before the answer was complete";
const CLOSED: &[&str] = &[CUT, "Peer disconnected", "ended early"];
const NOT_HTTP: &[&str] = &["not an HTTP answer"];
const ODD: &[&str] = &["the answer cannot be used"];

fn kind(name: &str, fault: Fault, effect: Effect) -> Kind {
    Kind { name: name.to_owned(), stage: None, what: What::Upstream(fault), effect, is_long: false }
}

fn trouble(texts: &[&str]) -> Effect {
    Effect::Trouble(texts.iter().map(|text| (*text).to_owned()).collect())
}

fn everywhere(name: &str, act: Act, texts: &[&str]) -> Kind {
    kind(name, Fault::everywhere(act), trouble(texts))
}

fn on(stage: Stage, kind: Kind) -> Kind {
    Kind { stage: Some(stage), ..kind }
}

/// What happens before a request is read.
fn connections() -> Vec<Kind> {
    let line = |name, line, texts: &[&str]| kind(name, Fault::line(line), trouble(texts));
    let no_name = "HTTP/1.1 502 Bad Gateway\r\nx-squid-error: ERR_DNS_FAIL 0\r\ncontent-length: 0\r\n\r\n";
    let who = "HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n";
    vec![
        line("connection refused", Line::Refused, &["connection refused"]),
        kind("restarted at once", Fault::line(Line::Restarted), Effect::None),
        line("reset on accept", Line::Reset, CLOSED),
        line("closed on accept", Line::Closed, CLOSED),
        line("half-closed on accept", Line::HalfClosed, CLOSED),
        line("accepts and says nothing", Line::Silent, &[TOO_LATE, "no connection within"]),
        on(Stage::Tls, line("certificate expired", Line::Shows(Shown::Expired), &["TLS", "Expired"])),
        on(Stage::Tls, line("certificate not yet valid", Line::Shows(Shown::NotYetValid), &["TLS"])),
        on(Stage::Tls, line("certificate of another host", Line::Shows(Shown::OfAnotherHost), &["TLS"])),
        on(Stage::Tunnel, line("certificate of a stranger", Line::Shows(Shown::OfAStranger), &["TLS"])),
        on(Stage::Tls, line("cut in the handshake", Line::CutInHandshake, CLOSED)),
        on(
            Stage::Tls,
            line("silent in the handshake", Line::SilentInHandshake, &[TOO_LATE, "no connection within"]),
        ),
        on(Stage::Tls, line("plain HTTP instead of TLS", Line::Plaintext, &["TLS"])),
        on(Stage::Forward, line("proxy gone", Line::Refused, &["connection refused"])),
        on(Stage::Tunnel, line("proxy of a tunnel gone", Line::Refused, &["connection refused"])),
        on(Stage::Tunnel, line("no name at the proxy of a tunnel", Line::NoTunnel(no_name), &["proxy"])),
        on(Stage::Tunnel, line("proxy of a tunnel wants to know who", Line::NoTunnel(who), &["proxy"])),
    ]
}

/// How an answer comes.
fn transport() -> Vec<Kind> {
    let early = &[CLOSED, &[TOO_LATE]].concat()[..];
    let bad_head = &[NOT_HTTP, CLOSED].concat()[..];
    vec![
        everywhere("reset after the request", Act::Resets, CLOSED),
        everywhere("half-closed after the request", Act::HalfCloses, CLOSED),
        everywhere("reset in the body", Act::ResetsInBody, early),
        everywhere("closed in the body", Act::ClosesInBody, early),
        everywhere("half-closed in the body", Act::HalfClosesInBody, early),
        everywhere("never answers", Act::Silent, &[TOO_LATE]),
        everywhere("head byte by byte, too late", Act::SlowHead, &[TOO_LATE]),
        everywhere("body byte by byte, too late", Act::SlowBody, &[TOO_LATE]),
        kind("byte by byte, in time", Fault::everywhere(Act::SlowInTime), Effect::None),
        everywhere("length too long", Act::LengthTooLong, &[TOO_LATE]),
        everywhere("length too short", Act::LengthTooShort, ODD),
        everywhere("chunks that are none", Act::BadChunks, &["unreadable body", "not an HTTP answer"]),
        everywhere("chunks without end", Act::EndlessChunks, &[TOO_LATE, "more than"]),
        everywhere("rubbish as status line", Act::Raw(b"\x16\x03\x01 what?\r\n\r\n"), bad_head),
        everywhere(
            "status that is no number",
            Act::Raw(b"HTTP/1.1 2OO OK\r\ncontent-length: 0\r\n\r\n"),
            bad_head,
        ),
        everywhere("HTTP/0.9", Act::Raw(b"{\"version\":2,\"features\":[]}"), bad_head),
        everywhere("SMTP", Act::Raw(b"220 mail.example ESMTP ready\r\n"), bad_head),
        everywhere("head without end", Act::EndlessHead, &[TOO_LATE, "not an HTTP answer"]),
        everywhere("head of 1 MB", Act::HugeHead, NOT_HTTP),
        kind("300 interim answers", Fault::everywhere(Act::Interim), Effect::None),
        everywhere(
            "interim answers without end",
            Act::EndlessInterim,
            &[TOO_LATE, "not an HTTP answer", "103"],
        ),
        kind("an answer more than asked for", Fault::everywhere(Act::AnswersTwice), Effect::None),
    ]
}

/// Success, but what comes with it.
fn bodies() -> Vec<Kind> {
    let json = "content-type: application/json\r\n";
    let answer = |name, body| everywhere(name, Act::Answer(200, json, body), ODD);
    vec![
        answer("not JSON", "{\"version\":2,\"features\":[{\"name\":"),
        answer("a list", "[]"),
        answer("null", "null"),
        answer("no features in it", r#"{"version":2}"#),
        answer("features that are none", r#"{"version":2,"features":{"not":"a list"}}"#),
        answer("an empty body", ""),
        answer("not UTF-8 by its escapes", r#"{"version":2,"features":[{"name":"\ud800","enabled":true}]}"#),
        everywhere(
            "a page with 200",
            Act::Answer(200, "content-type: text/html\r\n", "<!doctype html><title>Log in"),
            ODD,
        ),
        everywhere("204", Act::Answer(204, "", ""), ODD),
        everywhere("206", Act::Answer(206, json, r#"{"version":2,"features":["#), ODD),
        everywhere("compressed and cut", Act::CutGzip, &["unreadable body"]),
        everywhere("compressed and damaged", Act::DamagedGzip, &["unreadable body"]),
        everywhere(
            "compressed in an unknown way",
            Act::Answer(200, "content-encoding: lzma\r\n", "?"),
            &["unreadable body"],
        ),
        everywhere("64 MiB when decompressed", Act::GzipBomb, &["more than", TOO_LATE]),
        everywhere("64 MiB announced", Act::HugeLength, &["more than"]),
        kind("no features at all", Fault::of(Act::NoFeatures, Act::Good), Effect::NoFeatures),
        kind("restarted with a smaller revision", Fault::of(Act::SmallerRevision, Act::Good), Effect::None),
    ]
}

/// Statuses that mean that something is wrong.
fn statuses() -> Vec<Kind> {
    let plain =
        [400, 402, 404, 405, 408, 410, 413, 418, 421, 451, 500, 501, 502, 503, 504, 505, 511, 520, 525, 599];
    let plain = plain.map(|status| (status, Act::Status(status), String::new()));
    let waits = ["1", "86400", "99999999999999999999", "Wed, 21 Oct 2099 07:28:00 GMT", "soon", "-5"];
    let waits = waits.map(|wait| (429, Act::RetryAfter(429, wait), format!(", to wait {wait}")));
    let busy = (503, Act::RetryAfter(503, "2"), ", to wait 2".to_owned());
    let rows = plain.into_iter().chain(waits).chain([busy, (429, Act::Status(429), String::new())]);
    rows.map(|(status, act, wait)| Kind {
        is_long: wait.contains("86400") || wait.contains("999"),
        ..everywhere(&format!("status {status}{wait}"), act, &[&format!("upstream answered {status}")])
    })
    .collect()
}

/// Redirects, and 304.
fn redirects() -> Vec<Kind> {
    let to = |name, status, place| {
        everywhere(name, Act::Redirect(status, place), &[&format!("upstream answered {status}")])
    };
    vec![
        to("301 to another origin", 301, Place::Elsewhere),
        to("307 to another origin", 307, Place::Elsewhere),
        to("302 in a circle", 302, Place::Itself),
        to("308 to nowhere", 308, Place::Nowhere),
        everywhere("303 without a place", Act::Status(303), &["upstream answered 303"]),
        everywhere("300", Act::Status(300), &["upstream answered 300"]),
        kind("301 to another path here", Fault::of(Act::Redirect(301, Place::Here), Act::Good), Effect::None),
        kind("304 for ever", Fault::everywhere(Act::NotModified), Effect::Stale),
        kind(
            "304 without a tag",
            Fault::of(Act::NotModifiedUnasked, Act::Good),
            trouble(&["304 although no tag was sent"]),
        ),
    ]
}

/// 401 and 403, which mean that a token may be gone.
fn refusals() -> Vec<Kind> {
    let row = |name: &str, status: u16, features, validate| {
        kind(name, Fault::of(features, validate), trouble(&[&format!("upstream answered {status}")]))
    };
    let unavailable = Act::Answer(503, "", "");
    vec![
        row("401 once", 401, Act::Once(401), Act::Good),
        row("403 once", 403, Act::Once(403), Act::Good),
        row("401 for ever, token valid", 401, Act::Status(401), Act::Good),
        row("403 for ever, token valid", 403, Act::Status(403), Act::Good),
        row("403, validation 500", 403, Act::Status(403), Act::Status(500)),
        row("401, validation 503", 401, Act::Status(401), unavailable),
        row("403, validation rubbish", 403, Act::Status(403), Act::Answer(200, "", "<html>")),
        row("401, validation never answers", 401, Act::Status(401), Act::Silent),
        everywhere("403 everywhere", Act::Status(403), &["upstream answered 403"]),
        everywhere("401 everywhere", Act::Status(401), &["upstream answered 401"]),
        everywhere("407", Act::Status(407), &["upstream answered 407"]),
        kind("the token is revoked", Fault::of(Act::Status(401), Act::ForgetsStartup), Effect::NoToken),
    ]
}

/// Features are fine, questions about tokens are not.
fn validations() -> Vec<Kind> {
    let json = "content-type: application/json\r\n";
    let row = |name, act| kind(name, Fault::of(Act::Good, act), Effect::Validation);
    vec![
        row("validation 500", Act::Status(500)),
        row("validation 403", Act::Status(403)),
        row("validation 404", Act::Status(404)),
        row("validation 204", Act::Answer(204, "", "")),
        row("validation reset", Act::Resets),
        row("validation cut", Act::ClosesInBody),
        row("validation rubbish", Act::Answer(200, json, "{\"tokens\":[{")),
        row("validation of another shape", Act::Answer(200, json, r#"{"tokens":{"all":"fine"}}"#)),
        row("validation null", Act::Answer(200, json, r#"{"tokens":null}"#)),
        row("validation a page", Act::Answer(200, "content-type: text/html\r\n", "<html>Log in")),
    ]
}

/// The clock and the names of brink's machine.
fn surroundings() -> Vec<Kind> {
    let clock = |name: &str, by, effect| Kind {
        what: What::Clock(by),
        stage: Some(Stage::Tls),
        ..kind(name, Fault::NONE, effect)
    };
    let gone = trouble(&["host name not found", "no connection within"]);
    vec![
        clock("clock set forward", "+3h", Effect::None),
        clock("clock set back", "-3h", Effect::None),
        clock("clock set to when the certificate has expired", "+40y", trouble(&["TLS"])),
        Kind { what: What::NameGone, stage: Some(Stage::Names), ..kind("name gone", Fault::NONE, gone) },
    ]
}
