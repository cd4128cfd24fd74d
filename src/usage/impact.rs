//! Impact metrics: counters, gauges and histograms that applications report beside their evaluations
//! (metrics.md 1.4).
//!
//! Every sample has the label `origin` from the moment it is taken in, so that later samples find it. (Unleash Edge
//! 20.4 adds the label after merging and sends samples twice.)

use std::{cmp::Ordering, collections::BTreeMap};

use serde::{Serialize, Serializer, ser::SerializeStruct};

/// Label texts by name.
pub type Labels = BTreeMap<Box<str>, Box<str>>;

/// What a metric measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// A metric of an application. All samples are of the kind, and all have different labels.
#[derive(Debug, Clone, PartialEq)]
pub struct Metric {
    pub kind: Kind,
    pub help: Box<str>,
    pub samples: BTreeMap<Labels, Value>,
}

/// What a sample says.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Number(f64),
    Histogram { count: u64, sum: f64, buckets: BTreeMap<Bound, u64> },
}

/// Upper bound of a histogram's bucket; infinity is `+Inf`.
#[derive(Debug, Clone, Copy)]
pub struct Bound(pub f64);

/// Which of two gauges is the newer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// What comes is newer than what is there.
    Newer,
    /// What comes was there before, and comes back.
    Returned,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

impl Metric {
    /// Adds a sample to what was measured with the same labels.
    pub fn add(&mut self, labels: Labels, value: Value, arrival: Arrival) {
        match self.samples.get_mut(&labels) {
            Some(known) => known.merge(self.kind, value, arrival),
            None => drop(self.samples.insert(labels, value)),
        }
    }
}

impl Value {
    /// Adds what was measured elsewhere; values of another kind leave it as it is.
    pub fn merge(&mut self, kind: Kind, other: Self, arrival: Arrival) {
        match (self, other) {
            (Self::Number(value), Self::Number(more)) if kind == Kind::Counter => {
                *value = added(*value, more)
            }
            (Self::Number(value), Self::Number(newer)) if arrival == Arrival::Newer => *value = newer,
            (
                Self::Histogram { count, sum, buckets },
                Self::Histogram { count: counted, sum: summed, buckets: filled },
            ) => {
                *count = count.saturating_add(counted);
                *sum = added(*sum, summed);
                for (bound, more) in filled {
                    let count = buckets.entry(bound).or_default();
                    *count = count.saturating_add(more);
                }
            }
            _ => {}
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Number(_) => size_of::<Self>(),
            Self::Histogram { buckets, .. } => size_of::<Self>() + tree_bytes::<(Bound, u64)>(buckets.len()),
        }
    }
}

/// JSON has no infinity.
fn added(value: f64, more: f64) -> f64 {
    (value + more).clamp(f64::MIN, f64::MAX)
}

/// Memory of one sample.
pub fn sample_bytes(labels: &Labels, value: &Value) -> usize {
    let texts: usize = labels.iter().map(|(name, text)| name.len() + text.len()).sum();
    value.bytes() + tree_bytes::<(Box<str>, Box<str>)>(labels.len()) + texts
}

/// Memory of a metric without samples.
pub fn metric_bytes(name: &str, help: &str) -> usize {
    tree_bytes::<(Box<str>, Metric)>(1) + name.len() + help.len()
}

/// A leaf of a B-tree has room for eleven, and at least five are in use where there are more leaves than one.
fn tree_bytes<T>(length: usize) -> usize {
    size_of::<T>() * length.max(5) * 11 / 5
}

impl PartialEq for Bound {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Bound {}

impl PartialOrd for Bound {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Bound {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl Serialize for Bound {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.is_finite() { serializer.serialize_f64(self.0) } else { serializer.serialize_str("+Inf") }
    }
}

/// A metric with its name, as it is sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Named {
    /// Not sent: upstream knows the application by labels.
    pub app: Box<str>,
    pub name: Box<str>,
    pub metric: Metric,
}

impl Serialize for Named {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("Metric", 4)?;
        object.serialize_field("type", self.metric.kind.name())?;
        object.serialize_field("name", &self.name)?;
        object.serialize_field("help", &self.metric.help)?;
        object.serialize_field("samples", &Samples(&self.metric.samples))?;
        object.end()
    }
}

struct Samples<'m>(&'m BTreeMap<Labels, Value>);

impl Serialize for Samples<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|(labels, value)| match value {
            Value::Number(value) => SampleOut::Number { value: *value, labels },
            Value::Histogram { count, sum, buckets } => {
                let buckets = buckets.iter().map(|(le, count)| BucketOut { le: *le, count: *count });
                SampleOut::Histogram { labels, count: *count, sum: *sum, buckets: buckets.collect() }
            }
        }))
    }
}

#[derive(Serialize)]
#[serde(untagged)]
enum SampleOut<'m> {
    Number { value: f64, labels: &'m Labels },
    Histogram { labels: &'m Labels, count: u64, sum: f64, buckets: Vec<BucketOut> },
}

#[derive(Serialize)]
struct BucketOut {
    le: Bound,
    count: u64,
}
