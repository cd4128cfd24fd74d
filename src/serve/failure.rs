//! What a client sees when it does not get what it asked for. Decided here and nowhere else.

use std::borrow::Cow;

use brink_shards::{Body, Call, Outcome, Request};

use serde_json::json;

use super::{cors::Cors, replica::Replica, route::Route};
use crate::{messages::Verdict, tokens::scope::Scope};

const TEXT: &[u8] = b"content-type: text/plain; charset=utf-8\r\n";
const JSON: &[u8] = b"content-type: application/json\r\n";
/// RFC 9110 section 11.6.1, RFC 7617 and RFC 6750. A line each: Chromium takes a line for one challenge, and would ask
/// nobody for a password.
const CHALLENGE: &[u8] = b"www-authenticate: Basic realm=\"backstage\", charset=\"UTF-8\"\r\n\
    www-authenticate: Bearer\r\n";
/// SDKs try again after a 503; some stop for good after a 401 or 403. So doubt is always a 503.
const RETRY: &[u8] = b"retry-after: 1\r\n";
/// Streams seldom end, so there is no use in coming back at once.
const RETRY_LATER: &[u8] = b"retry-after: 60\r\n";

/// Why a request is not answered as asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The token may not, or the peer may not. 403, empty.
    Forbidden {
        /// Methods of the route, if the method was wrong as well.
        allow: Option<&'static str>,
    },
    /// The backstage asks for its token. 401, empty; browsers then ask their user for a password.
    Unauthorized,
    /// The token is new and its validation is deferred. 401, empty.
    Unvalidated,
    /// No such path or feature. 404, empty.
    NotFound,
    /// 405, empty.
    MethodNotAllowed {
        /// Methods of the route.
        allow: &'static str,
    },
    /// A query string that cannot be read. 400 with this text.
    BadQuery(&'static str),
    /// A query string of the frontend API that cannot be read. 400, empty.
    BadContextQuery,
    /// 415 with a text.
    NotJsonType,
    /// 400 with a text that ends in this.
    BodyNotJson(Cow<'static, str>),
    /// 422 with a text that ends in this.
    BodyOfWrongShape(Cow<'static, str>),
    /// 413 with a text.
    BodyTooLarge,
    /// The token's environment is not loaded and may be later (dynamic mode). 511 with JSON.
    NoEnvironment {
        /// The token's scope.
        scope: usize,
    },
    /// The data of the token's scope is not decided yet. 503, empty.
    Loading,
    /// A document cannot be made now, or no stream be opened since the process stops. 503, empty.
    Busy,
    /// No verdict about the token can be had now. 503 with JSON.
    NoVerdict {
        /// Status of upstream's answer, if there was one.
        status: Option<u16>,
    },
    /// A redirect without a usable host to lead to. 400 with a text.
    NoHost,
    /// As many streams as there may be are open. 429, empty; SDKs then poll.
    TooManyStreams,
    /// The readiness probe says no. 503 with JSON.
    NotReady,
}

impl Failure {
    /// A refused token is told the methods if the method is wrong too, as Unleash Edge 20.4 does.
    pub fn with_allow_of(self, method: &Result<(), Failure>) -> Self {
        match (self, method) {
            (Self::Forbidden { .. }, Err(Self::MethodNotAllowed { allow })) => {
                Self::Forbidden { allow: Some(*allow) }
            }
            (failure, _) => failure,
        }
    }

    /// Writes the answer.
    pub fn reply(
        self,
        cors: &Cors,
        replica: &Replica,
        route: &Route<'_>,
        request: &Request<'_>,
        call: &mut Call<'_, Verdict>,
    ) -> Outcome {
        let reply = call.reply(self.status());
        let is_bare = route.is_backstage() || self == Self::NoHost;
        let reply = if is_bare { reply } else { cors.add(request, reply) };
        match self {
            Self::NotFound | Self::Unvalidated | Self::BadContextQuery | Self::Forbidden { allow: None } => {
                reply.send(Body::Empty)
            }
            Self::Unauthorized => reply.lines(CHALLENGE).send(Body::Empty),
            Self::Forbidden { allow: Some(allow) } | Self::MethodNotAllowed { allow } => {
                reply.header("allow", allow.as_bytes()).send(Body::Empty)
            }
            Self::BadQuery(text) => reply.lines(TEXT).send(Body::Bytes(text.as_bytes())),
            Self::NotJsonType => {
                reply.lines(TEXT).send(Body::Bytes(b"Expected request with `Content-Type: application/json`"))
            }
            Self::BodyNotJson(why) => {
                let text = format!("Failed to parse the request body as JSON: {why}");
                reply.lines(TEXT).send(Body::Bytes(text.as_bytes()))
            }
            Self::BodyOfWrongShape(what) => {
                let text = format!("Failed to deserialize the JSON body into the target type: {what}");
                reply.lines(TEXT).send(Body::Bytes(text.as_bytes()))
            }
            Self::BodyTooLarge => reply
                .lines(TEXT)
                .send(Body::Bytes(b"Failed to buffer the request body: length limit exceeded")),
            Self::NoEnvironment { scope } => {
                reply.lines(JSON).send(Body::Bytes(&no_environment(replica.describe(scope))))
            }
            Self::Loading | Self::Busy => reply.lines(RETRY).send(Body::Empty),
            Self::TooManyStreams => reply.lines(RETRY_LATER).send(Body::Empty),
            Self::NoVerdict { status } => {
                reply.lines(RETRY).lines(JSON).send(Body::Bytes(explanation(status).as_bytes()))
            }
            Self::NoHost => reply.lines(TEXT).send(Body::Bytes(b"No host found in request")),
            Self::NotReady => reply
                .lines(JSON)
                .send(Body::Bytes(br#"{"error":"Edge is not ready to serve requests","status":"NOTREADY"}"#)),
        }
    }

    fn status(&self) -> u16 {
        match self {
            Self::Forbidden { .. } => 403,
            Self::Unauthorized | Self::Unvalidated => 401,
            Self::NotFound => 404,
            Self::MethodNotAllowed { .. } => 405,
            Self::BadQuery(_) | Self::BadContextQuery | Self::BodyNotJson(_) | Self::NoHost => 400,
            Self::NotJsonType => 415,
            Self::BodyOfWrongShape(_) => 422,
            Self::BodyTooLarge => 413,
            Self::TooManyStreams => 429,
            Self::NoEnvironment { .. } => 511,
            Self::Loading | Self::Busy | Self::NoVerdict { .. } | Self::NotReady => 503,
        }
    }
}

/// As Unleash Edge answered up to version 19.
fn no_environment(scope: Option<&Scope>) -> Vec<u8> {
    let environment = scope.and_then(|scope| scope.environment.as_deref());
    let project = scope.map(|scope| scope.projects.names().join(","));
    let explanation = "Edge has no data for this environment and these projects yet: request the client features once \
                       with a backend token that covers them, then try again";
    let access =
        json!({"access": {"environment": environment, "project": project}, "explanation": explanation});
    access.to_string().into_bytes()
}

fn explanation(status: Option<u16>) -> String {
    let status = status.unwrap_or(503);
    format!(
        r#"{{"explanation":"Received a non 200 status code when trying to validate token upstream","status_code":"{status}"}}"#
    )
}
