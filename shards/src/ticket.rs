//! Tickets: requests of one shard that wait for an answer from a plain thread.
//!
//! The board belongs to the shard. A ticket is drawn while a request is handled, travels to a control thread as
//! a plain number, and comes back with its answer; late answers to tickets that were given back are dropped,
//! which the generation tells. Deadlines are those of the connection.

use std::task::Waker;

use slab::Slab;

/// Names one waiting request of one shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TicketId {
    index: usize,
    generation: u64,
}

struct Seat<A> {
    generation: u64,
    answer: Option<A>,
    waker: Option<Waker>,
}

/// The waiting requests of one shard.
pub struct Board<A> {
    seats: Slab<Seat<A>>,
    drawn: u64,
}

impl<A> Default for Board<A> {
    fn default() -> Self {
        Self { seats: Slab::new(), drawn: 0 }
    }
}

impl<A> Board<A> {
    pub fn draw(&mut self) -> TicketId {
        self.drawn += 1;
        let generation = self.drawn;
        TicketId { index: self.seats.insert(Seat { generation, answer: None, waker: None }), generation }
    }

    /// Stores the answer and wakes the session. False if nobody waits for it any more.
    pub fn answer(&mut self, id: TicketId, answer: A) -> bool {
        let Some(seat) = self.seat(id) else { return false };
        seat.answer = Some(answer);
        if let Some(waker) = seat.waker.take() {
            waker.wake();
        }
        true
    }

    /// The answer, if it is there; otherwise the waker is kept.
    pub fn take(&mut self, id: TicketId, waker: &Waker) -> Option<A> {
        let seat = self.seat(id)?;
        let answer = seat.answer.take();
        if answer.is_none() {
            seat.waker = Some(waker.clone());
        }
        answer
    }

    /// Gives the ticket back: answered, timed out, or its client is gone.
    pub fn release(&mut self, id: TicketId) {
        if self.seat(id).is_some() {
            self.seats.remove(id.index);
        }
    }

    /// Tickets drawn and not given back.
    pub fn drawn(&self) -> usize {
        self.seats.len()
    }

    fn seat(&mut self, id: TicketId) -> Option<&mut Seat<A>> {
        self.seats.get_mut(id.index).filter(|seat| seat.generation == id.generation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_answer_does_not_reach_the_next_holder_of_the_seat() {
        let mut board = Board::default();
        let first = board.draw();
        board.release(first);
        let second = board.draw();
        assert!(!board.answer(first, "late"));
        assert_eq!(board.take(second, Waker::noop()), None);
        assert!(board.answer(second, "in time"));
        assert_eq!(board.take(second, Waker::noop()), Some("in time"));
    }
}
