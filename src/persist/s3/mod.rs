//! A backup in an S3 bucket, under the keys of Unleash Edge 20.4, whose leading slash is part of them (persistence.md 7).
//!
//! Requests are signed by `rusty-s3` (in the query) and sent by the blocking client that is there anyway; no AWS SDK, no
//! async runtime. Three attempts, as the SDKs make; a missing object is a missing document.

mod credentials;
mod http;
mod surroundings;

use std::{
    thread,
    time::{Duration, Instant},
};

use ::http::{Method, Request};
use rand::Rng;
use rusty_s3::{Bucket, Credentials, S3Action, UrlStyle};
use ureq::Agent;
use url::Url;

use self::{
    credentials::Provider,
    http::{Answer, Way, agent, call},
    surroundings::Surroundings,
};
use super::{
    OpenError,
    document::Document,
    store::{Found, Limits, Store, StoreError},
};

/// As many as the AWS SDKs make.
const ATTEMPTS: u32 = 3;
/// Before the second attempt; doubled before the third.
const PAUSE: Duration = Duration::from_millis(200);
/// How long a signature is good for.
const SIGNED_FOR: Duration = Duration::from_secs(60);
/// Unleash Edge has no limit at all.
const LIMITS: Limits = Limits { reading: Duration::from_secs(5), writing: Duration::from_secs(5) };
/// Of endpoints that are not AWS's and do not care.
const ANY_REGION: &str = "us-east-1";

/// A bucket.
#[derive(Debug)]
pub struct S3 {
    bucket: Bucket,
    provider: Provider,
    agent: Agent,
    /// Reading was forbidden; said once.
    said_forbidden: bool,
}

impl S3 {
    /// Reads variables and profile, and asks nobody yet.
    ///
    /// # Errors
    /// If it is not known where the bucket is.
    pub fn open(bucket: &str, force_path_style: bool) -> Result<Self, OpenError> {
        let surroundings = Surroundings::of_process();
        Ok(Self {
            bucket: place(bucket, force_path_style, &surroundings)?,
            provider: Provider::new(surroundings),
            agent: agent(Way::Outside),
            said_forbidden: false,
        })
    }

    fn get(&mut self, key: &str, deadline: Instant) -> Result<Answer, StoreError> {
        self.persistently(Method::GET, &[], deadline, |bucket, credentials| {
            bucket.get_object(Some(credentials), key).sign(SIGNED_FOR)
        })
    }

    fn put(&mut self, key: &str, bytes: &[u8], deadline: Instant) -> Result<(), StoreError> {
        let answer = self.persistently(Method::PUT, bytes, deadline, |bucket, credentials| {
            bucket.put_object(Some(credentials), key).sign(SIGNED_FOR)
        })?;
        if answer.is_success() { Ok(()) } else { Err(refusal(&answer)) }
    }

    /// Tries again what may go better the next time.
    fn persistently(
        &mut self,
        method: Method,
        body: &[u8],
        deadline: Instant,
        sign: impl Fn(&Bucket, &Credentials) -> Url,
    ) -> Result<Answer, StoreError> {
        for attempt in 1.. {
            let credentials = self.provider.credentials(deadline)?;
            let url = sign(&self.bucket, &credentials);
            let request = Request::builder().method(method.clone()).uri(url.as_str()).body(body);
            let request =
                request.map_err(|_| StoreError::Http { reason: "the URL cannot be used".to_owned() })?;
            let outcome = call(&self.agent, request, deadline);
            let again = match &outcome {
                Ok(answer) if answer.status == 403 || answer.status == 401 => {
                    is_expired(answer) && self.provider.forget()
                }
                Ok(answer) => answer.status == 429 || answer.status >= 500,
                Err(StoreError::Http { .. }) => true,
                Err(_) => false,
            };
            let pause = PAUSE.saturating_mul(attempt).mul_f64(rand::rng().random_range(0.5..=1.0));
            if !again || attempt >= ATTEMPTS || Instant::now() + pause >= deadline {
                return outcome;
            }
            thread::sleep(pause);
        }
        Err(StoreError::TimedOut)
    }

    /// Without leave to list a bucket S3 says "forbidden" of objects that are not there. Unleash Edge goes on then, and
    /// a first backup would otherwise never be written.
    fn note_forbidden(&mut self) {
        if !std::mem::replace(&mut self.said_forbidden, true) {
            tracing::warn!(
                "The {} may not be read, or is empty and may not be listed: taken as empty; allow s3:GetObject and \
                 s3:ListBucket",
                self.name()
            );
        }
    }
}

/// Codes that new credentials may cure.
fn is_expired(answer: &Answer) -> bool {
    matches!(
        answer.element("Code"),
        Some("ExpiredToken" | "TokenRefreshRequired" | "InvalidToken" | "InvalidAccessKeyId")
    )
}

