//! Families of metrics that are made on request, as the prometheus crate's encoder takes them.

use prometheus::proto::{Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType};

/// A family, its series by the values of their labels; nothing if it would be empty.
pub fn of(name: &str, help: &str, kind: MetricType, mut series: Vec<Metric>) -> Option<MetricFamily> {
    if series.is_empty() {
        return None;
    }
    series.sort_by(|one, other| values(one).cmp(values(other)));
    let mut family = MetricFamily::default();
    family.set_name(name.to_owned());
    family.set_help(help.to_owned());
    family.set_field_type(kind);
    family.set_metric(series);
    Some(family)
}

/// One series of a counter; labels by name.
pub fn counter(labels: &[(&str, &str)], value: u64) -> Metric {
    let mut counter = Counter::default();
    counter.set_value(value as f64);
    let mut metric = Metric::from_label(pairs(labels));
    metric.set_counter(counter);
    metric
}

/// One series of a gauge; labels by name.
pub fn gauge(labels: &[(&str, &str)], value: f64) -> Metric {
    let mut gauge = Gauge::default();
    gauge.set_value(value);
    let mut metric = Metric::from_label(pairs(labels));
    metric.set_gauge(gauge);
    metric
}

/// One series of a histogram; labels by name. `counts` are those of each bucket alone, and of all beyond the last bound.
pub fn histogram(labels: &[(&str, &str)], bounds: &[f64], counts: &[u64], sum: f64) -> Metric {
    let mut total = 0;
    let buckets = bounds.iter().zip(counts).map(|(bound, count)| {
        total += count;
        let mut bucket = Bucket::default();
        bucket.set_upper_bound(*bound);
        bucket.set_cumulative_count(total);
        bucket
    });
    let buckets = buckets.collect();
    let mut histogram = Histogram::default();
    histogram.set_bucket(buckets);
    histogram.set_sample_count(counts.iter().sum());
    histogram.set_sample_sum(sum);
    let mut metric = Metric::from_label(pairs(labels));
    metric.set_histogram(histogram);
    metric
}

fn values(metric: &Metric) -> impl Iterator<Item = &str> {
    metric.get_label().iter().map(LabelPair::value)
}

fn pairs(labels: &[(&str, &str)]) -> Vec<LabelPair> {
    debug_assert!(labels.is_sorted(), "{labels:?}");
    let pair = |(name, value): &(&str, &str)| {
        let mut pair = LabelPair::default();
        pair.set_name((*name).to_owned());
        pair.set_value((*value).to_owned());
        pair
    };
    labels.iter().map(pair).collect()
}
