//! Usage from posts to batches, without server.

mod bounds;
mod golden;
mod hostile;
mod laws;
mod posts;

use serde_json::Value;

use super::{
    Batch, Bucket, Hop, Ledger, SdkType,
    moment::Moment,
    post::{BadBody, Poster, Toggles},
};
use crate::tokens::scope::Projects;

const MIB: usize = 1 << 20;
/// 2026-11-21T03:00:00Z
const NOW_UNIX_MS: i64 = 1_795_230_000_000;

fn poster(environment: &str) -> Poster<'_> {
    Poster { environment, projects: &Projects::All, sdk_type: SdkType::Backend, now_unix_ms: NOW_UNIX_MS }
}

fn hop(app_name: &str) -> Hop {
    Hop { app_name: app_name.into(), instance_id: "01M7".into() }
}

fn ledger() -> Ledger {
    Ledger::new(hop("my-edge"), 64 * MIB)
}

/// Posts metrics for `development`.
fn metrics(bucket: &mut Bucket, body: &str) -> Result<(), BadBody> {
    bucket.take_metrics(body.as_bytes(), &poster("development"), &mut Toggles::default())
}

/// The body of a post with these toggles.
fn counts(app: &str, start: &str, toggles: &str) -> String {
    format!(
        r#"{{"appName":"{app}","bucket":{{"start":"{start}","stop":"2026-11-21T02:59:59Z","toggles":{{{toggles}}}}}}}"#
    )
}

/// A ledger that has absorbed this bucket.
fn absorbed(bucket: Bucket) -> Ledger {
    let mut ledger = ledger();
    ledger.absorb(bucket);
    ledger
}

/// Everything of `development`.
#[track_caller]
fn taken(bucket: Bucket) -> Batch {
    absorbed(bucket).take("development").expect("something of development")
}

/// The body that is sent.
#[track_caller]
fn sent(bucket: Bucket) -> Value {
    json(&taken(bucket).body())
}

#[track_caller]
fn json(body: &[u8]) -> Value {
    serde_json::from_slice(body).expect("JSON")
}

#[test]
fn now_is_when_it_should_be() {
    let now = Moment::parse("2026-11-21T03:00:00Z").expect("a date");
    let ahead = Moment::parse("2026-11-22T03:00:00.001Z").expect("a date");
    assert!(now.is_believable(NOW_UNIX_MS) && !ahead.is_believable(NOW_UNIX_MS));
}