impl Store for S3 {
    fn name(&self) -> String {
        format!(
            "S3 bucket {} at {}",
            self.bucket.name(),
            self.bucket.base_url().host_str().unwrap_or_default()
        )
    }

    fn limits(&self) -> Limits {
        LIMITS
    }

    fn load(&mut self, document: Document, deadline: Instant) -> Result<Option<Found>, StoreError> {
        let answer = self.get(document.s3_key(), deadline)?;
        match (answer.status, answer.element("Code")) {
            _ if answer.is_success() => Ok(Some(Found { bytes: answer.body, written: None })),
            (404, Some("NoSuchKey") | None) => Ok(None),
            (403, Some("AccessDenied")) => {
                self.note_forbidden();
                Ok(None)
            }
            _ => Err(refusal(&answer)),
        }
    }

    fn save(&mut self, document: Document, bytes: &[u8], deadline: Instant) -> Result<(), StoreError> {
        self.put(document.s3_key(), bytes, deadline)
    }

    fn keep_bad(
        &mut self,
        document: Document,
        bytes: &[u8],
        deadline: Instant,
    ) -> Result<Option<String>, StoreError> {
        let key = format!("{}.bad", document.s3_key());
        if self.get(&key, deadline)?.is_success() {
            return Ok(None);
        }
        self.put(&key, bytes, deadline)?;
        Ok(Some(key))
    }
}

fn refusal(answer: &Answer) -> StoreError {
    StoreError::S3 { status: answer.status, code: answer.element("Code").unwrap_or_default().to_owned() }
}

/// The bucket's address, as the AWS SDKs find it: a bucket whose name cannot be part of a host name is in the path.
fn place(name: &str, force_path_style: bool, surroundings: &Surroundings) -> Result<Bucket, OpenError> {
    let custom = surroundings.endpoint("S3");
    let region = surroundings.region().or_else(|| custom.is_some().then(|| ANY_REGION.to_owned()));
    let region = region.ok_or(OpenError::S3Region)?;
    let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    let endpoint = custom.unwrap_or_else(|| format!("https://s3.{region}.{domain}"));
    let endpoint = Url::parse(&endpoint).map_err(|error| OpenError::S3Place { reason: error.to_string() })?;
    let has_certificate = !(name.contains('.') && endpoint.scheme() == "https");
    let in_path = || Bucket::new(endpoint.clone(), UrlStyle::Path, name.to_owned(), region.clone());
    let bucket = if force_path_style || !has_certificate {
        in_path()
    } else {
        Bucket::new(endpoint.clone(), UrlStyle::VirtualHost, name.to_owned(), region.clone())
            .or_else(|_| in_path())
    };
    bucket.map_err(|error| OpenError::S3Place { reason: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(
        bucket: &str,
        path_style: bool,
        variables: &'static [(&'static str, &'static str)],
        expected: &str,
    ) {
        let variable = |name: &str| {
            variables.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned())
        };
        let found = place(bucket, path_style, &Surroundings::new(variable, |_| None));
        let shown = match found {
            Ok(bucket) => bucket.object_url(Document::Tokens.s3_key()).to_string(),
            Err(error) => error.to_string(),
        };
        assert!(shown.starts_with(expected), "{shown}");
    }

    #[test]
    fn a_bucket_is_where_the_sdks_find_it() {
        let region = &[("AWS_REGION", "eu-west-1")];
        check("flags", false, region, "https://flags.s3.eu-west-1.amazonaws.com//unleash-tokens.json");
        check("flags", true, region, "https://s3.eu-west-1.amazonaws.com/flags//unleash-tokens.json");
        check("my.flags", false, region, "https://s3.eu-west-1.amazonaws.com/my.flags//unleash-tokens.json");
        check(
            "flags",
            false,
            &[("AWS_DEFAULT_REGION", "cn-north-1")],
            "https://flags.s3.cn-north-1.amazonaws.com.cn//",
        );
        check(
            "flags",
            false,
            &[("AWS_ENDPOINT_URL", "http://minio:9000")],
            "http://flags.minio:9000//unleash",
        );
        check(
            "flags",
            true,
            &[("AWS_ENDPOINT_URL_S3", "http://minio:9000/s3")],
            "http://minio:9000/s3/flags//unleash",
        );
        check(
            "flags",
            false,
            &[("AWS_ENDPOINT_URL", "http://127.0.0.1:9000")],
            "http://127.0.0.1:9000/flags//unleash",
        );
        check("flags", false, &[], "S3 needs a region: set AWS_REGION");
        check(
            "flags",
            false,
            &[("AWS_ENDPOINT_URL", "minio")],
            "the S3 bucket of --s3-bucket-name (S3_BUCKET_NAME)",
        );
        check("flags", false, &[("AWS_ENDPOINT_URL", "ftp://minio")], "the S3 bucket of --s3-bucket-name");
    }
}
