//! SIGTERM and SIGINT: the first asks for a graceful stop, the second for an immediate one.
//!
//! They are blocked in every thread (call [`block`] before any other thread starts) and taken by one thread that
//! waits for nothing else, so no system call anywhere is interrupted by them.

use std::{io, thread};

use crossbeam_channel::{Receiver, bounded};
use nix::sys::signal::{SigSet, Signal};

/// Added to a signal's number for the exit code of an immediate stop, as shells do.
const EXIT_SIGNALLED: i32 = 128;

/// The two signals, kept from interrupting anything.
pub struct Blocked(SigSet);

/// Blocks the signals in this thread and those it starts from now on.
///
/// # Errors
/// As the system says; never seen.
pub fn block() -> io::Result<Blocked> {
    let mut set = SigSet::empty();
    set.add(Signal::SIGTERM);
    set.add(Signal::SIGINT);
    set.thread_block()?;
    Ok(Blocked(set))
}

impl Blocked {
    /// Starts the waiting thread. The first signal comes out of the channel; the second ends the process.
    ///
    /// # Errors
    /// If the system has no thread left.
    pub fn watch(self) -> io::Result<Receiver<Signal>> {
        let (first, received) = bounded(1);
        thread::Builder::new().name("signals".to_owned()).spawn(move || {
            let mut asked = false;
            while let Ok(signal) = self.0.wait() {
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
}
