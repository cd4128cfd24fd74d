//! The requests that are measured, and what each must be answered with.
//!
//! Before a case is measured its answer is learnt from the server itself: the ETag for the 304,
//! whether the compressed form is there yet, and the size that the bare server has to match.

use std::thread;
use std::time::{Duration, Instant};

use clap::ValueEnum;
use serde::Serialize;

use crate::failure::Failure;
use crate::http::Request;
use crate::probe::{self, Answer};
use crate::processes::{Server, TOKEN_CLIENT, TOKEN_FRONTEND, TOKEN_UNKNOWN};

const FEATURES: &str = "/api/client/features";
/// The context of the frontend cases, every field given; it makes rollouts by user and session stable.
const FRONTEND: &str = "/api/frontend?userId=user-4711&sessionId=8c7b9e1f&environment=production&appName=shop\
    &remoteAddress=10.2.3.4&currentTime=2026-06-01T12:00:00Z&properties%5Bplan%5D=team\
    &properties%5Bcountry%5D=NO&properties%5Bregion%5D=eu-north&properties%5BtenantId%5D=tenant-17\
    &properties%5BappVersion%5D=4.12.3&properties%5Bage%5D=44&properties%5Bemail%5D=a%40example.com";
/// The same as JSON.
const FRONTEND_BODY: &str = r#"{"userId":"user-4711","sessionId":"8c7b9e1f","environment":"production","appName":"shop","remoteAddress":"10.2.3.4","currentTime":"2026-06-01T12:00:00Z","properties":{"plan":"team","country":"NO","region":"eu-north","tenantId":"tenant-17","appVersion":"4.12.3","age":"44","email":"a@example.com"}}"#;
/// What an SDK reports in a minute: ten flags, four of them with a variant.
const REPORT: &str = r#"{"appName":"shop","instanceId":"shop-7c9","bucket":{"start":"2026-06-01T12:00:00Z","stop":"2026-06-01T12:01:00Z","toggles":{"flag-0":{"yes":12,"no":3,"variants":{"blue":12}},"flag-1":{"yes":13,"no":3,"variants":{}},"flag-2":{"yes":14,"no":3,"variants":{}},"flag-3":{"yes":15,"no":3,"variants":{"blue":15}},"flag-4":{"yes":16,"no":3,"variants":{}},"flag-5":{"yes":17,"no":3,"variants":{}},"flag-6":{"yes":18,"no":3,"variants":{"blue":18}},"flag-7":{"yes":19,"no":3,"variants":{}},"flag-8":{"yes":20,"no":3,"variants":{}},"flag-9":{"yes":21,"no":3,"variants":{"blue":21}}}}}"#;
/// How long a server may take until it has a compressed form of a document.
const LEARN_MAX: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(20);

/// One kind of request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Case {
    /// 200 with the whole document, not compressed.
    Identity,
    /// 200 with the document compressed by gzip.
    Gzip,
    /// 304 to the ETag of the document.
    #[value(name = "304")]
    #[serde(rename = "304")]
    NotModified,
    /// 403 to an unknown token.
    #[value(name = "403")]
    #[serde(rename = "403")]
    UnknownToken,
    /// 200 of the health check.
    Health,
    /// 200 with the flags that are on for the context of the query.
    Frontend,
    /// The same for the context of a JSON body.
    #[value(name = "frontend_post")]
    #[serde(rename = "frontend_post")]
    FrontendPost,
    /// The same as `frontend` for a client that takes gzip. A server may leave a short answer as it is.
    #[value(name = "frontend_gzip")]
    #[serde(rename = "frontend_gzip")]
    FrontendGzip,
    /// 202 to a report of how often ten flags were evaluated.
    Metrics,
    /// 200 with the document compressed by brotli. Not among the standard cases.
    Br,
}

/// A request whose answer is known.
#[derive(Clone, Debug)]
pub struct Learnt {
    pub request: Request,
    pub answer: Answer,
}

impl Case {
    /// The cases of a standard comparison.
    pub const STANDARD: [Self; 9] = [
        Self::Identity,
        Self::Gzip,
        Self::NotModified,
        Self::UnknownToken,
        Self::Health,
        Self::Frontend,
        Self::FrontendPost,
        Self::FrontendGzip,
        Self::Metrics,
    ];

