//! What is to be sent: bytes in order, and possibly one shared body behind them.

use std::{
    io::{self, IoSlice},
    rc::Rc,
    sync::Arc,
};

use crate::limits::{COALESCE_BYTES_MAX, OUTPUT_KEPT_BYTES_MAX};

/// A body made once and sent many times. The outer count belongs to the shard: sharing it between the
/// requests of one core writes no memory that another core reads.
pub type Shared = Rc<Arc<[u8]>>;

/// The answers gathered in one round of a connection; one per shard, lent to whoever is running.
#[derive(Default)]
pub struct Output {
    pub bytes: Vec<u8>,
    /// Sent after `bytes`. While it is set nothing may be appended.
    pub tail: Option<Shared>,
}

impl Output {
    /// No further answer may be appended before this is sent.
    pub fn is_full(&self) -> bool {
        self.tail.is_some() || self.bytes.len() >= COALESCE_BYTES_MAX
    }

    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty() && self.tail.is_none()
    }

    /// Takes back everything from `start` on.
    pub fn truncate(&mut self, start: usize) {
        self.bytes.truncate(start);
        self.tail = None;
    }

    /// Sends as much as `send` takes at once; what is left becomes the connection's own.
    pub fn send_with(
        &mut self,
        mut send: impl FnMut(&[IoSlice<'_>]) -> io::Result<usize>,
    ) -> io::Result<Option<Unsent>> {
        if self.is_empty() {
            return Ok(None);
        }
        let tail: &[u8] = self.tail.as_deref().map_or(&[], |body| body);
        let total = self.bytes.len() + tail.len();
        let sent = match send(&[IoSlice::new(&self.bytes), IoSlice::new(tail)]) {
            Ok(sent) => sent,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            Err(error) => {
                self.clear();
                return Err(error);
            }
        };
        let unsent = (sent < total).then(|| self.rest(sent));
        self.clear();
        Ok(unsent)
    }

    fn rest(&mut self, sent: usize) -> Unsent {
        let own = self.bytes.len();
        Unsent {
            bytes: self.bytes.get(sent..).unwrap_or(&[]).into(),
            tail: self.tail.take(),
            offset: sent.saturating_sub(own),
        }
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(OUTPUT_KEPT_BYTES_MAX);
        self.tail = None;
    }
}

/// The part of an answer that the socket would not take at once.
pub struct Unsent {
    bytes: Vec<u8>,
    tail: Option<Shared>,
    /// Sent so far of `bytes`, then of `tail`.
    offset: usize,
}

impl Unsent {
    /// What to send next; empty when all is sent.
    pub fn next(&self) -> &[u8] {
        if !self.bytes.is_empty() {
            return self.bytes.get(self.offset..).unwrap_or(&[]);
        }
        self.tail.as_ref().and_then(|tail| tail.get(self.offset..)).unwrap_or(&[])
    }

    pub fn len(&self) -> usize {
        let total = self.bytes.len() + self.tail.as_ref().map_or(0, |tail| tail.len());
        total.saturating_sub(self.offset)
    }

    pub fn sent(&mut self, count: usize) {
        self.offset += count;
        if !self.bytes.is_empty() && self.offset >= self.bytes.len() {
            self.bytes = Vec::new();
            self.offset = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shared(size: usize) -> Shared {
        Rc::new((0..size).map(|i| i as u8).collect())
    }

    #[test]
    fn whatever_the_socket_takes_the_bytes_arrive_in_order() {
        let body = shared(10_000);
        let expected: Vec<u8> = b"head".iter().chain(body.iter()).copied().collect();
        for first in [0, 1, 4, 5, 1_000, expected.len()] {
            let mut output = Output::default();
            output.bytes.extend_from_slice(b"head");
            output.tail = Some(Rc::clone(&body));
            assert!(output.is_full());
            let mut wire = Vec::new();
            let take = |parts: &[IoSlice<'_>]| {
                let all: Vec<u8> = parts.iter().flat_map(|part| part.iter()).copied().collect();
                wire.extend_from_slice(&all[..first]);
                if first == 0 { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(first) }
            };
            let mut unsent = output.send_with(take).expect("no error");
            assert!(output.is_empty());
            while let Some(rest) = unsent.as_mut().filter(|rest| rest.len() > 0) {
                let step = rest.next().len().min(700);
                wire.extend_from_slice(&rest.next()[..step]);
                rest.sent(step);
            }
            assert!(wire == expected, "first send took {first}");
        }
    }
}
