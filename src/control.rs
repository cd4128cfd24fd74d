//! Threads of the control side: started, ended, and missed if they die.
//!
//! Sync or offline owns all truth of its process; a process without it would serve old data for ever, so its end is an
//! event that `app` waits for. All others do what serving can do without: a panic costs what they were doing
//! ([`unless_it_panics`]), or at worst the thread, and is said at ERROR. A crash loop over one bad page or body would
//! cost more than the page.

use std::{
    convert::Infallible,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    thread,
};

use crossbeam_channel::{Receiver, Sender, bounded};

/// A running thread. It is told to end when this is dropped.
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
        let about = format!("The {name} thread has ended, brink must be started again for what it does");
        thread::Builder::new().name(name.to_owned()).spawn(move || {
            let _alive: Sender<Infallible> = alive;
            unless_it_panics(&about, || run(&stopped));
        })?;
        Ok(Self { ended, stop })
    }

    /// Is disconnected when the thread has ended; never receives anything.
    pub fn ended(&self) -> &Receiver<Infallible> {
        &self.ended
    }
}

/// Does something whose failure must not be its thread's end. A panic is `None`, and a line that says what is lost.
pub fn unless_it_panics<T>(lost: &str, job: impl FnOnce() -> T) -> Option<T> {
    let result = catch_unwind(AssertUnwindSafe(job));
    if result.is_err() {
        // Where it was, the standard library has said.
        tracing::error!("{lost}: it panicked, which is a mistake in brink");
    }
    result.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_survived() {
        assert_eq!(unless_it_panics("Nothing", || 7), Some(7));
        assert_eq!(unless_it_panics("The page is not made", || panic!("as told")), None::<()>);
    }

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
