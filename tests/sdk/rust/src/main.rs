//! Evaluates flags with the Rust SDK.
//!
//! `brink-sdk-rust URL TOKEN`, with `{"flags": [...], "contexts": [...]}` on
//! standard input, prints `{flag: [[enabled, variant], ...]}`, one pair per
//! context. Fails when the SDK has no flags from URL within ten seconds.

use std::error::Error;
use std::io;
use std::time::Duration;

use serde_json::{Map, Value, json};
use unleash_api_client::Client;
use unleash_api_client::client::{ClientBuilder, FeatureKey};
use unleash_api_client::context::Context;

/// The SDK wants an enumeration of flags; ours are asked for by text.
#[derive(Clone, Copy, Debug)]
enum NoFlags {}

impl FeatureKey for NoFlags {
    fn name(self) -> &'static str {
        match self {}
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let mut args = std::env::args().skip(1);
    let (Some(url), Some(token)) = (args.next(), args.next()) else {
        return Err("usage: brink-sdk-rust URL TOKEN".into());
    };
    let request: Value = serde_json::from_reader(io::stdin())?;
    let client = ClientBuilder::default()
        .enable_string_features()
        .disable_metric_submission()
        .interval(1000)
        .into_client::<NoFlags>(&format!("{url}/api"), "sdk-rust", "test", Some(token))?;
    tokio::select! {
        () = client.poll_for_updates() => return Err("polling ended".into()),
        loaded = loaded(&client) => loaded.map_err(|_| format!("the Rust SDK got no flags from {url}"))?,
    }
    println!("{}", evaluate_all(&client, &request)?);
    Ok(())
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

fn evaluate_all(client: &Client<NoFlags>, request: &Value) -> Result<Value, serde_json::Error> {
    let flags: Vec<String> = serde_json::from_value(request["flags"].clone())?;
    let contexts: Vec<Context> = serde_json::from_value(request["contexts"].clone())?;
    let answers: Map<String, Value> = flags
        .into_iter()
        .map(|flag| {
            let answers = contexts.iter().map(|context| evaluate(client, &flag, context)).collect();
            (flag, answers)
        })
        .collect();
    Ok(Value::Object(answers))
}

fn evaluate(client: &Client<NoFlags>, flag: &str, context: &Context) -> Value {
    let variant = client.get_variant_str(flag, context);
    let payload = if variant.payload.is_empty() { Value::Null } else { json!(variant.payload) };
    json!([
        client.is_enabled_str(flag, Some(context), false),
        { "name": variant.name, "enabled": variant.enabled, "payload": payload },
    ])
}
