//! A client that has its first answer from the server.

use std::error::Error;
use std::future::Future;
use std::time::Duration;

use unleash_api_client::Client;
use unleash_api_client::client::{ClientBuilder, FeatureKey};

/// The SDK wants an enumeration of flags; ours are asked for by text.
#[derive(Clone, Copy, Debug)]
pub enum NoFlags {}

impl FeatureKey for NoFlags {
    fn name(self) -> &'static str {
        match self {}
    }
}

/// A client for flags named by text. It asks for them, and reports usage, if at
/// all, every so many milliseconds.
pub fn client(
    builder: ClientBuilder,
    interval_ms: u64,
    (url, token, app): (&str, &str, &str),
) -> Result<Client<NoFlags>, Box<dyn Error + Send + Sync>> {
    let builder = builder.enable_string_features().interval(interval_ms);
    Ok(builder.into_client(&format!("{url}/api"), app, "test", Some(token.to_owned()))?)
}

/// Runs `task` while the client polls, beginning with its first answer. Both are
/// on one thread: counting an evaluation and handing over the counts take turns.
pub async fn with_flags<T>(
    client: &Client<NoFlags>,
    url: &str,
    task: impl Future<Output = T>,
) -> Result<T, Box<dyn Error + Send + Sync>> {
    let task = async {
        loaded(client).await.map_err(|_| format!("the Rust SDK got no flags from {url}"))?;
        Ok(task.await)
    };
    tokio::select! {
        () = client.poll_for_updates() => Err("polling ended".into()),
        done = task => done,
    }
}

/// The SDK has no event for its first data, so this looks every few milliseconds.
async fn loaded(client: &Client<NoFlags>) -> Result<(), tokio::time::error::Elapsed> {
    let look = async {
        while client.cached_state().is_none() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), look).await
}
