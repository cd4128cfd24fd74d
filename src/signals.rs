//! SIGTERM and SIGINT: the first asks for a graceful stop, the second for an immediate one. SIGHUP: whoever has files
//! to read again does so; it never ends the process.
//!
//! They are blocked in every thread (call [`block`] before any other thread starts) and taken by one thread that
//! waits for nothing else, so no system call anywhere is interrupted by them.

use std::{io, thread};

use crossbeam_channel::{Receiver, Sender, bounded};
use nix::sys::signal::{SigSet, Signal};

/// Added to a signal's number for the exit code of an immediate stop, as shells do.
const EXIT_SIGNALLED: i32 = 128;

/// The signals, kept from interrupting anything.
pub struct Blocked {
    signals: SigSet,
    hangups: Vec<Sender<()>>,
}

/// Blocks the signals in this thread and those it starts from now on.
///
/// # Errors
/// As the system says; never seen.
pub fn block() -> io::Result<Blocked> {
    let mut signals = SigSet::empty();
    signals.add(Signal::SIGTERM);
    signals.add(Signal::SIGINT);
    signals.add(Signal::SIGHUP);
    signals.thread_block()?;
    Ok(Blocked { signals, hangups: Vec::new() })
}

impl Blocked {
    /// Receives each SIGHUP from the start of the watch on. One that comes while another is unread is one with it: whoever
    /// reads the first reads its files after the second.
    pub fn on_hangup(&mut self) -> Receiver<()> {
        let (sender, receiver) = bounded(1);
        self.hangups.push(sender);
        receiver
    }

    /// Starts the waiting thread. The first signal to stop comes out of the channel; the second ends the process.
    ///
    /// # Errors
    /// If the system has no thread left.
    pub fn watch(self) -> io::Result<Receiver<Signal>> {
        let (first, received) = bounded(1);
        thread::Builder::new().name("signals".to_owned()).spawn(move || {
            let mut asked = false;
            while let Ok(signal) = self.signals.wait() {
                if signal == Signal::SIGHUP {
                    self.hang_up();
                    continue;
                }
                if std::mem::replace(&mut asked, true) {
                    tracing::warn!("{signal} again: stopping at once");
                    std::process::exit(EXIT_SIGNALLED + signal as i32);
                }
                if first.send(signal).is_err() {
                    return;
                }
            }
        })?;
        Ok(received)
    }

    fn hang_up(&self) {
        let what = if self.hangups.is_empty() { "nothing to read again" } else { "reading files again" };
        tracing::info!("SIGHUP received, {what}");
        for hangup in &self.hangups {
            // Full: it is told already. Gone: it needs nothing more.
            let _ = hangup.try_send(());
        }
    }
}
