//! Laws: merging does not depend on order, nothing is lost or doubled, pieces are a partition.

use proptest::prelude::*;

use super::{absorbed, hop, json, ledger, poster, taken};
use crate::{
    tokens::token::Token,
    usage::{
        Batch, Bucket, Ledger,
        limits::{PIECE_BYTES_MAX, UNSPLIT_BYTES_MAX},
        post::Toggles,
    },
};

/// One post. What it says of itself follows from when it was, and what an application registers from its name: which
/// of two different ones counts is told by their order, which is not the subject here.
#[derive(Debug, Clone)]
struct Post {
    environment: usize,
    app: u8,
    minute: u32,
    toggles: Vec<(u8, u32, u32, u8)>,
    impact: u8,
}

fn post() -> impl Strategy<Value = Post> {
    let toggles = proptest::collection::vec((0..5_u8, 0..3_u32, 0..3_u32, 0..4_u8), 0..5);
    (0..2_usize, 0..3_u8, 0..180_u32, toggles, 0..6_u8).prop_map(
        |(environment, app, minute, toggles, impact)| Post { environment, app, minute, toggles, impact },
    )
}

const ENVIRONMENTS: [&str; 2] = ["development", "production"];

impl Post {
    fn evaluations(&self) -> u64 {
        self.toggles.iter().map(|(_, yes, no, _)| u64::from(*yes) + u64::from(*no)).sum()
    }

    fn put_into(&self, bucket: &mut Bucket) {
        let Self { app, minute, impact, .. } = self;
        let start = format!("2026-11-21T{:02}:{:02}:00Z", minute / 60, minute % 60);
        let toggles = self.toggles.iter().map(|(name, yes, no, variant)| {
            format!(r#""f{name}":{{"yes":{yes},"no":{no},"variants":{{"v{variant}":{yes}}}}}"#)
        });
        let toggles = toggles.collect::<Vec<_>>().join(",");
        let body = format!(
            r#"{{"appName":"a{app}","sdkVersion":"at {minute}","bucket":{{"start":"{start}","stop":"{start}","toggles":{{{toggles}}}}},
            "impactMetrics":[{{"type":"counter","name":"c{impact}","help":"h","samples":[{{"value":{minute},"labels":{{"l":"{app}"}}}}]}},
            {{"type":"histogram","name":"h","help":"h","samples":[{{"count":1,"sum":{impact},"buckets":[{{"le":{impact},"count":1}},{{"le":"+Inf","count":1}}]}}]}}]}}"#
        );
        let environment = ENVIRONMENTS[self.environment];
        let poster = poster(environment);
        bucket.take_metrics(body.as_bytes(), &poster, &mut Toggles::default()).expect("a post");
        let body = format!(
            r#"{{"appName":"a{app}","interval":1,"started":"2026-11-21T00:00:00Z","strategies":[]}}"#
        );
        bucket.take_registration(body.as_bytes(), &poster).expect("a registration");
        let token = Token::parse(&format!("*:{environment}.{app}")).expect("a token");
        bucket.see(token, environment, false);
    }
}

fn gathered<'a>(posts: impl IntoIterator<Item = &'a Post>) -> Bucket {
    let mut bucket = Bucket::default();
    posts.into_iter().for_each(|post| post.put_into(&mut bucket));
    bucket
}

fn evaluations(batch: &Batch) -> u64 {
    batch.dropped().evaluations
}

