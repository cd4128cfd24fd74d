//! Who we are towards S3: the chain of the AWS SDKs (persistence.md 7).
//!
//! Variables, then the profile, then a web identity (Kubernetes), then the container's endpoint, then the instance's
//! metadata. The first that is there decides; those that expire are fetched again in time. Secrets are never printed.

use std::{
    fs,
    time::{Duration, Instant, SystemTime},
};

use chrono::DateTime;
use http::{Method, Request};
use rusty_s3::Credentials;
use serde::Deserialize;
use url::Url;

use super::{
    http::{Answer, Way, agent, call},
    surroundings::Surroundings,
};
use crate::persist::store::StoreError;

/// Fetched again this long before they expire.
const MARGIN: Duration = Duration::from_secs(300);
/// Those that do not say when they expire.
const UNDATED: Duration = Duration::from_secs(900);

/// Where containers of ECS find theirs.
const CONTAINER_BASE: &str = "http://169.254.170.2";
/// Where instances of EC2 find theirs.
const INSTANCE_BASE: &str = "http://169.254.169.254";
/// Nobody answers there if there is no such service: not worth the whole time.
const INSTANCE_WAIT_MAX: Duration = Duration::from_secs(1);

/// Finds and keeps credentials.
#[derive(Debug)]
pub struct Provider {
    surroundings: Surroundings,
    /// With the time until which they are used.
    kept: Option<(Credentials, SystemTime)>,
}

impl Provider {
    /// Asks nobody yet.
    pub fn new(surroundings: Surroundings) -> Self {
        Self { surroundings, kept: None }
    }

    /// The current ones.
    ///
    /// # Errors
    /// If there are none, or whoever has them cannot be asked.
    pub fn credentials(&mut self, deadline: Instant) -> Result<Credentials, StoreError> {
        if let Some((kept, until)) = &self.kept
            && SystemTime::now() < *until
        {
            return Ok(kept.clone());
        }
        if let Some(fixed) = self.in_variables().or_else(|| self.in_profile()) {
            return Ok(fixed);
        }
        let fetched = self.fetch(deadline)?;
        let until = fetched.until();
        let credentials = Credentials::new_with_token(fetched.key, fetched.secret, fetched.token);
        self.kept = Some((credentials.clone(), until));
        Ok(credentials)
    }

    /// They were refused: the next ones are fetched anew. False if there is nothing to fetch.
    pub fn forget(&mut self) -> bool {
        self.kept.take().is_some()
    }

    fn in_variables(&self) -> Option<Credentials> {
        let variable = |name| self.surroundings.variable(name);
        let (key, secret) = (variable("AWS_ACCESS_KEY_ID")?, variable("AWS_SECRET_ACCESS_KEY")?);
        Some(made(key, secret, variable("AWS_SESSION_TOKEN")))
    }

    fn in_profile(&self) -> Option<Credentials> {
        let key = |name| self.surroundings.profile(name).map(str::to_owned);
        Some(made(key("aws_access_key_id")?, key("aws_secret_access_key")?, key("aws_session_token")))
    }

    fn fetch(&self, deadline: Instant) -> Result<Fetched, StoreError> {
        let variable = |name| self.surroundings.variable(name);
        if let (Some(file), Some(role)) = (variable("AWS_WEB_IDENTITY_TOKEN_FILE"), variable("AWS_ROLE_ARN"))
        {
            return self.ask_web_identity(&file, &role, deadline);
        }
        let relative =
            variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI").map(|path| format!("{CONTAINER_BASE}{path}"));
        if let Some(url) = relative.or_else(|| variable("AWS_CONTAINER_CREDENTIALS_FULL_URI")) {
            return self.ask_container(&url, deadline);
        }
        if variable("AWS_EC2_METADATA_DISABLED").is_some_and(|word| word.eq_ignore_ascii_case("true")) {
            return Err(StoreError::NoCredentials);
        }
        self.ask_instance(deadline)
    }

    fn ask_web_identity(&self, file: &str, role: &str, deadline: Instant) -> Result<Fetched, StoreError> {
        let token = read(file)?;
        let region = self.surroundings.region();
        let default = region.map_or_else(
            || "https://sts.amazonaws.com".to_owned(),
            |region| format!("https://sts.{region}.amazonaws.com"),
        );
        let base = self.surroundings.endpoint("STS").unwrap_or(default);
        let session =
            self.surroundings.variable("AWS_ROLE_SESSION_NAME").unwrap_or_else(|| "brink".to_owned());
        let mut url = Url::parse(&base).map_err(|_| unusable("the endpoint of STS is not a URL"))?;
        url.query_pairs_mut().extend_pairs([
            ("Action", "AssumeRoleWithWebIdentity"),
            ("Version", "2011-06-15"),
            ("RoleArn", role),
            ("RoleSessionName", &session),
            ("WebIdentityToken", token.trim()),
        ]);
        let answer = get(Way::Outside, Method::GET, url.as_str(), &[], deadline)?;
        let element = |name| answer.element(name).map(str::to_owned);
        let of = || {
            Some(Fetched {
                key: element("AccessKeyId")?,
                secret: element("SecretAccessKey")?,
                token: element("SessionToken")?,
                expiration: element("Expiration"),
            })
        };
        of().filter(|_| answer.is_success()).ok_or_else(|| refused("STS", &answer))
    }

