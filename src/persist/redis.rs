//! A backup in Redis: one key for each document, without expiry, as Unleash Edge 20.4 keeps it (persistence.md 6).
//!
//! Single or cluster, TCP, TLS or unix socket, RESP2. A connection lives for one operation: between two of them lie
//! seconds, and a connection that has died meanwhile would look like a store that has. Errors never hold the URL.

use std::time::{Duration, Instant};

use redis::{
    Client, Cmd, FromRedisValue, RedisError,
    cluster::{ClusterClient, ClusterConfig},
};
use rustls::crypto::ring;

use super::{
    OpenError,
    document::Document,
    store::{Found, Limits, Store, StoreError},
};
use crate::config::settings::{self, RedisMode};

/// One Redis, or a cluster.
pub struct Redis {
    target: Target,
    name: String,
    limits: Limits,
}

enum Target {
    Single(Client),
    Cluster(ClusterClient),
}

impl Redis {
    /// Checks the URLs and connects to nothing yet.
    ///
    /// # Errors
    /// If a URL cannot be used.
    pub fn open(settings: &settings::Redis) -> Result<Self, OpenError> {
        // The client takes the default of the process; where another part has chosen one, that is as good.
        let _ = ring::default_provider().install_default();
        let urls = settings.urls.iter().map(|url| url.expose().as_str());
        let target = match settings.mode {
            RedisMode::Single => Client::open(urls.clone().next().unwrap_or_default()).map(Target::Single),
            // Nobody but us waits for a cluster, and we come again.
            RedisMode::Cluster => {
                ClusterClient::builder(urls.clone()).retries(2).build().map(Target::Cluster)
            }
        };
        let kind = match settings.mode {
            RedisMode::Single => "Redis",
            RedisMode::Cluster => "Redis cluster",
        };
        Ok(Self {
            target: target.map_err(|cause| OpenError::Redis { reason: reason(&cause) })?,
            name: settings.urls.first().map_or_else(|| kind.to_owned(), |url| format!("{kind} {url:?}")),
            limits: Limits { reading: settings.read_timeout, writing: settings.write_timeout },
        })
    }

    /// One command over a connection of its own.
    fn ask<T: FromRedisValue>(&self, command: &Cmd, deadline: Instant) -> Result<T, StoreError> {
        match &self.target {
            Target::Single(client) => {
                let mut connection = client.get_connection_with_timeout(left(deadline)?)?;
                let left = left(deadline)?;
                connection.set_read_timeout(Some(left))?;
                connection.set_write_timeout(Some(left))?;
                Ok(command.query(&mut connection)?)
            }
            Target::Cluster(client) => {
                let left = left(deadline)?;
                let limits = ClusterConfig::new().set_connection_timeout(left).set_response_timeout(left);
                let mut connection = client.get_connection_with_config(limits)?;
                Ok(command.query(&mut connection)?)
            }
        }
    }
}

impl Store for Redis {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn limits(&self) -> Limits {
        self.limits
    }

    fn load(&mut self, document: Document, deadline: Instant) -> Result<Option<Found>, StoreError> {
        let bytes: Option<Vec<u8>> = self.ask(&Cmd::get(document.redis_key()), deadline)?;
        Ok(bytes.map(|bytes| Found { bytes, written: None }))
    }

    fn save(&mut self, document: Document, bytes: &[u8], deadline: Instant) -> Result<(), StoreError> {
        self.ask(&Cmd::set(document.redis_key(), bytes), deadline)
    }

    fn keep_bad(
        &mut self,
        document: Document,
        bytes: &[u8],
        deadline: Instant,
    ) -> Result<Option<String>, StoreError> {
        let key = format!("{}.bad", document.redis_key());
        let is_first: bool = self.ask(&Cmd::set_nx(&key, bytes), deadline)?;
        Ok(is_first.then_some(key))
    }
}

fn left(deadline: Instant) -> Result<Duration, StoreError> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(StoreError::TimedOut) } else { Ok(left) }
}

fn reason(error: &RedisError) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;
    use crate::config::secret::SecretUrl;

    fn open(mode: RedisMode, urls: &[&str]) -> Result<Redis, OpenError> {
        let url = |text: &&str| SecretUrl::new(Url::parse(text).expect("a URL"));
        let timeout = Duration::from_secs(2);
        Redis::open(&settings::Redis {
            urls: urls.iter().map(url).collect(),
            mode,
            read_timeout: timeout,
            write_timeout: timeout,
        })
    }

    #[test]
    fn every_kind_of_url_is_taken() {
        for url in [
            "redis://127.0.0.1",
            "redis://127.0.0.1:27379/3",
            "redis://me:s3cret@[::1]:1/0",
            "rediss://redis.example:6380",
            "rediss://redis.example/#insecure",
            "redis+unix:///run/redis.sock?db=2&pass=s3cret",
            "unix:///run/redis.sock",
        ] {
            let store =
                open(RedisMode::Single, &[url]).map_err(|error| format!("{url}: {error}")).expect("usable");
            assert!(!store.name().contains("s3cret"), "{}", store.name());
        }
        assert!(open(RedisMode::Cluster, &["redis://a:1", "redis://b:2"]).is_ok());
    }

    #[test]
    fn a_url_that_cannot_be_used_is_not_repeated() {
        for url in [
            "redis://:s3cret@127.0.0.1/redis",
            "rediss://:s3cret@127.0.0.1/#other",
            "redis://:s3cret@0.0.0.0",
        ] {
            let error = open(RedisMode::Single, &[url]).err().expect("unusable").to_string();
            assert!(error.contains("--redis-url (REDIS_URL)") && !error.contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn nobody_there_is_known_at_once() {
        let mut store = open(RedisMode::Single, &["redis://127.0.0.1:1"]).expect("usable");
        assert!(store.load(Document::Tokens, Instant::now() + Duration::from_secs(5)).is_err());
        let late = store.load(Document::Tokens, Instant::now());
        assert!(matches!(late, Err(StoreError::TimedOut)), "{late:?}");
    }
}
