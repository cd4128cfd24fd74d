//! The one control thread: started, ended, and missed if it dies.
//!
//! Both kinds (sync and offline) own all truth of their process; a process whose control thread is gone would
//! serve old data for ever, so its end is an event that `app` waits for.

use std::{convert::Infallible, io, thread};

use crossbeam_channel::{Receiver, Sender, bounded};

/// A running control thread. It is told to end when this is dropped.
pub struct Control {
    ended: Receiver<Infallible>,
    #[expect(dead_code, reason = "its drop closes the channel that the thread watches")]
    stop: Sender<Infallible>,
}

impl Control {
    /// Starts the thread. It must return when its argument is disconnected.
    ///
    /// # Errors
    /// If the system has no thread left.
    pub fn start(name: &str, run: impl FnOnce(&Receiver<Infallible>) + Send + 'static) -> io::Result<Self> {
        let (stop, stopped) = bounded(0);
        let (alive, ended) = bounded(0);
        thread::Builder::new().name(name.to_owned()).spawn(move || {
            // Dropped at the end, also by a panic.
            let _alive: Sender<Infallible> = alive;
            run(&stopped);
        })?;
        Ok(Self { ended, stop })
    }

    /// Is disconnected when the thread has ended; never receives anything.
    pub fn ended(&self) -> &Receiver<Infallible> {
        &self.ended
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_noticed_however_it_comes() {
        let returned = Control::start("returns", |_| {}).expect("a thread");
        assert!(returned.ended().recv().is_err());
        let panicked = Control::start("panics", |_| panic!("as told")).expect("a thread");
        assert!(panicked.ended().recv().is_err());
        let control = Control::start("waits", |stopped| assert!(stopped.recv().is_err())).expect("a thread");
        let ended = control.ended().clone();
        assert!(ended.try_recv().is_err_and(|error| error.is_empty()), "it runs until it is told");
        drop(control);
        assert!(ended.recv().is_err());
    }
}
