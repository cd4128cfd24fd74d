//! One connection of a stream: the request, its answer's head, and the bytes that follow.
//!
//! Each has an agent of its own, so that another thread can end a blocked read by shutting that agent down. There is no limit
//! for the whole, only one for each read.

use std::{
    io::{self, Read},
    time::Duration,
};

use http::{
    HeaderName, HeaderValue, Response,
    header::{ACCEPT, ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_TYPE, LOCATION},
};
use ureq::{Agent, Body, BodyReader, Timeout};
use url::Url;

use crate::upstream::{
    answer,
    client::{Client, get_request, is_redirect},
    error::{CallError, Unreadable},
    limits::REDIRECTS_MAX,
    url::redirect_target,
};

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
const SDK_TYPE: HeaderName = HeaderName::from_static("unleash-sdk-type");

/// Why no more bytes come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// The other side has ended it, or it broke.
    Ended,
    /// Not a byte within the limit.
    Silent,
}

/// An open stream.
pub struct Line {
    body: BodyReader<'static>,
}

/// How to open one.
pub struct Opening<'a> {
    pub token: &'a str,
    /// To resume from.
    pub id: Option<&'a str>,
    /// How long a read may take.
    pub silence: Duration,
}

impl Line {
    /// Asks for `/api/client/streaming` with the headers of Unleash Edge 20.4, and follows redirects within the origin.
    pub fn open(client: &Client, agent: &Agent, opening: &Opening<'_>) -> Result<Self, CallError> {
        let mut url = client.url("/api/client/streaming");
        let mut response = ask(client, agent, &url, opening)?;
        for _ in 0..REDIRECTS_MAX {
            if !is_redirect(response.status()) {
                break;
            }
            let location = response.headers().get(LOCATION).and_then(|location| location.to_str().ok());
            url = redirect_target(&url, location)
                .map_err(|why| client.not_followed(&response, &why, opening.token))?;
            response = ask(client, agent, &url, opening)?;
        }
        if is_redirect(response.status()) {
            return Err(client.not_followed(&response, "too many redirects", opening.token));
        }
        if response.status() != 200 {
            return Err(client.refusal(response, &[opening.token]));
        }
        check_type(&response)?;
        Ok(Self { body: response.into_body().into_with_config().limit(u64::MAX).reader() })
    }

    /// Waits for the next bytes.
    pub fn read<'b>(&mut self, buffer: &'b mut [u8]) -> Result<&'b [u8], Cut> {
        loop {
            return match self.body.read(buffer) {
                Ok(0) => Err(Cut::Ended),
                Ok(read) => Ok(buffer.get(..read).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => Err(cut(error)),
            };
        }
    }
}

fn ask(
    client: &Client,
    agent: &Agent,
    url: &Url,
    opening: &Opening<'_>,
) -> Result<Response<Body>, CallError> {
    let mut own = vec![
        (ACCEPT, HeaderValue::from_static("text/event-stream")),
        // A compressor may hold an event back.
        (ACCEPT_ENCODING, HeaderValue::from_static("identity")),
        (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (SDK_TYPE, HeaderValue::from_static("edge")),
    ];
    if let Some(id) = opening.id {
        let id = HeaderValue::from_str(id).map_err(|_| CallError::Unsendable { part: "event id" })?;
        own.push((LAST_EVENT_ID, id));
    }
    let headers = client.headers_for(opening.token, own)?;
    let request = agent
        .configure_request(get_request(url, &headers)?)
        .timeout_global(None)
        .timeout_recv_response(Some(client.call_limit()))
        .timeout_per_read(Some(opening.silence))
        .build();
    agent.run(request).map_err(answer::failure)
}

/// A login page with status 200 is no stream.
fn check_type(response: &Response<Body>) -> Result<(), CallError> {
    let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or("nothing");
    let media = kind.split(';').next().unwrap_or_default().trim();
    if media.eq_ignore_ascii_case("text/event-stream") {
        return Ok(());
    }
    let cause = Unreadable::NotAStream(kind.chars().take(60).collect());
    Err(CallError::Unreadable { status: response.status().as_u16(), cause })
}

fn cut(error: io::Error) -> Cut {
    match ureq::Error::from(error) {
        ureq::Error::Timeout(Timeout::PerRead) => Cut::Silent,
        _ => Cut::Ended,
    }
}
