//! Impact metrics of a post (http-api.md 10.6), labelled and checked one by one.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Deserializer, de};

use super::is_name;
use crate::usage::{
    Bucket,
    drops::Reason,
    impact::{Arrival, Bound, Kind, Labels, Metric, Named, Value},
    limits::{BUCKETS_MAX, HELP_BYTES_MAX, LABELS_MAX},
};

/// The label that says that a sample came through an edge.
const ORIGIN: (&str, &str) = ("origin", "edge");

/// One metric as posted.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(super) enum ImpactPost {
    Counter(MetricPost<NumberPost>),
    Gauge(MetricPost<NumberPost>),
    Histogram(MetricPost<HistogramPost>),
}

#[derive(Deserialize)]
pub(super) struct MetricPost<S> {
    name: Box<str>,
    help: Box<str>,
    samples: Vec<S>,
}

#[derive(Deserialize)]
pub(super) struct NumberPost {
    value: f64,
    labels: Option<Labels>,
}

#[derive(Deserialize)]
pub(super) struct HistogramPost {
    count: u64,
    sum: f64,
    buckets: Vec<BucketPost>,
    labels: Option<Labels>,
}

#[derive(Deserialize)]
struct BucketPost {
    le: Bound,
    count: u64,
}

/// Puts a metric into a bucket; samples that are beyond a bound are left out.
pub(super) fn take(bucket: &mut Bucket, post: ImpactPost, app: &str, environment: &str) {
    match post {
        ImpactPost::Counter(post) => take_as(bucket, Kind::Counter, post, (app, environment)),
        ImpactPost::Gauge(post) => take_as(bucket, Kind::Gauge, post, (app, environment)),
        ImpactPost::Histogram(post) => take_as(bucket, Kind::Histogram, post, (app, environment)),
    }
}

fn take_as<S: Sample>(
    bucket: &mut Bucket,
    kind: Kind,
    post: MetricPost<S>,
    (app, environment): (&str, &str),
) {
    if !is_name(app) || !is_name(&post.name) {
        return bucket.omit(Reason::NameTooLong, 0);
    }
    let help = post.help.get(..post.help.floor_char_boundary(HELP_BYTES_MAX)).unwrap_or_default();
    let mut metric = Metric { kind, help: help.into(), samples: BTreeMap::new() };
    for sample in post.samples {
        match sample.checked() {
            Ok((labels, value)) => metric.add(labels, value, Arrival::Newer),
            Err(reason) => bucket.omit(reason, 0),
        }
    }
    bucket.measure(environment, Named { app: app.into(), name: post.name, metric });
}

trait Sample {
    /// Labels and value, unless there is too much of something.
    fn checked(self) -> Result<(Labels, Value), Reason>;
}

impl Sample for NumberPost {
    fn checked(self) -> Result<(Labels, Value), Reason> {
        Ok((labelled(self.labels)?, Value::Number(self.value)))
    }
}

impl Sample for HistogramPost {
    fn checked(self) -> Result<(Labels, Value), Reason> {
        let labels = labelled(self.labels)?;
        if self.buckets.len() > BUCKETS_MAX {
            return Err(Reason::Entries);
        }
        let mut buckets = BTreeMap::new();
        for BucketPost { le, count } in self.buckets {
            let sum: &mut u64 = buckets.entry(le).or_default();
            *sum = sum.saturating_add(count);
        }
        Ok((labels, Value::Histogram { count: self.count, sum: self.sum, buckets }))
    }
}

/// The origin comes first of all: samples are told apart by labels, so later ones must look alike.
fn labelled(labels: Option<Labels>) -> Result<Labels, Reason> {
    let mut labels = labels.unwrap_or_default();
    labels.insert(ORIGIN.0.into(), ORIGIN.1.into());
    if labels.len() > LABELS_MAX {
        return Err(Reason::Entries);
    }
    let are_names = labels.iter().all(|(name, text)| is_name(name) && is_name(text));
    are_names.then_some(labels).ok_or(Reason::NameTooLong)
}

impl<'de> Deserialize<'de> for Bound {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(BoundVisitor)
    }
}

struct BoundVisitor;

impl de::Visitor<'_> for BoundVisitor {
    type Value = Bound;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number or \"+Inf\"")
    }

    fn visit_f64<E>(self, bound: f64) -> Result<Bound, E> {
        Ok(Bound(bound))
    }

    fn visit_u64<E>(self, bound: u64) -> Result<Bound, E> {
        Ok(Bound(bound as f64))
    }

    fn visit_i64<E>(self, bound: i64) -> Result<Bound, E> {
        Ok(Bound(bound as f64))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Bound, E> {
        match text {
            "+Inf" => Ok(Bound(f64::INFINITY)),
            _ => Err(E::invalid_value(de::Unexpected::Str(text), &self)),
        }
    }
}
