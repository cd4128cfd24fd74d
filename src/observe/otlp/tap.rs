//! A bounded queue that never makes its senders wait, and counts what it could not take.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use crossbeam_channel::{Receiver, Sender, bounded};

/// Records of one kind under way; about 2 MB of usual ones, or eight seconds of a thousand per second.
const RECORDS_MAX: usize = 8 * 1024;

/// The near end.
#[derive(Debug)]
pub struct Tap<T> {
    to: Sender<T>,
    lost: Arc<AtomicU64>,
}

/// The far end.
#[derive(Debug)]
pub struct Queue<T> {
    /// What was taken.
    pub records: Receiver<T>,
    /// Records that were not taken, or not delivered.
    pub lost: Arc<AtomicU64>,
}

/// Both ends.
pub fn queue<T>() -> (Tap<T>, Queue<T>) {
    let (to, records) = bounded(RECORDS_MAX);
    let lost = Arc::new(AtomicU64::new(0));
    (Tap { to, lost: Arc::clone(&lost) }, Queue { records, lost })
}

impl<T> Tap<T> {
    /// Hands a record over, or counts it.
    pub fn put(&self, record: T) {
        if self.to.try_send(record).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_taken_is_counted() {
        let (tap, queue) = queue();
        (0..RECORDS_MAX + 3).for_each(|at| tap.put(at));
        assert_eq!((queue.records.len(), queue.lost.load(Ordering::Relaxed)), (RECORDS_MAX, 3));
        drop(queue.records);
        tap.put(0);
        assert_eq!(queue.lost.load(Ordering::Relaxed), 4);
    }
}
