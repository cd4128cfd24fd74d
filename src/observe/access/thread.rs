//! The thread `access`: takes what shards noticed, and says it.
//!
//! While requests are spoken about it sleeps on its stop signal and looks at the channel in between: a sender that finds
//! a sleeping receiver has to wake it, which would cost the shard a system call per record. When it listens for failures
//! alone it sleeps in the channel. Its end empties the channel first.

use std::{
    convert::Infallible,
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded, select};
use tracing::Level;

use super::{
    TARGET,
    failing::Failing,
    lines,
    outages::Outages,
    record::{Place, Record, Surface},
    witness::{Hearing, Interest, MESSAGES_MAX, Message},
};
use crate::{config::settings::Share, control::Control};

/// Between two looks at the channel.
const LOOK: Duration = Duration::from_millis(20);

/// While nothing but failures is listened for: between two looks at what has ended, and at panics.
const LAZY_LOOK: Duration = Duration::from_secs(1);

/// Between two lines about dropped records.
const DROPPED_REPEAT: Duration = Duration::from_secs(10);

/// How long the end waits for the last lines.
const PATIENCE: Duration = Duration::from_secs(1);

/// A handler that panicked has no route any more.
const PANICKED: Place = Place { pattern: "(panic)", surface: Surface::Other };

/// Takes the spans of requests; called on the thread.
pub type SpanSink = Box<dyn FnMut(&Record) + Send>;

/// Reads how many panics were caught.
type Panics = Box<dyn Fn() -> u64 + Send>;

/// What is to be said.
pub struct Setup {
    /// Of requests that make a line of the access log.
    pub lines: Share,
    /// Of requests that make a span.
    pub spans: Share,
    /// Where spans go.
    pub span_sink: SpanSink,
    /// The header SDKs put their token in, lower case.
    pub auth_header: String,
}

/// The running thread. Dropping it says what is under way, for at most a second.
pub struct Access {
    hearing: Hearing,
    panics: Sender<Panics>,
    control: Option<Control>,
}

/// How the thread passes the time; says whether it is over.
type Sleep = fn(&mut Speaker, &Receiver<Infallible>) -> bool;

struct Speaker {
    messages: Receiver<Message>,
    dropped: Arc<AtomicU64>,
    /// Of `dropped`.
    dropped_said: u64,
    dropped_said_at: Option<Instant>,
    outages: Outages,
    span_sink: SpanSink,
    panics: Option<Panics>,
    panics_said: u64,
}

/// Starts the thread. Logging must be set up: what the filter keeps away is not even noticed.
///
/// # Errors
/// If the system has no thread left.
pub fn start(setup: Setup) -> io::Result<Access> {
    let (panics, given) = bounded(1);
    let is_said = tracing::enabled!(target: TARGET, Level::INFO);
    let (hearing, messages) = Hearing::new(Interest {
        lines: if is_said { setup.lines } else { Share::default() },
        spans: setup.spans,
        is_tracing: tracing::enabled!(target: TARGET, Level::TRACE),
        auth_header: setup.auth_header.into(),
    });
    let sleep = if hearing.listens() { Speaker::look_away } else { Speaker::wait };
    let speaker = Speaker {
        messages,
        dropped: hearing.dropped(),
        dropped_said: 0,
        dropped_said_at: None,
        outages: Outages::default(),
        span_sink: setup.span_sink,
        panics: None,
        panics_said: 0,
    };
    let control = Control::start("access", move |stopped| speaker.run(sleep, &given, stopped))?;
    Ok(Access { hearing, panics, control: Some(control) })
}

impl Access {
    /// For the shards.
    pub fn hearing(&self) -> &Hearing {
        &self.hearing
    }

    /// Panics are answered with 500 where no witness is; from now on they are counted there.
    pub fn watch_panics(&self, panics: impl Fn() -> u64 + Send + 'static) {
        // Full if it was called twice: the first one counts.
        let _ = self.panics.try_send(Box::new(panics));
    }

    /// Records that were dropped since the start.
    pub fn dropped(&self) -> Arc<AtomicU64> {
        self.hearing.dropped()
    }
}

impl Drop for Access {
    fn drop(&mut self) {
        if let Some(control) = self.control.take() {
            let ended = control.ended().clone();
            drop(control);
            let _ = ended.recv_timeout(PATIENCE);
        }
    }
}

impl Speaker {
    fn run(mut self, sleep: Sleep, panics: &Receiver<Panics>, stopped: &Receiver<Infallible>) {
        loop {
            let is_stopped = sleep(&mut self, stopped);
            if let Ok(panics) = panics.try_recv() {
                self.panics = Some(panics);
            }
            self.say_all(Instant::now());
            if is_stopped {
                return;
            }
        }
    }

