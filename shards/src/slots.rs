//! The connections of one shard: who is there, whose deadline is when, whom to wake.
//!
//! Owned by the shard. A session parks its waker in its slot and moves its deadline; the shard's tick wakes the
//! sessions whose deadline has passed, and drain wakes them all. Times are milliseconds since the shard began.

use std::{collections::HashMap, net::IpAddr, task::Waker};

use slab::Slab;

use crate::{limits::TICK, wheel::Wheel};

const NEVER: u64 = u64::MAX;

struct Slot {
    peer: IpAddr,
    waker: Option<Waker>,
    /// When the session must be woken; [`NEVER`] while it has no deadline.
    deadline_ms: u64,
    /// The tick at which the wheel holds the key; other appearances of the key are stale.
    scheduled: u64,
    expired: bool,
}

#[derive(Default)]
pub struct Slots {
    slots: Slab<Slot>,
    wheel: Wheel,
    per_peer: HashMap<IpAddr, usize>,
    due: Vec<(usize, u64)>,
}

impl Slots {
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Takes a connection in, unless the shard has `total_max` or the peer `peer_max` of them.
    pub fn admit(&mut self, peer: IpAddr, total_max: usize, peer_max: usize) -> Option<usize> {
        let held = self.per_peer.entry(peer).or_insert(0);
        if self.slots.len() >= total_max || *held >= peer_max {
            if *held == 0 {
                self.per_peer.remove(&peer);
            }
            return None;
        }
        *held += 1;
        let slot = Slot { peer, waker: None, deadline_ms: NEVER, scheduled: NEVER, expired: false };
        Some(self.slots.insert(slot))
    }

    pub fn leave(&mut self, key: usize) {
        let Some(slot) = self.slots.try_remove(key) else { return };
        if let Some(held) = self.per_peer.get_mut(&slot.peer) {
            *held -= 1;
            if *held == 0 {
                self.per_peer.remove(&slot.peer);
            }
        }
    }

    /// Remembers whom to wake, and tells whether the deadline has passed since the last call.
    pub fn park(&mut self, key: usize, waker: &Waker) -> bool {
        let Some(slot) = self.slots.get_mut(key) else { return false };
        if !slot.waker.as_ref().is_some_and(|parked| parked.will_wake(waker)) {
            slot.waker = Some(waker.clone());
        }
        std::mem::take(&mut slot.expired)
    }

    pub fn set_deadline(&mut self, key: usize, deadline_ms: u64) {
        let Some(slot) = self.slots.get_mut(key) else { return };
        slot.deadline_ms = deadline_ms;
        let tick = tick_after(deadline_ms);
        if tick < slot.scheduled {
            slot.scheduled = self.wheel.insert(key, tick);
        }
    }

    /// From now on there is none.
    pub fn clear_deadline(&mut self, key: usize) {
        if let Some(slot) = self.slots.get_mut(key) {
            slot.deadline_ms = NEVER;
        }
    }

    /// Wakes the sessions whose deadline has passed.
    pub fn advance(&mut self, now_ms: u64) {
        let mut due = std::mem::take(&mut self.due);
        self.wheel.advance(now_ms / tick_ms(), &mut due);
        for (key, at) in due.drain(..) {
            self.came_up(key, at, now_ms);
        }
        self.due = due;
    }

    fn came_up(&mut self, key: usize, at: u64, now_ms: u64) {
        let Some(slot) = self.slots.get_mut(key).filter(|slot| slot.scheduled == at) else { return };
        slot.scheduled = NEVER;
        if slot.deadline_ms == NEVER {
            return;
        }
        if slot.deadline_ms > now_ms {
            slot.scheduled = self.wheel.insert(key, tick_after(slot.deadline_ms));
            return;
        }
        slot.deadline_ms = NEVER;
        slot.expired = true;
        if let Some(waker) = &slot.waker {
            waker.wake_by_ref();
        }
    }

    /// Wakes every session, so that idle ones see that the shard drains.
    pub fn wake_all(&self) {
        for waker in self.slots.iter().filter_map(|(_, slot)| slot.waker.as_ref()) {
            waker.wake_by_ref();
        }
    }
}

fn tick_ms() -> u64 {
    u64::try_from(TICK.as_millis()).unwrap_or(1)
}

/// The first tick that begins at or after a time.
fn tick_after(time_ms: u64) -> u64 {
    time_ms.div_ceil(tick_ms())
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use super::*;

    struct Count(AtomicUsize);
    impl std::task::Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn one() -> (Slots, usize, Arc<Count>, Waker) {
        let mut slots = Slots::default();
        let key = slots.admit(PEER, 10, 10).expect("there is room");
        let count = Arc::new(Count(AtomicUsize::new(0)));
        let waker = Waker::from(Arc::clone(&count));
        slots.park(key, &waker);
        (slots, key, count, waker)
    }

    #[test]
    fn a_deadline_moved_later_fires_late_and_moved_earlier_fires_early() {
        for (moves, fires_ms) in
            [(vec![1_000], 1_000), (vec![1_000, 9_000], 9_000), (vec![9_000, 2_000], 2_000)]
        {
            let (mut slots, key, count, waker) = one();
            for deadline in &moves {
                slots.set_deadline(key, *deadline);
            }
            slots.advance(fires_ms - 1);
            assert_eq!(count.0.load(Ordering::Relaxed), 0, "{moves:?}");
            slots.advance(fires_ms + tick_ms());
            assert_eq!(count.0.load(Ordering::Relaxed), 1, "{moves:?}");
            assert!(slots.park(key, &waker));
            assert!(!slots.park(key, &waker), "told once");
            slots.advance(100_000);
            assert_eq!(count.0.load(Ordering::Relaxed), 1, "{moves:?}: a deadline fires once");
        }
    }

    #[test]
    fn a_deadline_many_rounds_away_fires_once_at_its_time() {
        let (mut slots, key, count, _waker) = one();
        slots.set_deadline(key, 200_000);
        for now in (0..200_000).step_by(500) {
            slots.advance(now);
        }
        assert_eq!(count.0.load(Ordering::Relaxed), 0);
        slots.advance(200_500);
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn limits_hold_in_total_and_per_peer() {
        let mut slots = Slots::default();
        let other = IpAddr::from([10, 0, 0, 1]);
        let first = slots.admit(PEER, 3, 2).expect("room");
        assert!(slots.admit(PEER, 3, 2).is_some());
        assert!(slots.admit(PEER, 3, 2).is_none(), "the peer's share is used up");
        assert!(slots.admit(other, 3, 2).is_some());
        assert!(slots.admit(other, 3, 2).is_none(), "the shard is full");
        slots.leave(first);
        assert!(slots.admit(PEER, 3, 2).is_some());
        assert_eq!(slots.len(), 3);
    }
}
