//! What goes over the wire, byte by byte where that is the contract (metrics.md 1.5.1, part 5).

use super::{absorbed, hop, metrics, poster, sent, taken};
use crate::{
    tokens::token::Token,
    usage::{Bucket, Ledger},
};

/// The example of the contract, in the posts that lead to it.
fn example() -> Bucket {
    let mut bucket = Bucket::default();
    let registration = r#"{"appName":"svc","instanceId":"i-1","connectionId":"c-1","interval":60000,
        "started":"2026-11-21T02:00:00Z","strategies":["default"],"sdkVersion":"unleash-node-sdk:6.12.1",
        "platformName":"node","platformVersion":"24.0","unknown":[1,{"a":2}]}"#;
    bucket.take_registration(registration.as_bytes(), &poster("development")).expect("a registration");
    let post = |start: &str, toggles: &str, impact: &str| {
        format!(
            r#"{{"appName":"svc","instanceId":"i-1","platformName":"node","platformVersion":"24.0","bucket":{{
                "start":"{start}","stop":"2026-11-21T03:00:00Z","toggles":{{{toggles}}}}},"impactMetrics":[{impact}]}}"#
        )
    };
    let counter = r#"{"type":"counter","name":"c1","help":"counter","samples":[{"value":5,"labels":{"featureName":"fa"}}]},
        {"type":"histogram","name":"h1","help":"hist","samples":[{"count":1,"sum":0.5,"buckets":[{"le":1.0,"count":1},{"le":"+Inf","count":1}]}]}"#;
    let first = post("2026-11-21T02:10:00Z", r#""fa":{"yes":3,"no":1,"variants":{"x":2}}"#, counter);
    metrics(&mut bucket, &first).expect("metrics");
    let counter = r#"{"type":"counter","name":"c1","help":"counter","samples":[{"value":2.0,"labels":{"featureName":"fa"}}]},
        {"type":"histogram","name":"h1","help":"hist","samples":[{"count":1,"sum":3,"buckets":[{"le":1,"count":0},{"le":"+Inf","count":1}],"labels":{"origin":"sdk"}}]}"#;
    let second = post("2026-11-21T02:59:00Z", r#""fa":{"yes":1,"no":0,"variants":{"y":1,"x":1}}"#, counter);
    metrics(&mut bucket, &second).expect("metrics");
    bucket.see(Token::parse("*:development.aaaa").expect("a token"), "development", true);
    bucket
}

const APPLICATION: &str = concat!(
    r#"{"appName":"svc","connectVia":[{"appName":"my-edge","instanceId":"01M7"}],"environment":"development","#,
    r#""projects":["*"],"instanceId":"i-1","connectionId":"c-1","interval":60000,"started":"2026-11-21T02:00:00Z","#,
    r#""strategies":["default"],"sdkVersion":"unleash-node-sdk:6.12.1","sdkType":"backend","yggdrasilVersion":null,"#,
    r#""platformName":"node","platformVersion":"24.0"}"#,
);

const METRIC: &str = concat!(
    r#"{"featureName":"fa","appName":"svc","environment":"development","timestamp":"2026-11-21T02:10:00Z","#,
    r#""yes":4,"no":1,"variants":{"x":3,"y":1},"sdkType":null,"yggdrasilVersion":null,"#,
    r#""platformName":"node","platformVersion":"24.0"}"#,
);

#[test]
fn a_batch_is_as_in_the_contract() {
    let impact = concat!(
        r#"[{"type":"counter","name":"c1","help":"counter","samples":[{"value":7.0,"labels":{"featureName":"fa","origin":"edge"}}]},"#,
        r#"{"type":"histogram","name":"h1","help":"hist","samples":[{"labels":{"origin":"edge"},"count":2,"sum":3.5,"#,
        r#""buckets":[{"le":1.0,"count":1},{"le":"+Inf","count":2}]}]}]"#,
    );
    let expected = format!(
        r#"{{"applications":[{APPLICATION}],"metrics":[{METRIC}],"impactMetrics":{impact},"seenTokens":["*:development.aaaa"]}}"#
    );
    assert_eq!(String::from_utf8_lossy(&taken(example()).body()), expected);
}

#[test]
fn the_page_shows_registrations_and_counts() {
    let key = r#"{"app_name":"svc","feature_name":"fa","environment":"development","timestamp":"2026-11-21T02:10:00Z"}"#;
    let expected =
        format!(r#"{{"applications":[{APPLICATION}],"metrics":[{{"key":{key},"bucket":{METRIC}}}]}}"#);
    let ledger = absorbed(example());
    assert_eq!(String::from_utf8_lossy(&ledger.page()), expected);
    let empty = Ledger::new(hop("my-edge"), 1 << 20);
    assert_eq!(String::from_utf8_lossy(&empty.page()), r#"{"applications":[],"metrics":[]}"#);
}

#[test]
fn what_is_not_there_is_not_written() {
    let mut bucket = Bucket::default();
    let body = r#"{"appName":"svc","interval":1,"started":"2026-11-21T02:00:00.5+01:00","strategies":[],
        "sdkFlavor":"f","sdkFlavorVersion":"1"}"#;
    bucket.take_registration(body.as_bytes(), &poster("development")).expect("a registration");
    let sent = sent(bucket);
    assert_eq!(sent.as_object().map(|object| object.len()), Some(2), "{sent}");
    let application = &sent["applications"][0];
    assert_eq!(application["instanceId"], "default");
    assert_eq!(application["started"], "2026-11-21T01:00:00.500Z");
    assert_eq!((&application["sdkFlavor"], &application["sdkFlavorVersion"]), (&"f".into(), &"1".into()));
    assert!(application["connectionId"].is_null() && application.get("connectionId").is_some());
}

#[test]
fn counts_are_written_in_32_bits_and_sum_in_64() {
    let mut bucket = Bucket::default();
    let body =
        super::counts("svc", "2026-11-21T02:10:00Z", r#""fa":{"yes":4000000000,"no":18446744073709551615}"#);
    for _ in 0..2 {
        metrics(&mut bucket, &body).expect("metrics");
    }
    let one = bucket.increments().next().expect("one entry");
    assert_eq!((one.app, one.toggle, one.yes, one.no), ("svc", "fa", 8_000_000_000, u64::MAX));
    let sent = sent(bucket);
    let metric = &sent["metrics"][0];
    assert_eq!((&metric["yes"], &metric["no"]), (&u32::MAX.into(), &u32::MAX.into()));
}

#[test]
fn secrets_are_not_printed() {
    let secret = "aaaa";
    let bucket = example();
    assert!(!format!("{bucket:?}").contains(secret));
    let mut ledger = absorbed(bucket);
    assert!(!format!("{ledger:?}").contains(secret));
    assert_eq!(ledger.token_seen("development").map(Token::text), Some("*:development.aaaa"));
    let batch = ledger.take("development").expect("a batch");
    assert!(!format!("{batch:?}").contains(secret));
}