    /// Sleeps without being a receiver that a shard would have to wake. True if it is over.
    fn look_away(&mut self, stopped: &Receiver<Infallible>) -> bool {
        stopped.recv_timeout(LOOK) == Err(RecvTimeoutError::Disconnected)
    }

    /// Sleeps until there is something to say. True if it is over.
    fn wait(&mut self, stopped: &Receiver<Infallible>) -> bool {
        select! {
            recv(stopped) -> _ => return true,
            recv(self.messages) -> message => {
                if let Ok(message) = message {
                    self.take(message, Instant::now());
                }
            }
            default(LAZY_LOOK) => {}
        }
        false
    }

    fn take(&mut self, message: Message, now: Instant) {
        match message {
            Message::Answered(record) => self.say(&record),
            Message::Failing(failing) => self.note(failing, now),
        }
    }

    fn say_all(&mut self, now: Instant) {
        // Bounded, so that the rest gets its turn while shards are faster than this thread.
        for message in self.messages.clone().try_iter().take(MESSAGES_MAX) {
            self.take(message, now);
        }
        self.count_panics(now);
        self.outages.pass(now).iter().for_each(lines::news);
        self.say_dropped(now);
    }

    fn say(&mut self, record: &Record) {
        if record.makes_line {
            lines::access(record);
        }
        if let Some(overheard) = &record.overheard {
            lines::overheard(record, overheard);
        }
        if record.makes_span {
            (self.span_sink)(record);
        }
    }

    fn note(&mut self, failing: Failing, now: Instant) {
        if let Some(news) = self.outages.note(failing, now) {
            lines::news(&news);
        }
    }

    fn count_panics(&mut self, now: Instant) {
        let total = self.panics.as_ref().map_or(0, |panics| panics());
        let count = total.saturating_sub(self.panics_said);
        if count > 0 {
            self.panics_said = total;
            self.note(Failing { place: PANICKED, status: 500, count, took_max: Duration::ZERO }, now);
        }
    }

    fn say_dropped(&mut self, now: Instant) {
        let total = self.dropped.load(Ordering::Relaxed);
        let is_due =
            self.dropped_said_at.is_none_or(|said| now.saturating_duration_since(said) >= DROPPED_REPEAT);
        if total > self.dropped_said && is_due {
            lines::dropped(total - self.dropped_said);
            self.dropped_said = total;
            self.dropped_said_at = Some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::Write,
        sync::{Mutex, PoisonError},
    };

    use super::*;

    /// Keeps what is written.
    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What is said at these times, in seconds, without the time of day.
    fn said(speaker: &mut Speaker, times: &[u64]) -> Vec<String> {
        let kept = Kept::default();
        let writer = kept.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .without_time()
            .with_target(false)
            .with_writer(move || writer.clone())
            .finish();
        let start = Instant::now();
        tracing::subscriber::with_default(subscriber, || {
            times.iter().for_each(|seconds| speaker.say_all(start + Duration::from_secs(*seconds)));
        });
        let bytes = kept.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        String::from_utf8(bytes).unwrap().lines().map(|line| line.trim().to_owned()).collect()
    }

    fn speaker(panics: Option<Panics>) -> (Speaker, Hearing) {
        let (hearing, messages) = Hearing::new(Interest::default());
        let speaker = Speaker {
            messages,
            dropped: hearing.dropped(),
            dropped_said: 0,
            dropped_said_at: None,
            outages: Outages::default(),
            span_sink: Box::new(|_| {}),
            panics,
            panics_said: 0,
        };
        (speaker, hearing)
    }

    #[test]
    fn panics_are_failures_without_a_route() {
        let (mut speaker, _hearing) = speaker(Some(Box::new(|| 3)));
        let expected = [
            r#"ERROR response failed status=500 endpoint="(panic)" took_us=0 count=3"#,
            r#"INFO responses have stopped failing status=500 endpoint="(panic)" count=3"#,
        ];
        assert_eq!(said(&mut speaker, &[0, 1, 30, 31]), expected);
    }

    #[test]
    fn dropped_records_are_said_now_and_then() {
        let (mut speaker, hearing) = speaker(None);
        hearing.dropped().fetch_add(2, Ordering::Relaxed);
        assert_eq!(said(&mut speaker, &[0, 1]), ["WARN records of requests were dropped count=2"]);
        hearing.dropped().fetch_add(5, Ordering::Relaxed);
        let later = said(&mut speaker, &[2, 60]);
        assert_eq!(later, ["WARN records of requests were dropped count=5"]);
    }
}
