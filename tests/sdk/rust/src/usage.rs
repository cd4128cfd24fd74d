//! Uses flags, and reports usage twice a second, as the SDK does.
//!
//! Lines as for `../../node/use.mjs`; prints `{"asked": ...}` for each, because this SDK
//! does not tell what it has sent. It keeps nothing that it could not send.

use std::collections::HashMap;
use std::error::Error;
use std::io;
use std::thread;

use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use unleash_api_client::Client;
use unleash_api_client::client::ClientBuilder;
use unleash_api_client::context::Context;

use crate::connect::{NoFlags, client, with_flags};

#[derive(Deserialize)]
struct Question {
    enabled: Vec<String>,
    variants: Vec<String>,
    contexts: Vec<Context>,
}

#[derive(Default, Serialize)]
struct Entry {
    yes: u64,
    no: u64,
    variants: HashMap<String, u64>,
}

type Usage = HashMap<String, Entry>;

/// See the module.
pub async fn run(url: &str, token: &str, app: &str) -> Result<(), Box<dyn Error + Send + Sync>> {
    let client = client(ClientBuilder::default(), 500, (url, token, app))?;
    let lines = lines();
    with_flags(&client, url, answer(&client, lines)).await?
}

/// Lines of standard input, which end with it.
fn lines() -> UnboundedReceiver<String> {
    let (sender, receiver) = unbounded_channel();
    thread::spawn(move || {
        for line in io::stdin().lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

async fn answer(
    client: &Client<NoFlags>,
    mut lines: UnboundedReceiver<String>,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let question: Question = serde_json::from_str(&lines.recv().await.ok_or("no question")?)?;
    let mut asked = Usage::new();
    while let Some(line) = lines.recv().await {
        if line == "again" {
            question.contexts.iter().for_each(|context| ask(client, &question, context, &mut asked));
        }
        println!("{}", json!({ "asked": asked }));
    }
    Ok(())
}

fn ask(client: &Client<NoFlags>, question: &Question, context: &Context, asked: &mut Usage) {
    for flag in &question.enabled {
        count(asked, flag, client.is_enabled_str(flag, Some(context), false));
    }
    for flag in &question.variants {
        let variant = client.get_variant_str(flag, context);
        // The SDK does not say here whether the flag is on. For the flags that are
        // asked for, it is on if and only if there is a variant.
        let entry = count(asked, flag, variant.enabled);
        *entry.variants.entry(variant.name).or_default() += 1;
    }
}

fn count<'u>(asked: &'u mut Usage, flag: &str, enabled: bool) -> &'u mut Entry {
    let entry = asked.entry(flag.to_owned()).or_default();
    *(if enabled { &mut entry.yes } else { &mut entry.no }) += 1;
    entry
}
