//! From families of Prometheus to metrics of OpenTelemetry, names, labels and buckets unchanged.
//!
//! Counters become cumulative sums, counted since the start of the process; gauges and untyped values gauges. Values
//! that are no numbers are left out: JSON has no word for them. Pure.

use std::time::SystemTime;

use opentelemetry_proto::tonic::{
    common::v1::KeyValue,
    metrics::v1::{
        AggregationTemporality, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint, Sum, Summary,
        SummaryDataPoint, metric::Data, number_data_point::Value, summary_data_point::ValueAtQuantile,
    },
};
use prometheus::proto::{self, MetricFamily, MetricType};

use super::wire;

/// Between which points in time something was counted.
#[derive(Debug, Clone, Copy)]
pub struct Window {
    /// Start of the process, in nanoseconds since 1970.
    start: u64,
    /// Of the gathering.
    now: u64,
}

impl Window {
    /// From the start of the process to now.
    pub fn new(start: SystemTime, now: SystemTime) -> Self {
        Self { start: wire::unix_nanos(start), now: wire::unix_nanos(now) }
    }

    /// All families; those without a value are left out.
    pub fn metrics(self, families: &[MetricFamily]) -> Vec<Metric> {
        families.iter().filter_map(|family| self.metric(family)).collect()
    }

    fn metric(self, family: &MetricFamily) -> Option<Metric> {
        let rows = family.get_metric();
        let data = match family.get_field_type() {
            MetricType::COUNTER => Data::Sum(Sum {
                data_points: self.numbers(rows, self.start, |row| row.get_counter().get_value())?,
                aggregation_temporality: AggregationTemporality::Cumulative.into(),
                is_monotonic: true,
            }),
            MetricType::GAUGE => {
                Data::Gauge(Gauge { data_points: self.numbers(rows, 0, |row| row.get_gauge().get_value())? })
            }
            MetricType::HISTOGRAM => Data::Histogram(Histogram {
                data_points: filled(rows.iter().map(|row| self.histogram(row)).collect())?,
                aggregation_temporality: AggregationTemporality::Cumulative.into(),
            }),
            MetricType::SUMMARY => Data::Summary(Summary {
                data_points: filled(rows.iter().map(|row| self.summary(row)).collect())?,
            }),
            MetricType::UNTYPED => return None,
        };
        Some(Metric {
            name: family.name().to_owned(),
            description: family.help().to_owned(),
            data: Some(data),
            ..Default::default()
        })
    }

    fn numbers(
        self,
        rows: &[proto::Metric],
        start: u64,
        value: impl Fn(&proto::Metric) -> f64,
    ) -> Option<Vec<NumberDataPoint>> {
        let finite = rows.iter().map(|row| (row, value(row))).filter(|(_, value)| value.is_finite());
        let points = finite.map(|(row, value)| NumberDataPoint {
            attributes: labels(row),
            start_time_unix_nano: start,
            time_unix_nano: self.now,
            value: Some(Value::AsDouble(value)),
            ..Default::default()
        });
        filled(points.collect())
    }

    /// Prometheus counts from below up to each bound, OpenTelemetry between two.
    fn histogram(self, row: &proto::Metric) -> HistogramDataPoint {
        let histogram = row.get_histogram();
        let finite = histogram.get_bucket().iter().filter(|bucket| bucket.upper_bound().is_finite());
        let (mut explicit_bounds, mut bucket_counts, mut below) = (Vec::new(), Vec::new(), 0);
        for bucket in finite {
            explicit_bounds.push(bucket.upper_bound());
            bucket_counts.push(bucket.cumulative_count().saturating_sub(below));
            below = bucket.cumulative_count();
        }
        let count = histogram.get_sample_count();
        bucket_counts.push(count.saturating_sub(below));
        HistogramDataPoint {
            attributes: labels(row),
            start_time_unix_nano: self.start,
            time_unix_nano: self.now,
            count,
            sum: Some(histogram.get_sample_sum()).filter(|sum| sum.is_finite()),
            bucket_counts,
            explicit_bounds,
            ..Default::default()
        }
    }

