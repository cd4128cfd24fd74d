//! Evaluates flags.
//!
//! With `{"flags": [...], "contexts": [...]}` on standard input, prints
//! `{flag: [[enabled, variant], ...]}`, one pair per context. Fails when the SDK
//! has no flags from URL within ten seconds.

use std::error::Error;
use std::io;

use serde_json::{Map, Value, json};
use unleash_api_client::Client;
use unleash_api_client::client::ClientBuilder;
use unleash_api_client::context::Context;

use crate::connect::{NoFlags, client, with_flags};

/// See the module.
pub async fn run(url: &str, token: &str) -> Result<(), Box<dyn Error + Send + Sync>> {
    let request: Value = serde_json::from_reader(io::stdin())?;
    let builder = ClientBuilder::default().disable_metric_submission();
    let client = client(builder, 1000, (url, token, "sdk-rust"))?;
    let answers = with_flags(&client, url, async { evaluate_all(&client, &request) }).await?;
    println!("{}", answers?);
    Ok(())
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
