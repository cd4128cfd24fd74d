//! Wakes one shard from any thread: a waker slot and a flag.
//!
//! The flag is not an optimisation: glommio queues every foreign wake and counts waker references in 16 bits,
//! so 32,767 wakes of one busy shard would panic the waking thread. With the flag a shard is woken once for
//! any number of rings until it has looked.

use std::{
    future::poll_fn,
    sync::atomic::{AtomicBool, Ordering},
    task::Poll,
};

use atomic_waker::AtomicWaker;

#[derive(Debug, Default)]
pub struct Bell {
    waker: AtomicWaker,
    rung: AtomicBool,
}

impl Bell {
    /// Called by plain threads after they have sent.
    pub fn ring(&self) {
        if !self.rung.swap(true, Ordering::AcqRel) {
            self.waker.wake();
        }
    }

    /// Called by the shard's mailbox task alone; whatever was sent before the ring is visible afterwards.
    pub async fn heard(&self) {
        poll_fn(|cx| {
            self.waker.register(cx.waker());
            if self.rung.swap(false, Ordering::AcqRel) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, atomic::AtomicUsize};

    use super::*;

    #[test]
    fn many_rings_wake_once_until_heard() {
        struct Count(AtomicUsize);
        impl std::task::Wake for Count {
            fn wake(self: Arc<Self>) {
                self.0.fetch_add(1, Ordering::Relaxed);
            }
        }
        let bell = Bell::default();
        let count = Arc::new(Count(AtomicUsize::new(0)));
        let waker = Arc::clone(&count).into();
        let mut cx = std::task::Context::from_waker(&waker);
        let mut heard = Box::pin(bell.heard());
        assert!(heard.as_mut().poll(&mut cx).is_pending());
        for _ in 0..40_000 {
            bell.ring();
        }
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
        assert!(heard.as_mut().poll(&mut cx).is_ready());
        assert!(Box::pin(bell.heard()).as_mut().poll(&mut cx).is_pending(), "one ring is heard once");
    }
}
