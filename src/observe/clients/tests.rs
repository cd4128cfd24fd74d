//! Closed sets: what is told apart, what is not, and that sums do not depend on who numbered what.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{names::known, *};

/// Counts by label.
fn labelled(clients: &Clients) -> BTreeMap<(String, String, Option<String>, String), u64> {
    let mut labelled = BTreeMap::new();
    for (Combination { client, .. }, count) in clients.counts() {
        let (name, version) = clients.name_sdk(client.sdk);
        let spec = clients.name_spec(client.spec).map(str::to_owned);
        let labels = (name.to_owned(), version.to_owned(), spec, client.codings.label());
        *labelled.entry(labels).or_default() += count;
    }
    labelled
}

fn counted<'t>(
    texts: impl IntoIterator<Item = (Option<&'t str>, Option<&'t str>, Option<&'t str>)>,
) -> Clients {
    let mut clients = Clients::default();
    let mut reader = Reader::default();
    for (sdk, spec, codings) in texts {
        let bytes = |text: Option<&'t str>| text.map(str::as_bytes);
        reader.hear(bytes(sdk), bytes(spec), bytes(codings));
        let client = reader.client(&mut clients);
        clients.count(Combination { endpoint: Endpoint::Features, client });
    }
    clients
}

#[test]
fn sdks_are_names_of_a_list_and_plain_versions() {
    let check = |header: Option<&str>, name: &str, version: &str| {
        let labels: Vec<_> = labelled(&counted([(header, None, None)])).into_keys().collect();
        assert_eq!(labels, [(name.to_owned(), version.to_owned(), None, "none".to_owned())], "{header:?}");
    };
    check(None, "unknown", "unknown");
    check(Some("unleash-node-sdk:6.12.1"), "unleash-node-sdk", "6.12.1");
    check(Some("unleash-client-go:v4.5.0"), "unleash-client-go", "v4.5.0");
    check(Some("unleash-client-js:3.7.8-beta.1"), "unleash-client-js", "3.7.8-beta.1");
    check(Some("unleash-node-sdk"), "unleash-node-sdk", "other");
    check(Some("unleash-node-sdk:"), "unleash-node-sdk", "other");
    check(Some("unleash-node-sdk:6.12"), "unleash-node-sdk", "other");
    check(Some("unleash-node-sdk:6.12.1.4"), "unleash-node-sdk", "other");
    check(Some("unleash-node-sdk:6.12.1 \"x\""), "unleash-node-sdk", "other");
    check(Some("unleash-node-sdk:6.12.1-\u{fc}"), "unleash-node-sdk", "other");
    check(Some("unleash-node-sdk:1.2.3-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), "unleash-node-sdk", "other");
    check(Some("my-sdk:1.2.3"), "other", "other");
    check(Some(""), "other", "other");
    assert_eq!(known("unleash-edge"), Some("unleash-edge"));
}

#[test]
fn specifications_and_codings_are_closed_sets() {
    let check = |spec: Option<&str>, codings: Option<&str>, expected: (Option<&str>, &str)| {
        let labels = labelled(&counted([(None, spec, codings)])).into_keys().next();
        let (_, _, spec_label, codings_label) = labels.expect("one");
        assert_eq!((spec_label.as_deref(), &*codings_label), expected, "{spec:?} {codings:?}");
    };
    check(Some("5.2.1"), Some("gzip"), (Some("5.2.1"), "gzip"));
    check(Some("x"), Some("zstd;q=0.5, GZIP , br,gzip"), (Some("other"), "br,gzip,zstd"));
    check(Some(""), Some(""), (None, "other"));
    check(None, Some("snappy, x"), (None, "other"));
    check(None, Some("*, snappy"), (None, "*"));
}

#[test]
fn made_up_headers_make_few_series() {
    let mut clients = Clients::default();
    let mut reader = Reader::default();
    for index in 0..10_000_u32 {
        let sdk = match index % 4 {
            0 => format!("sdk-{index}:1.0.0"),
            1 => format!("unleash-node-sdk:1.0.{index}"),
            2 => format!("unleash-node-sdk:{index}"),
            _ => "x".repeat(index as usize),
        };
        let spec = format!("5.{index}.0");
        let codings = format!("gzip;q=0.{index}, coding-{index}");
        reader.hear(Some(sdk.as_bytes()), Some(spec.as_bytes()), Some(codings.as_bytes()));
        let client = reader.client(&mut clients);
        clients.count(Combination { endpoint: Endpoint::Features, client });
    }
    let labels = labelled(&clients);
    assert_eq!(labels.values().sum::<u64>(), 10_000, "all are counted");
    assert!(clients.sdks.len() <= SDK_VERSIONS_MAX + 3, "{}", clients.sdks.len());
    assert!(clients.specs.len() <= SPECS_MAX + 2, "{}", clients.specs.len());
    assert!(clients.counts.len() <= COMBINATIONS_MAX + 2 * clients.sdks.len(), "{}", clients.counts.len());
    // The same shard, added twice, adds nothing new.
    let mut sum = Clients::default();
    sum.add(&clients);
    sum.reset();
    sum.add(&clients);
    assert_eq!(labelled(&sum), labels);
}

#[test]
fn who_needs_no_token_takes_up_no_name() {
    let mut clients = Clients::default();
    let mut reader = Reader::default();
    reader.hear(Some(b"unleash-node-sdk:6.0.0"), Some(b"5.0.0"), Some(b"gzip"));
    let stranger = Client { sdk: SdkId::OTHER, spec: SpecId::OTHER, codings: Codings::of(b"gzip") };
    assert_eq!(reader.stranger(), stranger);
    reader.hear(None, None, None);
    assert_eq!(reader.stranger(), Client::default());
    assert_eq!((clients.sdks.len(), clients.specs.len()), (2, 2));
    reader.hear(Some(b"unleash-node-sdk:6.0.0"), None, None);
    let known = reader.client(&mut clients);
    assert_eq!(clients.name_sdk(known.sdk), ("unleash-node-sdk", "6.0.0"));
}

fn texts() -> impl Strategy<Value = Vec<(Option<String>, Option<String>, Option<String>)>> {
    let sdk = proptest::option::of("(unleash-(node|go)-sdk|mine):[1-3]\\.0\\.0");
    let spec = proptest::option::of("[45]\\.[01]\\.0");
    let codings = proptest::option::of("(gzip|br|x)(, (gzip|zstd))?");
    proptest::collection::vec((sdk, spec, codings), 0..40)
}

fn of_texts(texts: &[(Option<String>, Option<String>, Option<String>)]) -> Clients {
    counted(texts.iter().map(|(sdk, spec, codings)| (sdk.as_deref(), spec.as_deref(), codings.as_deref())))
}

proptest! {
    #[test]
    fn sums_of_shards_are_counts_of_all(mine in texts(), theirs in texts()) {
        let mut sum = of_texts(&mine);
        sum.add(&of_texts(&theirs));
        prop_assert_eq!(labelled(&sum), labelled(&of_texts(&[mine, theirs].concat())));
    }
}