    fn ask_container(&self, url: &str, deadline: Instant) -> Result<Fetched, StoreError> {
        let variable = |name| self.surroundings.variable(name);
        let token = match variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") {
            Some(file) => Some(read(&file)?.trim().to_owned()),
            None => variable("AWS_CONTAINER_AUTHORIZATION_TOKEN"),
        };
        let headers: Vec<(&str, &str)> =
            token.iter().map(|token| ("authorization", token.as_str())).collect();
        let way = if url.starts_with("https:") { Way::Outside } else { Way::Beside };
        let answer = get(way, Method::GET, url, &headers, deadline)?;
        parsed("the container's endpoint", &answer)
    }

    fn ask_instance(&self, deadline: Instant) -> Result<Fetched, StoreError> {
        let deadline = deadline.min(Instant::now() + INSTANCE_WAIT_MAX);
        let base = self.surroundings.variable("AWS_EC2_METADATA_SERVICE_ENDPOINT");
        let base = base.unwrap_or_else(|| INSTANCE_BASE.to_owned());
        let base = base.trim_end_matches('/');
        let lifetime = [("x-aws-ec2-metadata-token-ttl-seconds", "60")];
        let session = get(Way::Beside, Method::PUT, &format!("{base}/latest/api/token"), &lifetime, deadline);
        // Nobody there: the usual case outside of EC2, and then this is the end of the chain.
        let session = session.map_err(|_| StoreError::NoCredentials)?;
        let session = text_of("the instance's metadata", &session)?;
        let roles = format!("{base}/latest/meta-data/iam/security-credentials/");
        let headers = [("x-aws-ec2-metadata-token", session)];
        let answer = get(Way::Beside, Method::GET, &roles, &headers, deadline)?;
        let role = text_of("the instance's metadata", &answer)?.lines().next().unwrap_or_default().to_owned();
        let answer = get(Way::Beside, Method::GET, &format!("{roles}{role}"), &headers, deadline)?;
        parsed("the instance's metadata", &answer)
    }
}

fn made(key: String, secret: String, token: Option<String>) -> Credentials {
    match token {
        Some(token) => Credentials::new_with_token(key, secret, token),
        None => Credentials::new(key, secret),
    }
}

/// As containers and instances get them.
#[derive(Deserialize)]
struct Fetched {
    #[serde(rename = "AccessKeyId")]
    key: String,
    #[serde(rename = "SecretAccessKey")]
    secret: String,
    #[serde(rename = "Token")]
    token: String,
    #[serde(rename = "Expiration")]
    expiration: Option<String>,
}

impl Fetched {
    fn until(&self) -> SystemTime {
        let date = self.expiration.as_deref().and_then(|text| DateTime::parse_from_rfc3339(text).ok());
        let seconds = date.and_then(|date| u64::try_from(date.timestamp()).ok());
        let expiration = seconds.map(|seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        expiration.map_or_else(|| SystemTime::now() + UNDATED, |expiration| expiration - MARGIN)
    }
}

fn get(
    way: Way,
    method: Method,
    url: &str,
    headers: &[(&str, &str)],
    deadline: Instant,
) -> Result<Answer, StoreError> {
    let mut request = Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request =
        request.body(&b""[..]).map_err(|_| unusable("the place of the credentials is not a URL"))?;
    call(&agent(way), request, deadline)
}

fn read(file: &str) -> Result<String, StoreError> {
    fs::read_to_string(file).map_err(|cause| StoreError::File { path: file.into(), cause })
}

fn parsed(source: &str, answer: &Answer) -> Result<Fetched, StoreError> {
    if !answer.is_success() {
        return Err(refused(source, answer));
    }
    serde_json::from_slice(&answer.body).map_err(|_| unusable(&format!("{source} does not tell credentials")))
}

fn text_of<'a>(source: &str, answer: &'a Answer) -> Result<&'a str, StoreError> {
    let text = std::str::from_utf8(&answer.body).ok().filter(|_| answer.is_success());
    text.map(str::trim).ok_or_else(|| refused(source, answer))
}

fn refused(source: &str, answer: &Answer) -> StoreError {
    let code = answer.element("Code").unwrap_or_default();
    unusable(format!("{source} answered {} {code}", answer.status).trim_end())
}

fn unusable(reason: &str) -> StoreError {
    StoreError::Credentials { reason: reason.to_owned() }
}