/// A ledger with registrations that have passed an edge would have another hop: compare what a child sends instead.
fn bodies(ledger: &mut Ledger) -> Vec<Vec<u8>> {
    ledger.environments().iter().filter_map(|name| ledger.take(name)).map(|batch| batch.body()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn how_posts_are_spread_and_ordered_does_not_matter(
        posts in proptest::collection::vec((post(), 0..4_usize), 0..20).prop_shuffle(),
        order in Just([0_usize, 1, 2, 3]).prop_shuffle(),
    ) {
        let whole = absorbed(gathered(posts.iter().map(|(post, _)| post)));
        let mut spread = ledger();
        for shard in order {
            spread.absorb(gathered(posts.iter().rev().filter(|(_, of)| *of == shard).map(|(post, _)| post)));
        }
        prop_assert_eq!(spread, whole);
    }

    #[test]
    fn what_is_put_back_is_where_it_was(posts in proptest::collection::vec(post(), 0..20)) {
        let mut ledger = absorbed(gathered(&posts));
        let before = (ledger.page(), ledger.bytes(), ledger.entries(), ledger.drops().clone());
        for name in ledger.environments() {
            let batch = ledger.take(&name).expect("it has something");
            for piece in batch.split().into_iter().rev() {
                match piece.halve() {
                    Ok((one, other)) => {
                        ledger.put_back(other);
                        ledger.put_back(one);
                    }
                    Err(whole) => ledger.put_back(whole),
                }
            }
        }
        let after = (ledger.page(), ledger.bytes(), ledger.entries(), ledger.drops().clone());
        prop_assert_eq!(before, after);
        prop_assert_eq!(ledger, absorbed(gathered(&posts)));
    }

    #[test]
    fn counts_are_sent_or_dropped(
        posts in proptest::collection::vec(post(), 0..40),
        bytes_max in 0..40_000_usize,
    ) {
        let posted: u64 = posts.iter().map(Post::evaluations).sum();
        let mut ledger = Ledger::new(hop("me"), bytes_max);
        let mut sent = 0;
        for (at, post) in posts.iter().enumerate() {
            ledger.absorb(gathered([post]));
            prop_assert!(ledger.bytes() <= bytes_max);
            if at % 3 == 0 && let Some(batch) = ledger.take("development") {
                if at % 2 == 0 { ledger.put_back(batch) } else { sent += evaluations(&batch) }
            }
        }
        for name in ledger.environments() {
            sent += ledger.take(&name).as_ref().map_or(0, evaluations);
        }
        prop_assert_eq!(sent + ledger.drops().total().evaluations, posted);
        prop_assert_eq!((ledger.bytes(), ledger.entries()), (0, 0));
    }

    #[test]
    fn an_edge_above_reads_what_an_edge_writes(posts in proptest::collection::vec(post(), 0..20)) {
        let mut below = absorbed(gathered(&posts));
        let mut above = ledger();
        for body in bodies(&mut below) {
            let mut bucket = Bucket::default();
            let environment = json(&body)["metrics"][0]["environment"].as_str().map(str::to_owned);
            let environment = environment.or_else(|| {
                json(&body)["applications"][0]["environment"].as_str().map(str::to_owned)
            });
            bucket.take_bulk(&body, &poster(&environment.expect("of an environment"))).expect("a bulk post");
            prop_assert!(bucket.drops().is_empty());
            above.absorb(bucket);
        }
        let mut again = absorbed(gathered(&posts));
        let mut expected = bodies(&mut again).iter().map(|body| json(body)).collect::<Vec<_>>();
        for body in &mut expected {
            for application in body["applications"].as_array_mut().expect("a list") {
                let hops = application["connectVia"].as_array_mut().expect("one hop");
                hops.push(hops[0].clone());
            }
            // Which application an impact metric is of is not told: those of one name become one metric.
            body["impactMetrics"].take();
        }
        let mut actual = bodies(&mut above).iter().map(|body| json(body)).collect::<Vec<_>>();
        actual.iter_mut().for_each(|body| drop(body["impactMetrics"].take()));
        prop_assert_eq!(actual, expected);
    }

}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn pieces_are_a_partition_in_order(
        applications in 0..150_usize, flags in 0..250_usize, name_bytes in 1..900_usize, tokens in 0..40_usize,
    ) {
        let mut bucket = Bucket::default();
        for at in 0..applications {
            let body = format!(
                r#"{{"appName":"app-{at}-{}","interval":1,"started":"2026-11-21T00:00:00Z","strategies":[]}}"#,
                "x".repeat(name_bytes)
            );
            bucket.take_registration(body.as_bytes(), &poster("development")).expect("a registration");
        }
        let toggles: Vec<String> = (0..flags)
            .map(|at| format!(r#""flag-{at}-{}":{{"yes":1,"no":{at}}}"#, "y".repeat(name_bytes)))
            .collect();
        super::metrics(&mut bucket, &super::counts("a", "2026-11-21T02:10:00Z", &toggles.join(","))).expect("a post");
        for at in 0..tokens {
            bucket.see(Token::parse(&format!("*:development.{at}")).expect("a token"), "development", false);
        }
        let Some(batch) = absorbed(bucket).take("development") else { return Ok(()) };
        let whole = json(&batch.body());
        let is_small = batch.body().len() < UNSPLIT_BYTES_MAX;
        let pieces = batch.split();
        prop_assert!(!is_small || pieces.len() == 1);
        for key in ["applications", "metrics", "seenTokens"] {
            let of = |body: &serde_json::Value| body[key].as_array().cloned().unwrap_or_default();
            let joined: Vec<_> = pieces.iter().flat_map(|piece| of(&json(&piece.body()))).collect();
            prop_assert_eq!(joined, of(&whole));
        }
        for piece in &pieces {
            prop_assert_eq!(piece.body_bytes(), piece.body().len());
            prop_assert!(is_small || piece.body_bytes() <= PIECE_BYTES_MAX);
            prop_assert!(!piece.is_empty());
        }
        prop_assert!(pieces.is_sorted_by_key(|piece| !piece.has_applications()));
    }
}

#[test]
fn an_element_that_is_too_large_is_sent_alone() {
    let mut bucket = Bucket::default();
    let labels = (0..200).map(|at| format!(r#"{{"value":1,"labels":{{"l":"{at}{}"}}}}"#, "v".repeat(900)));
    let samples = labels.collect::<Vec<_>>().join(",");
    let body = format!(
        r#"{{"appName":"a","impactMetrics":[{{"type":"gauge","name":"m","help":"h","samples":[{samples}]}}],
        "bucket":{{"start":"2026-11-21T02:10:00Z","stop":"2026-11-21T02:10:00Z","toggles":{{"x":{{"yes":1,"no":0}}}}}}}}"#
    );
    super::metrics(&mut bucket, &body).expect("a post");
    bucket.see(Token::parse("*:development.s").expect("a token"), "development", true);
    let pieces = taken(bucket).split();
    let sizes: Vec<(usize, bool)> =
        pieces.iter().map(|one| (one.len(), one.body_bytes() > PIECE_BYTES_MAX)).collect();
    assert_eq!(sizes, [(1, false), (1, true), (1, false)]);
    let whole = pieces.into_iter().nth(1).expect("three pieces").halve().expect_err("one element");
    assert_eq!(whole.len(), 1);
}

#[test]
fn overhead_is_that_of_an_empty_body_with_all_keys() {
    let text = r#"{"applications":[],"metrics":[],"impactMetrics":[],"seenTokens":[]}"#;
    assert_eq!(text.len(), crate::usage::limits::PIECE_OVERHEAD_BYTES);
}
