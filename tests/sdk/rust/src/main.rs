//! The Rust SDK at work.
//!
//! `brink-sdk-rust evaluate URL TOKEN` evaluates flags once, see [`evaluate`];
//! `brink-sdk-rust use URL TOKEN APP` uses them and reports usage, see [`usage`].

mod connect;
mod evaluate;
mod usage;

use std::error::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["evaluate", url, token] => evaluate::run(url, token).await,
        ["use", url, token, app] => usage::run(url, token, app).await,
        _ => Err("usage: brink-sdk-rust evaluate URL TOKEN | use URL TOKEN APP".into()),
    }
}
