//! What an answer to a usage post means for what was posted (metrics.md 1.7). Pure.

use std::time::Duration;

use crate::upstream::error::{CallError, TimeLimit, Unreachable};

/// What became of one post.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// 2xx: upstream has it.
    Sent,
    /// 400: some element is not to upstream's taste, and nothing says which.
    Rejected,
    /// 413.
    TooLarge,
    /// 401, 403: upstream may not know the token any more.
    Refused,
    /// 404: upstream is too old for bulk metrics, or the URL is wrong.
    Outdated,
    /// 429, 503: not now.
    Later {
        /// How long upstream asked us to stay away.
        retry_after: Option<Duration>,
    },
    /// Any other status. It may be this post's own fault, so others are tried.
    Broken,
    /// Upstream has certainly not got it: no connection came about.
    Unreachable,
    /// Upstream may have got it: the connection broke or the time ran out after sending. There is no key by which
    /// upstream could tell a repetition, so it is sent again and may be counted twice.
    Silent,
}

impl Answer {
    /// Sorts the result of a call.
    pub fn of(result: &Result<u16, CallError>) -> Self {
        match result {
            Ok(_) => Self::Sent,
            Err(CallError::Status { status, retry_after, .. }) => Self::of_status(*status, *retry_after),
            Err(CallError::Unreachable { cause }) => Self::of_cause(cause),
            Err(CallError::TimedOut { limit: TimeLimit::Connect }) => Self::Unreachable,
            Err(CallError::TimedOut { limit: TimeLimit::Request }) => Self::Silent,
            Err(
                CallError::Unreadable { .. }
                | CallError::TooLarge { .. }
                | CallError::UnexpectedNotModified
                | CallError::Unsendable { .. },
            ) => Self::Broken,
        }
    }

    fn of_status(status: u16, retry_after: Option<Duration>) -> Self {
        match status {
            400 => Self::Rejected,
            401 | 403 => Self::Refused,
            404 => Self::Outdated,
            413 => Self::TooLarge,
            429 | 503 => Self::Later { retry_after },
            _ => Self::Broken,
        }
    }

    fn of_cause(cause: &Unreachable) -> Self {
        match cause {
            Unreachable::Refused
            | Unreachable::HostNotFound
            | Unreachable::Tls(_)
            | Unreachable::Proxy(_) => Self::Unreachable,
            Unreachable::Closed | Unreachable::NotHttp(_) | Unreachable::Other(_) => Self::Silent,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(status: u16) -> Result<u16, CallError> {
        let retry_after = Some(Duration::from_secs(7));
        Err(CallError::Status { status, retry_after, detail: String::new() })
    }

    #[test]
    fn answers_are_sorted_as_the_contract_says() {
        let unreachable = |cause| Err(CallError::Unreachable { cause });
        let late = |limit| Err(CallError::TimedOut { limit });
        let later = Answer::Later { retry_after: Some(Duration::from_secs(7)) };
        let cases = [
            (Ok(202), Answer::Sent),
            (status(400), Answer::Rejected),
            (status(401), Answer::Refused),
            (status(403), Answer::Refused),
            (status(404), Answer::Outdated),
            (status(413), Answer::TooLarge),
            (status(429), later),
            (status(503), later),
            (status(500), Answer::Broken),
            (status(302), Answer::Broken),
            (status(520), Answer::Broken),
            (unreachable(Unreachable::Refused), Answer::Unreachable),
            (unreachable(Unreachable::HostNotFound), Answer::Unreachable),
            (unreachable(Unreachable::Closed), Answer::Silent),
            (late(TimeLimit::Connect), Answer::Unreachable),
            (late(TimeLimit::Request), Answer::Silent),
        ];
        for (result, expected) in cases {
            assert_eq!(Answer::of(&result), expected, "{result:?}");
        }
    }
}
