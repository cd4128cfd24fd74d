//! Hands log lines to a thread that writes them, so that a slow reader of the output never stops a shard.
//!
//! The hand-off is a bounded channel and never waits: when it is full the line is dropped and counted, and
//! the count is written as a line of its own as soon as there is room. Our own instead of a crate for it:
//! the crates at hand drop silently or leave the reporting to the caller.
//!
//! ```text
//! any thread: format -> Line -> try_send -+-> [channel] -> writer thread -> output
//!                                         +-> dropped += 1 --^
//! ```

use std::{
    io::Write,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use tracing_subscriber::fmt::{
    format::Writer as FormatWriter,
    time::{FormatTime, SystemTime},
};

use crate::config::settings::LogFormat;

/// Lines under way; about four megabytes of usual ones.
const LINES_MAX: usize = 16 * 1024;
/// Longer events are cut; an event is one line, or one screen in the pretty shape.
const LINE_BYTES_MAX: usize = 64 * 1024;
/// How long the end of the program waits for the output.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

enum Message {
    Line(Vec<u8>),
    /// Everything before it is to be written; then the sender is dropped.
    Flush(Sender<()>),
}

/// The near end, shared by all threads.
pub struct Handoff {
    lines: Sender<Message>,
    /// Not said yet.
    dropped: Arc<AtomicU64>,
    dropped_total: Arc<AtomicU64>,
}

/// Writes what is under way when it is dropped, for at most a second.
#[derive(Debug)]
pub struct Flush {
    lines: Sender<Message>,
    dropped_total: Arc<AtomicU64>,
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Line(_) => "Line",
            Self::Flush(_) => "Flush",
        })
    }
}

/// One event while it is formatted; sent when it is dropped.
pub struct Line<'a> {
    handoff: &'a Handoff,
    bytes: Vec<u8>,
}

/// Starts the thread that writes to `output`. If it cannot be started all lines count as dropped.
pub fn start(output: impl Write + Send + 'static, format: LogFormat) -> (Handoff, Flush) {
    start_with(output, format, LINES_MAX)
}

fn start_with(output: impl Write + Send + 'static, format: LogFormat, lines_max: usize) -> (Handoff, Flush) {
    let (lines, receiver) = bounded(lines_max);
    let dropped = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&dropped);
    // The thread ends with the last sender; nobody joins it because its output may never move again.
    let _ = thread::Builder::new()
        .name("log".to_owned())
        .spawn(move || write_all(output, format, &receiver, &counter));
    let dropped_total = Arc::new(AtomicU64::new(0));
    let handoff = Handoff { lines: lines.clone(), dropped, dropped_total: Arc::clone(&dropped_total) };
    (handoff, Flush { lines, dropped_total })
}

impl Handoff {
    /// Room for one event.
    pub fn line(&self) -> Line<'_> {
        Line { handoff: self, bytes: Vec::new() }
    }

    fn send(&self, bytes: Vec<u8>) {
        match self.lines.try_send(Message::Line(bytes)) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.dropped.fetch_add(1, Ordering::Relaxed);
                self.dropped_total.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

impl Flush {
    /// Lines that were dropped since the start.
    pub fn dropped(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.dropped_total)
    }
}

impl Line<'_> {
    /// Adds a part, up to the longest line.
    pub fn push(&mut self, bytes: &[u8]) {
        let room = LINE_BYTES_MAX.saturating_sub(self.bytes.len());
        if bytes.len() <= room {
            self.bytes.extend_from_slice(bytes);
        } else if room > 0 {
            self.bytes.extend(bytes.iter().take(room - 1));
            self.bytes.push(b'\n');
        }
    }
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        if !self.bytes.is_empty() {
            self.handoff.send(std::mem::take(&mut self.bytes));
        }
    }
}

impl Drop for Flush {
    fn drop(&mut self) {
        let (done, written) = bounded(1);
        // Both waits end early when the writer is gone, and in time when its output is stuck.
        if self.lines.send_timeout(Message::Flush(done), FLUSH_TIMEOUT).is_ok() {
            let _ = written.recv_timeout(FLUSH_TIMEOUT);
        }
    }
}

