//! What one shard measures of its requests: plain numbers, one owner, no atomics.
//!
//! A [`Meter`] belongs to the service of a shard. When a request is asked, it notes what the request is; when it is
//! answered, it counts. Recording costs some tens of nanoseconds and allocates nothing once a series is there. Series
//! are keyed by closed sets, and bounded. [`Figures`] are the numbers; a copy of them is what leaves the shard. They only
//! grow, so a copy that gets lost loses nothing.

use std::time::Duration;

use super::{
    clients::{Clients, Combination, Reader},
    consumption::Consumption,
    endpoint::{Class, Endpoint, Verb},
    timing::Timing,
};

/// Series of requests of one shard. brink answers with some twenty statuses, most of them on few endpoints; beyond that
/// method and status count as `other` and 0, see [`SeriesKey::folded`].
const SERIES_MAX: usize = 400;

/// Upper bounds of `http_server_duration_milliseconds`, and of `edge_request_duration_seconds`.
pub const DURATION_BOUNDS: [Duration; 15] = [
    Duration::from_micros(100),
    Duration::from_micros(500),
    Duration::from_millis(1),
    Duration::from_micros(2_500),
    Duration::from_millis(5),
    Duration::from_millis(10),
    Duration::from_millis(25),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_millis(2_500),
    Duration::from_secs(5),
    Duration::from_secs(10),
];

/// Upper bounds of `http_response_size`, bytes.
pub const SIZE_BOUNDS: [usize; 13] =
    [5, 10, 100, 250, 500, 750, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000];

/// The request that is handled, as far as it is counted.
#[derive(Debug, Clone, Copy)]
struct Asked {
    endpoint: Endpoint,
    verb: Verb,
    interval_ms: Option<u32>,
}

/// What the headers of a request say that is counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Heard<'r> {
    /// `Unleash-SDK`
    pub sdk: Option<&'r [u8]>,
    /// `Unleash-Client-Spec`
    pub spec: Option<&'r [u8]>,
    /// `Accept-Encoding`
    pub accept_encoding: Option<&'r [u8]>,
    /// `Unleash-Interval`
    pub interval_ms: Option<u32>,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Meter {
    figures: Figures,
    reader: Reader,
    /// `None` for what is not counted.
    asked: Option<Asked>,
}

/// The numbers of one shard, or of several.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    /// Beside `series`, so that looking one up touches little memory. Few series are busy, and they come first.
    keys: Vec<SeriesKey>,
    series: Vec<Series>,
    traffic: Vec<(Endpoint, Class, Timing)>,
    /// Successful requests by client.
    pub clients: Clients,
    /// Requests by announced interval.
    pub consumption: Consumption,
    /// From publishing a snapshot to applying it.
    pub applied: Durations,
    /// Streams open now.
    pub streams_open: u64,
    /// Streams opened so far.
    pub streams_made: u64,
}

/// What a series of requests has in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SeriesKey {
    /// Route.
    pub endpoint: Endpoint,
    /// Method.
    pub verb: Verb,
    /// Status of the answers.
    pub status: u16,
}

/// One series of requests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Series {
    /// How long they took.
    pub durations: Durations,
    /// How long the bodies of their answers were, in bytes: each bucket alone, the last beyond all bounds.
    pub sizes: [u64; SIZE_BOUNDS.len() + 1],
    /// All of them together.
    pub size_sum: u64,
}

/// Times by bucket.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Durations {
    /// Each bucket alone, the last beyond all bounds.
    pub counts: [u64; DURATION_BOUNDS.len() + 1],
    /// Of all values.
    pub sum: Duration,
}

impl Meter {
    /// A request is handled from now on.
    pub fn ask(&mut self, endpoint: Endpoint, verb: Verb, heard: &Heard<'_>) {
        let Heard { sdk, spec, accept_encoding, interval_ms } = *heard;
        self.reader.hear(sdk, spec, accept_encoding);
        self.asked = Some(Asked { endpoint, verb, interval_ms });
    }

    /// A request is handled that is not counted.
    pub fn ask_uncounted(&mut self) {
        self.asked = None;
    }

