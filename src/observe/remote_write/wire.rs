//! The body of a push: families as time series, each with one sample.
//!
//! The message is `WriteRequest` of version 1; only the fields in use are declared. Labels of a series are sorted by name and
//! occur once; what a series says itself goes before what every series says.

use std::collections::BTreeMap;

use prometheus::proto::{Metric, MetricFamily, MetricType};

/// What is posted, compressed.
#[derive(Clone, PartialEq, prost::Message)]
pub struct WriteRequest {
    /// All series.
    #[prost(message, repeated, tag = "1")]
    pub timeseries: Vec<TimeSeries>,
}

/// One series.
#[derive(Clone, PartialEq, prost::Message)]
pub struct TimeSeries {
    /// By name.
    #[prost(message, repeated, tag = "1")]
    pub labels: Vec<Label>,
    /// Exactly one.
    #[prost(message, repeated, tag = "2")]
    pub samples: Vec<Sample>,
}

/// A label.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct Label {
    /// Name; `__name__` has that of the metric.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Value.
    #[prost(string, tag = "2")]
    pub value: String,
}

/// A value and its time.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Sample {
    /// Value.
    #[prost(double, tag = "1")]
    pub value: f64,
    /// Milliseconds since 1970.
    #[prost(int64, tag = "2")]
    pub timestamp: i64,
}

/// All families as they stand at this time, with these labels more.
pub fn write_request(
    families: &[MetricFamily],
    labels: &[(&'static str, String)],
    at_ms: i64,
) -> WriteRequest {
    let mut series = Vec::new();
    for family in families {
        for metric in family.get_metric() {
            let writer = Writer { name: family.name(), metric, labels, at_ms };
            writer.write(family.get_field_type(), &mut series);
        }
    }
    WriteRequest { timeseries: series }
}

struct Writer<'m> {
    name: &'m str,
    metric: &'m Metric,
    labels: &'m [(&'static str, String)],
    at_ms: i64,
}

impl Writer<'_> {
    fn write(&self, kind: MetricType, series: &mut Vec<TimeSeries>) {
        match kind {
            MetricType::COUNTER => series.push(self.sample("", None, self.metric.get_counter().get_value())),
            MetricType::GAUGE => series.push(self.sample("", None, self.metric.get_gauge().get_value())),
            MetricType::HISTOGRAM => self.histogram(series),
            // We make none of the others.
            MetricType::SUMMARY | MetricType::UNTYPED => {}
        }
    }

    fn histogram(&self, series: &mut Vec<TimeSeries>) {
        let histogram = self.metric.get_histogram();
        let count = histogram.get_sample_count();
        let buckets = histogram.get_bucket().iter();
        let buckets = buckets.map(|bucket| (bucket.upper_bound(), bucket.cumulative_count()));
        for (bound, count) in buckets.filter(|(bound, _)| bound.is_finite()) {
            series.push(self.sample("_bucket", Some(bound.to_string()), count as f64));
        }
        series.push(self.sample("_bucket", Some("+Inf".to_owned()), count as f64));
        series.push(self.sample("_sum", None, histogram.get_sample_sum()));
        series.push(self.sample("_count", None, count as f64));
    }

    fn sample(&self, suffix: &str, bound: Option<String>, value: f64) -> TimeSeries {
        let mut labels: BTreeMap<&str, String> =
            self.labels.iter().map(|(name, value)| (*name, value.clone())).collect();
        labels.extend(self.metric.get_label().iter().map(|pair| (pair.name(), pair.value().to_owned())));
        labels.extend(bound.map(|bound| ("le", bound)));
        labels.insert("__name__", format!("{}{suffix}", self.name));
        let labels = labels.into_iter().map(|(name, value)| Label { name: name.to_owned(), value }).collect();
        TimeSeries { labels, samples: vec![Sample { value, timestamp: self.at_ms }] }
    }
}
