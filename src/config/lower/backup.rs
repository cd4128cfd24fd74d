//! Where data survives a restart: a folder, Redis or S3, at most one of them (cli.md 3.1).

use url::Url;

use super::reader::Reader;
use crate::{
    config::{
        option::Opt,
        options::edge as options,
        problem::{Problem, Reason},
        secret::{Secret, SecretUrl},
        settings::{Backup, Redis, RedisMode},
    },
    tokens::mask::HIDDEN,
};

/// Options that only make sense with a Redis to apply them to.
static REDIS_DETAILS: &[&Opt] = &[
    &options::REDIS_PASSWORD,
    &options::REDIS_PASSWORD_FILE,
    &options::REDIS_USERNAME,
    &options::REDIS_PORT,
    &options::REDIS_SECURE,
];
const REDIS_SCHEMES: [&str; 4] = ["redis", "rediss", "redis+unix", "unix"];

pub fn backup(reader: &mut Reader<'_>) -> Option<Backup> {
    reader.exclude(&options::REDIS_URL, &options::BACKUP_FOLDER);
    reader.exclude(&options::REDIS_URL, &options::S3_BUCKET_NAME);
    reader.exclude(&options::BACKUP_FOLDER, &options::S3_BUCKET_NAME);
    let redis = redis(reader).map(Backup::Redis);
    let folder = reader.path(&options::BACKUP_FOLDER).map(Backup::Folder);
    let s3 = s3(reader);
    redis.or(folder).or(s3)
}

fn s3(reader: &mut Reader<'_>) -> Option<Backup> {
    let force_path_style = reader.flag(&options::S3_FORCE_PATH_STYLE);
    let bucket = reader.text(&options::S3_BUCKET_NAME);
    if force_path_style && bucket.is_none() {
        reader.problems.push(Problem::Missing { option: &options::S3_BUCKET_NAME });
    }
    Some(Backup::S3 { bucket: bucket?, force_path_style })
}

fn redis(reader: &mut Reader<'_>) -> Option<Redis> {
    let details = Details {
        username: reader.text(&options::REDIS_USERNAME),
        password: reader.secret(&options::REDIS_PASSWORD, &options::REDIS_PASSWORD_FILE),
        port: reader.port(&options::REDIS_PORT),
        secure: reader.flag(&options::REDIS_SECURE),
    };
    let mode = match reader.word(&options::REDIS_MODE) {
        "cluster" => RedisMode::Cluster,
        _ => RedisMode::Single,
    };
    let scheme = reader.word(&options::REDIS_SCHEME);
    let read_timeout = reader.milliseconds(&options::REDIS_READ_TIMEOUT);
    let write_timeout = reader.milliseconds(&options::REDIS_WRITE_TIMEOUT);
    let urls = match reader.list(&options::REDIS_URL) {
        Some(texts) => urls(reader, &options::REDIS_URL, &texts, &details),
        None => match reader.text(&options::REDIS_HOST) {
            Some(host) => urls(reader, &options::REDIS_HOST, &[host_url(scheme, &host)], &details),
            None => {
                if REDIS_DETAILS.iter().any(|option| reader.given(option)) {
                    reader.problems.push(Problem::Missing { option: &options::REDIS_URL });
                }
                return None;
            }
        },
    };
    Some(Redis { urls, mode, read_timeout, write_timeout })
}

/// What is merged into each URL.
struct Details {
    username: Option<String>,
    password: Option<Secret>,
    port: Option<u16>,
    secure: bool,
}

fn urls(
    reader: &mut Reader<'_>,
    option: &'static Opt,
    texts: &[String],
    details: &Details,
) -> Vec<SecretUrl> {
    let mut urls = Vec::with_capacity(texts.len());
    for text in texts {
        match merged(text, details) {
            Ok(url) => urls.push(SecretUrl::new(url)),
            // The URL may hold the password.
            Err(reason) => reader.reject(option, HIDDEN, Reason::Text(reason)),
        }
    }
    urls
}

fn host_url(scheme: &str, host: &str) -> String {
    let scheme = match scheme {
        "tcp" => "redis",
        "tls" => "rediss",
        "redis-unix" => "redis+unix",
        other => other,
    };
    format!("{scheme}://{host}")
}

fn merged(text: &str, details: &Details) -> Result<Url, String> {
    let mut url = Url::parse(text).map_err(|error| error.to_string())?;
    if !REDIS_SCHEMES.contains(&url.scheme()) {
        return Err(format!("the scheme must be one of {}", REDIS_SCHEMES.join(", ")));
    }
    let refused = |what: &'static str| move |()| format!("this URL cannot have {what}");
    if details.secure {
        url.set_scheme("rediss").map_err(refused("TLS"))?;
    }
    if url.scheme().ends_with("unix") {
        return Ok(with_unix_credentials(url, details));
    }
    if let Some(username) = &details.username {
        url.set_username(username).map_err(refused("a user name"))?;
    }
    if let Some(password) = &details.password {
        url.set_password(Some(password.expose())).map_err(refused("a password"))?;
    }
    if let Some(port) = details.port {
        url.set_port(Some(port)).map_err(refused("a port"))?;
    }
    Ok(url)
}

/// The URL of a unix socket has no place for credentials but its query.
fn with_unix_credentials(mut url: Url, details: &Details) -> Url {
    let given =
        [("user", details.username.as_deref()), ("pass", details.password.as_ref().map(Secret::expose))];
    for (key, value) in given {
        let Some(value) = value else { continue };
        let others: Vec<(String, String)> =
            url.query_pairs().into_owned().filter(|(other, _)| other != key).collect();
        url.query_pairs_mut().clear().extend_pairs(others).append_pair(key, value);
    }
    url
}