    /// As it stands in tables and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Gzip => "gzip",
            Self::NotModified => "304",
            Self::UnknownToken => "403",
            Self::Health => "health",
            Self::Br => "br",
            Self::Frontend => "frontend",
            Self::FrontendPost => "frontend_post",
            Self::FrontendGzip => "frontend_gzip",
            Self::Metrics => "metrics",
        }
    }

    /// The status of the right answer.
    pub fn status(self) -> u16 {
        match self {
            Self::NotModified => 304,
            Self::UnknownToken => 403,
            Self::Metrics => 202,
            Self::Identity | Self::Gzip | Self::Health | Self::Br => 200,
            Self::Frontend | Self::FrontendPost | Self::FrontendGzip => 200,
        }
    }

    /// Asks the server until it answers as the case demands.
    pub fn learn(self, server: &Server) -> Result<Learnt, Failure> {
        let start = Instant::now();
        loop {
            let found = self.ask(server);
            match found {
                Ok(learnt) if self.fits(&learnt.answer) => return Ok(learnt),
                _ if start.elapsed() < LEARN_MAX => thread::sleep(PAUSE),
                _ => return Err(self.misfit(server, found)),
            }
        }
    }

    fn ask(self, server: &Server) -> std::io::Result<Learnt> {
        let mut request = self.request();
        if self == Self::NotModified {
            let first = probe::ask(server.endpoint(), &request)?;
            request = request.with("If-None-Match", &first.etag.unwrap_or_default());
        }
        let answer = probe::ask(server.endpoint(), &request)?;
        Ok(Learnt { request, answer })
    }

    /// The request as it is before anything is learnt.
    pub fn request(self) -> Request {
        let features = |token| Request::new(FEATURES).with("Authorization", token);
        let frontend = |target| Request::new(target).with("Authorization", TOKEN_FRONTEND);
        match self {
            Self::Identity | Self::NotModified => features(TOKEN_CLIENT),
            Self::Gzip => features(TOKEN_CLIENT).with("Accept-Encoding", "gzip"),
            Self::Br => features(TOKEN_CLIENT).with("Accept-Encoding", "br"),
            Self::UnknownToken => features(TOKEN_UNKNOWN),
            Self::Health => Request::new("/internal-backstage/health"),
            Self::Frontend => frontend(FRONTEND),
            Self::FrontendPost => frontend("/api/frontend").post_json(FRONTEND_BODY),
            Self::FrontendGzip => frontend(FRONTEND).with("Accept-Encoding", "gzip"),
            Self::Metrics => {
                Request::new("/api/client/metrics").with("Authorization", TOKEN_CLIENT).post_json(REPORT)
            }
        }
    }

    fn fits(self, answer: &Answer) -> bool {
        let encoding = match self {
            Self::Gzip => Some("gzip"),
            Self::Br => Some("br"),
            Self::FrontendGzip if answer.encoding.is_some() => Some("gzip"),
            _ => None,
        };
        answer.status == self.status() && answer.encoding.as_deref() == encoding
    }

    fn misfit(self, server: &Server, found: std::io::Result<Learnt>) -> Failure {
        let found = match found {
            Ok(Learnt { answer, .. }) => {
                format!(
                    "{} with encoding {}",
                    answer.status,
                    answer.encoding.as_deref().unwrap_or("identity")
                )
            }
            Err(error) => error.to_string(),
        };
        Failure::UnexpectedAnswer {
            server: server.program().name(),
            case: self.name(),
            wanted: self.status(),
            found,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(case: Case, status: u16, encoding: Option<&str>, wanted: bool) {
        let answer = Answer {
            status,
            etag: None,
            encoding: encoding.map(str::to_owned),
            body_bytes: 0,
            wire_bytes: 0,
        };
        assert_eq!(case.fits(&answer), wanted, "{case:?} {status} {encoding:?}");
    }

    #[test]
    fn only_the_right_answer_fits() {
        check(Case::Identity, 200, None, true);
        check(Case::Identity, 200, Some("gzip"), false);
        check(Case::Identity, 403, None, false);
        check(Case::Gzip, 200, Some("gzip"), true);
        check(Case::Gzip, 200, None, false);
        check(Case::NotModified, 304, None, true);
        check(Case::NotModified, 200, None, false);
        check(Case::UnknownToken, 403, None, true);
        check(Case::Frontend, 200, Some("gzip"), false);
        check(Case::FrontendGzip, 200, Some("gzip"), true);
        check(Case::FrontendGzip, 200, None, true);
        check(Case::FrontendGzip, 200, Some("br"), false);
    }

    #[test]
    fn names_match_the_command_line() {
        for case in Case::value_variants() {
            let value = case.to_possible_value().expect("no case is hidden");
            assert_eq!(value.get_name(), case.name());
        }
    }
}
