//! Counting on one shard, and adding shards up.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// A request and its answer.
#[derive(Debug, Clone)]
struct Request {
    endpoint: Endpoint,
    verb: Verb,
    status: u16,
    body_bytes: usize,
    took_us: u64,
    sdk: Option<&'static str>,
    interval_ms: Option<u32>,
}

fn requests() -> impl Strategy<Value = Vec<Request>> {
    let endpoint = proptest::sample::select(vec![
        Endpoint::Features,
        Endpoint::Feature,
        Endpoint::Metrics,
        Endpoint::MetricsBulk,
        Endpoint::Frontend(super::super::endpoint::Evaluation::Enabled),
        Endpoint::Unknown,
    ]);
    let verb = proptest::sample::select(vec![Verb::Get, Verb::Post, Verb::Other]);
    let status = proptest::sample::select(vec![200, 202, 304, 403, 404, 503]);
    let sdk = proptest::sample::select(vec![
        None,
        Some("unleash-node-sdk:6.0.0"),
        Some("unleash-go-sdk:5.0.0"),
        Some("x"),
    ]);
    let numbers = (0_usize..200_000, 0_u64..20_000_000, proptest::option::of(0_u32..100_000));
    let request = (endpoint, verb, status, sdk, numbers).prop_map(
        |(endpoint, verb, status, sdk, (body_bytes, took_us, interval_ms))| Request {
            endpoint,
            verb,
            status,
            body_bytes,
            took_us,
            sdk,
            interval_ms,
        },
    );
    proptest::collection::vec(request, 0..60)
}

fn figures<'r>(requests: impl IntoIterator<Item = &'r Request>) -> Figures {
    let mut meter = Meter::default();
    for request in requests {
        let heard = Heard {
            sdk: request.sdk.map(str::as_bytes),
            interval_ms: request.interval_ms,
            ..Heard::default()
        };
        meter.ask(request.endpoint, request.verb, &heard);
        meter.answer(request.status, request.body_bytes, Duration::from_micros(request.took_us));
        meter.applied(Duration::from_micros(request.took_us));
    }
    meter.figures
}

type Clients = BTreeMap<(Endpoint, String), u64>;

/// Everything that can be told of figures, in one order.
#[expect(clippy::type_complexity, reason = "compared as a whole and used nowhere else")]
fn told(
    figures: &Figures,
) -> (BTreeMap<SeriesKey, Series>, Vec<(Endpoint, Class, String)>, Clients, Consumption, Durations) {
    let series = figures.all_series().map(|(key, series)| (key, series.clone())).collect();
    let mut traffic: Vec<_> = figures
        .traffic()
        .map(|(endpoint, class, timing)| (endpoint, class, format!("{:?}", timing.latency())))
        .collect();
    traffic.sort();
    let mut clients = Clients::new();
    for (combination, count) in figures.clients.counts() {
        let sdk = format!("{:?}", figures.clients.name_sdk(combination.client.sdk));
        *clients.entry((combination.endpoint, sdk)).or_default() += count;
    }
    (series, traffic, clients, figures.consumption.clone(), figures.applied)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn eight_meters_add_up_to_one_that_measured_all(requests in requests()) {
        let mut sum = Figures::default();
        // Twice, as a gatherer does it.
        for _ in 0..2 {
            sum.reset();
            for shard in 0..8 {
                sum.add(&figures(requests.iter().skip(shard).step_by(8)));
            }
        }
        prop_assert_eq!(told(&sum), told(&figures(&requests)));
    }
}

#[test]
fn series_are_bounded_and_nothing_is_lost() {
    let mut meter = Meter::default();
    let statuses = 200..1_200;
    for status in statuses.clone() {
        meter.ask(Endpoint::Features, Verb::Get, &Heard::default());
        meter.answer(status, 0, Duration::ZERO);
    }
    let series = meter.figures().all_series();
    let counted: u64 = series.map(|(_, series)| series.durations.count()).sum();
    assert_eq!(counted, statuses.len() as u64);
    // 404 is of another endpoint, so there are two to fold into.
    assert!(meter.figures().all_series().count() <= SERIES_MAX + 2);
}

#[test]
fn bounds_belong_to_their_buckets() {
    let check = |took_us, body_bytes, duration_bucket: usize, size_bucket: usize| {
        let mut series = Series::default();
        series.record(body_bytes, Duration::from_micros(took_us));
        let duration = series.durations.counts.iter().position(|count| *count == 1);
        let size = series.sizes.iter().position(|count| *count == 1);
        assert_eq!((duration, size), (Some(duration_bucket), Some(size_bucket)), "{took_us} {body_bytes}");
    };
    check(0, 0, 0, 0);
    check(100, 5, 0, 0);
    check(101, 6, 1, 1);
    check(10_000_000, 100_000, 14, 12);
    check(10_000_001, 100_001, 15, 13);
}

#[test]
fn an_answer_without_a_request_is_not_counted() {
    let mut meter = Meter::default();
    meter.answer(200, 0, Duration::ZERO);
    meter.ask(Endpoint::Features, Verb::Get, &Heard::default());
    meter.ask_uncounted();
    meter.answer(200, 0, Duration::ZERO);
    assert_eq!(meter.figures().all_series().count(), 0);
}