    /// The request is answered.
    pub fn answer(&mut self, status: u16, body_bytes: usize, took: Duration) {
        let Some(Asked { endpoint, verb, interval_ms }) = self.asked.take() else { return };
        let figures = &mut self.figures;
        // As Unleash Edge 20.4: what was not found has no route.
        let counted = if status == 404 { Endpoint::Unknown } else { endpoint };
        figures.series(SeriesKey { endpoint: counted, verb, status }).record(body_bytes, took);
        if endpoint.is_reported()
            && let Some(class) = Class::of(verb, status)
        {
            figures.timing(endpoint, class).record(took);
        }
        if (200..300).contains(&status) {
            // Preflights carry no token.
            let client = if verb == Verb::Options || endpoint.is_open() {
                self.reader.stranger()
            } else {
                self.reader.client(&mut figures.clients)
            };
            figures.clients.count(Combination { endpoint, client });
        }
        if (200..300).contains(&status) || status == 304 {
            if let Some(metered) = endpoint.metered() {
                figures.consumption.count(metered, interval_ms);
            } else if endpoint.is_frontend() {
                figures.consumption.count_frontend();
            }
        }
    }

    /// A snapshot is applied, so long after it was published.
    pub fn applied(&mut self, delay: Duration) {
        self.figures.applied.record(delay);
    }

    /// So many streams are open, of so many that were opened so far.
    pub fn streams(&mut self, open: u64, made: u64) {
        (self.figures.streams_open, self.figures.streams_made) = (open, made);
    }

    /// The numbers so far.
    pub fn figures(&self) -> &Figures {
        &self.figures
    }
}

impl Figures {
    fn series(&mut self, key: SeriesKey) -> &mut Series {
        let has_room = self.keys.len() < SERIES_MAX;
        let key = if has_room || self.keys.contains(&key) { key } else { key.folded() };
        let at = self.keys.iter().position(|known| *known == key).unwrap_or_else(|| {
            self.keys.push(key);
            self.series.push(Series::default());
            self.keys.len() - 1
        });
        &mut self.series[at]
    }

    fn timing(&mut self, endpoint: Endpoint, class: Class) -> &mut Timing {
        let find = |known: &(Endpoint, Class, Timing)| (known.0, known.1) == (endpoint, class);
        let at = self.traffic.iter().position(find).unwrap_or_else(|| {
            self.traffic.push((endpoint, class, Timing::default()));
            self.traffic.len() - 1
        });
        &mut self.traffic[at].2
    }

    /// All series, in the order of their first request.
    pub fn all_series(&self) -> impl Iterator<Item = (SeriesKey, &Series)> {
        self.keys.iter().copied().zip(&self.series)
    }

    /// Latency by route and class, where instance data wants it.
    pub fn traffic(&self) -> impl Iterator<Item = (Endpoint, Class, &Timing)> {
        self.traffic.iter().map(|(endpoint, class, timing)| (*endpoint, *class, timing))
    }

    /// Starts to add up from nothing; names that have a number keep it.
    pub fn reset(&mut self) {
        let mut clients = std::mem::take(&mut self.clients);
        clients.reset();
        *self = Self { clients, ..Self::default() };
    }

    /// Adds all numbers of another shard.
    pub fn add(&mut self, other: &Self) {
        for (key, series) in other.all_series() {
            self.series(key).add(series);
        }
        for (endpoint, class, timing) in other.traffic() {
            self.timing(endpoint, class).add(timing);
        }
        self.clients.add(&other.clients);
        self.consumption.add(&other.consumption);
        self.applied.add(&other.applied);
        self.streams_open += other.streams_open;
        self.streams_made += other.streams_made;
    }
}

impl SeriesKey {
    /// Where it counts when there is no more room: one series per endpoint.
    fn folded(self) -> Self {
        Self { verb: Verb::Other, status: 0, ..self }
    }
}

impl Series {
    fn record(&mut self, body_bytes: usize, took: Duration) {
        self.durations.record(took);
        let bucket = SIZE_BOUNDS.iter().position(|bound| body_bytes <= *bound).unwrap_or(SIZE_BOUNDS.len());
        self.sizes[bucket] += 1;
        self.size_sum = self.size_sum.saturating_add(body_bytes as u64);
    }

    /// Adds all values of another.
    pub fn add(&mut self, other: &Self) {
        self.durations.add(&other.durations);
        self.sizes.iter_mut().zip(other.sizes).for_each(|(mine, theirs)| *mine += theirs);
        self.size_sum = self.size_sum.saturating_add(other.size_sum);
    }
}

impl Durations {
    /// Adds a value.
    pub fn record(&mut self, took: Duration) {
        let bucket = DURATION_BOUNDS.iter().position(|bound| took <= *bound).unwrap_or(DURATION_BOUNDS.len());
        self.counts[bucket] += 1;
        self.sum = self.sum.saturating_add(took);
    }

    /// Adds all values of another.
    pub fn add(&mut self, other: &Self) {
        self.counts.iter_mut().zip(other.counts).for_each(|(mine, theirs)| *mine += theirs);
        self.sum = self.sum.saturating_add(other.sum);
    }

    /// How many values there are.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }
}

#[cfg(test)]
mod tests;
