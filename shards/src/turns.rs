//! Turns of long work: requests that yield go on one at a time, first come, first served.
//!
//! Between two turns the executor looks for I/O and runs whatever else is ready, so a short request waits for one
//! piece of long work at most, however many requests are at it. An executor that runs tasks as long as any is ready
//! would not do that by itself: a task that merely wakes itself keeps sockets waiting until the preempt timer fires
//! (10 ms), hence [`Driver::pass`](crate::driver::Driver::pass). Owned by the shard; the task that calls, which
//! [`crate::session`] starts with the first turn, ends with the last one.

use std::{collections::VecDeque, task::Waker};

/// Who waits for a turn. Turns are numbered from 1 in the order in which they are drawn.
#[derive(Default)]
pub struct Turns {
    drawn: u64,
    called: u64,
    waiting: VecDeque<Waker>,
    /// Somebody calls the next one.
    is_calling: bool,
}

impl Turns {
    /// Takes a number. Whoever waits must be woken by this waker; if it is gone by then, its turn is lost to nobody.
    pub fn draw(&mut self, waker: &Waker) -> u64 {
        self.drawn += 1;
        self.waiting.push_back(waker.clone());
        self.drawn
    }

    /// Whether the number was called.
    pub fn has_come(&self, turn: u64) -> bool {
        turn <= self.called
    }

    /// True if nobody calls yet: the caller must then see to it that [`Turns::call_next`] is called.
    pub fn needs_caller(&mut self) -> bool {
        !std::mem::replace(&mut self.is_calling, true)
    }

    /// Calls the next number. False if nobody waits; then a new caller is needed for the next one.
    pub fn call_next(&mut self) -> bool {
        let next = self.waiting.pop_front();
        self.is_calling = next.is_some();
        if let Some(waker) = next {
            self.called += 1;
            waker.wake();
        }
        self.is_calling
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_come_in_order_one_at_a_time() {
        let mut turns = Turns::default();
        let (first, second) = (turns.draw(Waker::noop()), turns.draw(Waker::noop()));
        assert!(turns.needs_caller());
        assert!(!turns.needs_caller());
        assert!(!turns.has_come(first));
        assert!(turns.call_next());
        assert!(turns.has_come(first) && !turns.has_come(second));
        let third = turns.draw(Waker::noop());
        assert!(turns.call_next());
        assert!(turns.has_come(second) && !turns.has_come(third));
        assert!(turns.call_next());
        assert!(!turns.call_next());
        assert!(turns.has_come(third));
        let fourth = turns.draw(Waker::noop());
        assert!(!turns.has_come(fourth));
        assert!(turns.needs_caller(), "the caller has gone with the last one");
    }
}
