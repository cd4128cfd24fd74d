//! Bodies that were never meant to be read: no panic, nothing counted of what is refused, bounds kept.

use proptest::prelude::*;

use super::{NOW_UNIX_MS, absorbed, poster};
use crate::usage::{Bucket, limits::BUCKET_OTHER_BYTES_MAX, post::Toggles};

const GOOD: [&str; 4] = [
    r#"{"appName":"a","bucket":{"start":"2026-11-21T02:10:00Z","stop":"2026-11-21T02:11:00Z","toggles":{"x":{"yes":1,"no":0,"variants":{"v":1}}}},"impactMetrics":[{"type":"histogram","name":"h","help":"h","samples":[{"count":1,"sum":1.5,"buckets":[{"le":1.0,"count":1},{"le":"+Inf","count":1}],"labels":{"a":"b"}}]}]}"#,
    r#"{"appName":"a","interval":1,"started":"2026-11-21T02:10:00Z","strategies":["s"],"connectVia":[{"appName":"e","instanceId":"i"}],"projects":["p"]}"#,
    r#"{"applications":[],"metrics":[{"featureName":"x","appName":"a","environment":"development","timestamp":"2026-11-21T02:10:00Z","yes":5,"no":1,"variants":{"v":1}}],"seenTokens":["*:development.s"]}"#,
    r#"{"identifier":"e","connectedEdges":[{"identifier":"f"}]}"#,
];

/// Takes a body as each kind of post; says how many took it.
fn take(bucket: &mut Bucket, body: &[u8]) -> usize {
    let poster = poster("development");
    let taken = [
        bucket.take_metrics(body, &poster, &mut Toggles::default()),
        bucket.take_registration(body, &poster),
        bucket.take_bulk(body, &poster),
        bucket.take_instance(body),
    ];
    taken.iter().filter(|taken| taken.is_ok()).count()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn damaged_bodies_are_refused_or_taken_whole(
        good in 0..GOOD.len(),
        damages in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3_u8), 0..4),
    ) {
        let mut body = GOOD[good].as_bytes().to_vec();
        for (at, byte, how) in damages {
            let at = at.index(body.len());
            match how {
                0 => body[at] = byte,
                1 => body.truncate(at.max(1)),
                _ => body.insert(at, b"{}[]\",:0-9e"[usize::from(byte) % 11]),
            }
        }
        let mut bucket = Bucket::default();
        let taken = take(&mut bucket, &body);
        prop_assert!(taken > 0 || bucket.is_empty());
        prop_assert!(bucket.bytes() <= BUCKET_OTHER_BYTES_MAX);
        let mut ledger = absorbed(bucket);
        for name in ledger.environments() {
            let batch = ledger.take(&name).expect("it has something");
            prop_assert!(serde_json::from_slice::<serde_json::Value>(&batch.body()).is_ok());
        }
    }
}

#[test]
fn good_bodies_are_each_taken_by_their_kind() {
    for body in GOOD {
        assert!(take(&mut Bucket::default(), body.as_bytes()) >= 1, "{body} at {NOW_UNIX_MS}");
    }
}

#[test]
fn nesting_without_end_is_refused() {
    for open in ["[", "{\"a\":", "{\"appName\":[", "{\"bucket\":{\"toggles\":{\"x\":"] {
        let mut bucket = Bucket::default();
        assert_eq!(take(&mut bucket, open.repeat(100_000).as_bytes()), 0);
        assert!(bucket.is_empty());
    }
}

#[test]
fn numbers_beyond_all_bounds_stay_numbers() {
    let post = |value: &str| {
        format!(
            r#"{{"appName":"a","impactMetrics":[{{"type":"counter","name":"m","help":"h","samples":[{{"value":{value}}}]}}]}}"#
        )
    };
    let mut bucket = Bucket::default();
    for _ in 0..3 {
        super::metrics(&mut bucket, &post("1.7e308")).expect("a post");
    }
    assert!(super::metrics(&mut bucket, &post("1e999")).is_err());
    assert_eq!(super::sent(bucket)["impactMetrics"][0]["samples"][0]["value"], f64::MAX);
}