    fn summary(self, row: &proto::Metric) -> SummaryDataPoint {
        let summary = row.get_summary();
        let finite = summary.get_quantile().iter().filter(|quantile| quantile.value().is_finite());
        let quantiles =
            finite.map(|one| ValueAtQuantile { quantile: one.quantile(), value: one.value() }).collect();
        SummaryDataPoint {
            attributes: labels(row),
            start_time_unix_nano: self.start,
            time_unix_nano: self.now,
            count: summary.sample_count(),
            sum: summary.sample_sum(),
            quantile_values: quantiles,
            ..Default::default()
        }
    }
}

fn filled<T>(points: Vec<T>) -> Option<Vec<T>> {
    (!points.is_empty()).then_some(points)
}

fn labels(row: &proto::Metric) -> Vec<KeyValue> {
    row.get_label().iter().map(|label| wire::text(label.name(), label.value())).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use prometheus::{GaugeVec, HistogramOpts, IntCounter, Opts, Registry, core::Collector};

    use super::*;

    const WINDOW: Window = Window { start: 1, now: 9 };

    fn only(collector: &impl Collector) -> Metric {
        let metrics = WINDOW.metrics(&collector.collect());
        let [metric] = metrics.as_slice() else { panic!("{metrics:?}") };
        metric.clone()
    }

    #[test]
    fn counters_are_cumulative_sums() {
        let counter = IntCounter::new("asked_total", "How often").unwrap();
        counter.inc_by(3);
        let metric = only(&counter);
        assert_eq!((metric.name.as_str(), metric.description.as_str()), ("asked_total", "How often"));
        let Some(Data::Sum(sum)) = metric.data else { panic!("{metric:?}") };
        assert!(sum.is_monotonic && sum.aggregation_temporality == 2);
        let point = &sum.data_points[0];
        assert_eq!((point.start_time_unix_nano, point.time_unix_nano), (1, 9));
        assert_eq!(point.value, Some(Value::AsDouble(3.0)));
    }

    #[test]
    fn gauges_keep_their_labels_and_lose_what_is_no_number() {
        let gauges = GaugeVec::new(Opts::new("open", "Now"), &["shard"]).unwrap();
        gauges.with_label_values(&["0"]).set(1.5);
        gauges.with_label_values(&["1"]).set(f64::NAN);
        let metric = only(&gauges);
        let Some(Data::Gauge(gauge)) = metric.data else { panic!("{metric:?}") };
        assert_eq!(gauge.data_points.len(), 1);
        assert_eq!(gauge.data_points[0].attributes, [wire::text("shard", "0")]);
        gauges.with_label_values(&["0"]).set(f64::INFINITY);
        assert_eq!(WINDOW.metrics(&gauges.collect()), []);
    }

    #[test]
    fn histograms_count_between_bounds() {
        let options = HistogramOpts::new("took", "Seconds").buckets(vec![0.1, 1.0]);
        let histogram = prometheus::Histogram::with_opts(options).unwrap();
        [0.05, 0.5, 0.6, 7.0].into_iter().for_each(|value| histogram.observe(value));
        let metric = only(&histogram);
        let Some(Data::Histogram(histogram)) = metric.data else { panic!("{metric:?}") };
        let point = &histogram.data_points[0];
        assert_eq!(
            (point.explicit_bounds.as_slice(), point.bucket_counts.as_slice()),
            ([0.1, 1.0].as_slice(), [1, 2, 1].as_slice())
        );
        assert_eq!((point.count, point.sum), (4, Some(8.15)));
    }

    #[test]
    fn a_window_begins_with_the_process() {
        let window = Window::new(SystemTime::UNIX_EPOCH, SystemTime::UNIX_EPOCH + Duration::from_secs(1));
        assert_eq!((window.start, window.now), (0, 1_000_000_000));
        assert_eq!(window.metrics(&Registry::new().gather()), []);
    }
}