/// Writes until the last sender is gone. Errors of the output are ignored: there is no place to say so.
fn write_all(mut output: impl Write, format: LogFormat, messages: &Receiver<Message>, dropped: &AtomicU64) {
    for message in messages {
        match message {
            Message::Line(bytes) => {
                let _ = output.write_all(&bytes);
            }
            Message::Flush(done) => {
                report_dropped(&mut output, format, dropped);
                let _ = output.flush();
                drop(done);
                continue;
            }
        }
        if messages.is_empty() {
            report_dropped(&mut output, format, dropped);
            let _ = output.flush();
        }
    }
}

fn report_dropped(output: &mut impl Write, format: LogFormat, dropped: &AtomicU64) {
    let count = dropped.swap(0, Ordering::Relaxed);
    if count == 0 {
        return;
    }
    let now = now();
    let _ = match format {
        LogFormat::Json => writeln!(
            output,
            r#"{{"timestamp":"{now}","level":"WARN","fields":{{"message":"log lines were dropped","count":{count}}},"target":"brink"}}"#
        ),
        LogFormat::Plain | LogFormat::Pretty => {
            writeln!(output, "{now}  WARN brink: log lines were dropped count={count}")
        }
    };
}

/// The time in the form of all other lines.
fn now() -> String {
    let mut text = String::new();
    // Formatting into a text does not fail.
    let _ = SystemTime.format_time(&mut FormatWriter::new(&mut text));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An output that waits for a permit before each write and sends what it got.
    struct Gate {
        permits: Receiver<()>,
        written: Sender<String>,
    }

    impl Write for Gate {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            let _ = self.permits.recv();
            let _ = self.written.send(String::from_utf8_lossy(bytes).into_owned());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn say(handoff: &Handoff, text: &str) {
        handoff.line().push(text.as_bytes());
    }

    #[test]
    fn lines_are_written_in_order_and_flushed_at_the_end() {
        let (permit, permits) = bounded(0);
        drop(permit);
        let (written, lines) = crossbeam_channel::unbounded();
        let (handoff, flush) = start(Gate { permits, written }, LogFormat::Plain);
        say(&handoff, "one\n");
        say(&handoff, "two\n");
        drop(flush);
        assert_eq!(lines.try_iter().collect::<Vec<_>>(), ["one\n", "two\n"]);
    }

    #[test]
    fn a_stuck_output_costs_lines_and_says_how_many() {
        for (format, report) in [
            (LogFormat::Plain, "log lines were dropped count="),
            (LogFormat::Json, r#""message":"log lines were dropped","count":"#),
        ] {
            let (permit, permits) = bounded(0);
            let (written, lines) = crossbeam_channel::unbounded();
            let (handoff, flush) = start_with(Gate { permits, written }, format, 2);
            for _ in 0..10 {
                say(&handoff, "line\n");
            }
            drop(permit);
            let total = flush.dropped();
            drop(flush);
            let text: String = lines.try_iter().collect();
            let kept = text.matches("line\n").count();
            let dropped = format!("{report}{}", 10 - kept);
            assert_eq!(total.load(Ordering::Relaxed), 10 - kept as u64);
            assert!((2..=3).contains(&kept) && text.contains(&dropped), "{text}");
        }
    }

    #[test]
    fn long_lines_are_cut() {
        let (written, lines) = crossbeam_channel::unbounded();
        let (permit, permits) = bounded(0);
        drop(permit);
        let (handoff, flush) = start(Gate { permits, written }, LogFormat::Plain);
        say(&handoff, &"x".repeat(LINE_BYTES_MAX + 1));
        drop(flush);
        let line: String = lines.try_iter().collect();
        assert_eq!(line.len(), LINE_BYTES_MAX);
        assert!(line.ends_with('\n'));
    }
}
