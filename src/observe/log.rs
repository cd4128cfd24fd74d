//! Logging: what is said, in which shape, and how it leaves the program (cli.md 9).
//!
//! Lines go to standard output in one of three shapes. The filter is that of `RUST_LOG`; targets of Unleash
//! Edge are understood as ours. A line is formatted on the thread that says it and handed to a writer
//! thread, see `writer`. Set up once at start; the guard flushes when it is dropped.

mod filter;
mod writer;

use std::io::{IsTerminal, Write};

use tracing_subscriber::{
    EnvFilter, Layer, Registry,
    fmt::{self, MakeWriter},
    layer::SubscriberExt,
    registry::LookupSpan,
    util::SubscriberInitExt,
};

pub use self::writer::Flush;
use self::writer::{Handoff, Line};
use super::otlp::LogTap;
use crate::config::settings::LogFormat;

/// What is to be known of the outside world to set logging up.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// `RUST_LOG`, if set.
    pub filter: Option<String>,
    /// Whether colours may be used.
    pub colour: bool,
}

impl Surroundings {
    /// Those of this process: `NO_COLOR` with any text, or an output that is no terminal, means no colour.
    pub fn of_process() -> Self {
        let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self { filter: std::env::var("RUST_LOG").ok(), colour: !no_colour && std::io::stdout().is_terminal() }
    }
}

/// Starts logging to standard output for the rest of the process. Keep the result until the very end:
/// dropping it waits a moment for what has been said to be written. Does nothing if logging is set up.
/// `tap` takes the same lines for their export.
pub fn init(format: LogFormat, surroundings: &Surroundings, tap: Option<LogTap>) -> Flush {
    let (handoff, flush) = writer::start(std::io::stdout(), format);
    let (filter, refused) = filter::parse(surroundings.filter.as_deref());
    // Only a second set-up in one process fails, and the first one then goes on.
    let _ = tracing_subscriber::registry()
        .with(filter)
        .with(layer(format, surroundings.colour, handoff))
        .with(tap)
        .try_init();
    for directive in refused {
        tracing::warn!(directive, "ignoring a part of RUST_LOG that is not understood or would show secrets");
    }
    flush
}

type Filtered = tracing_subscriber::layer::Layered<EnvFilter, Registry>;

/// The lines of one shape; timestamps are UTC with microseconds.
fn layer(format: LogFormat, colour: bool, handoff: Handoff) -> Box<dyn Layer<Filtered> + Send + Sync> {
    boxed(format, colour, Lines(handoff))
}

fn boxed<S, W>(format: LogFormat, colour: bool, writer: W) -> Box<dyn Layer<S> + Send + Sync>
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let layer = fmt::layer().with_writer(writer);
    match format {
        LogFormat::Plain => layer.with_ansi(colour).boxed(),
        LogFormat::Json => layer.with_ansi(false).json().boxed(),
        LogFormat::Pretty => layer.pretty().with_ansi(colour).boxed(),
    }
}

/// Gives the formatter a place for one event.
struct Lines(Handoff);

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        self.0.line()
    }
}

impl Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.push(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use serde_json::Value;

    use super::*;

    /// Keeps what is written.
    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// Says one line at info in the given shape and returns it.
    fn said(format: LogFormat, colour: bool) -> String {
        let kept = Kept::default();
        let writer = kept.clone();
        let subscriber = tracing_subscriber::registry().with(boxed(format, colour, move || writer.clone()));
        tracing::subscriber::with_default(subscriber, || tracing::info!(shards = 2, "up"));
        let bytes = kept.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn plain_is_one_line_with_a_utc_timestamp() {
        let line = said(LogFormat::Plain, false);
        let (timestamp, rest) = line.split_once(' ').unwrap();
        assert_eq!(timestamp.len(), "2026-01-01T00:00:00.000000Z".len(), "{line}");
        assert!(timestamp.ends_with('Z'), "{line}");
        assert_eq!(rest.trim_start(), "INFO brink::observe::log::tests: up shards=2\n");
    }

    #[test]
    fn json_is_one_object_with_the_known_keys() {
        let line = said(LogFormat::Json, true);
        let object: Value = serde_json::from_str(line.trim_end()).unwrap();
        assert_eq!(object["level"], "INFO");
        assert_eq!(object["fields"]["message"], "up");
        assert_eq!(object["fields"]["shards"], 2);
        assert_eq!(object["target"], "brink::observe::log::tests");
        assert_eq!(line.lines().count(), 1);
    }

    #[test]
    fn json_has_spans_only_inside_of_them() {
        let kept = Kept::default();
        let writer = kept.clone();
        let subscriber =
            tracing_subscriber::registry().with(boxed(LogFormat::Json, false, move || writer.clone()));
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!("outside");
            tracing::info_span!("refresh", of = 2).in_scope(|| tracing::info!("inside"));
        });
        let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        let [outside, inside]: [Value; 2] =
            [0, 1].map(|at| serde_json::from_str(text.lines().nth(at).unwrap()).unwrap());
        assert_eq!((outside.get("span"), outside.get("spans")), (None, None));
        assert_eq!(inside["span"], serde_json::json!({"of": 2, "name": "refresh"}));
        assert_eq!(inside["spans"], serde_json::json!([{"of": 2, "name": "refresh"}]));
    }

    #[test]
    fn pretty_names_the_source_file() {
        let text = said(LogFormat::Pretty, false);
        assert!(text.lines().count() > 1 && text.contains("log.rs"), "{text}");
    }

    #[test]
    fn colours_only_when_allowed() {
        fn check(format: LogFormat, colour: bool, coloured: bool) {
            assert_eq!(said(format, colour).contains('\u{1b}'), coloured, "{format:?} {colour}");
        }
        check(LogFormat::Plain, true, true);
        check(LogFormat::Plain, false, false);
        check(LogFormat::Pretty, true, true);
        check(LogFormat::Pretty, false, false);
        check(LogFormat::Json, true, false);
    }
}
