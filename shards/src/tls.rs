//! TLS over one socket, driven by hand: records in, plaintext out, and the other way round.
//!
//! Owned by a session. Ciphertext is received into the shard's scratch buffer and opened from there, so that
//! between two calls rustls holds no more than an incomplete record; sealed records go out by the shard's gathered
//! send, and what the socket does not take waits in rustls, at most [`TLS_SEND_BYTES_MAX`] of it. Nothing more
//! is read or sealed before that has left: that is the back-pressure. Keys, tickets and versions are those of the
//! configuration that the port had when the connection was accepted.
//!
//! Logs nothing: what goes wrong with one connection is its peer's affair, and is counted.

use std::{
    io::{self, IoSlice, Read, Write},
    sync::Arc,
    task::{Context, Poll, ready},
};

use rustls::{HandshakeKind, ServerConfig, ServerConnection};

use crate::{
    driver::Sock,
    feed::gather,
    limits::{SEND_PARTS_MAX, TLS_DISCARDS_MAX, TLS_RECEIVES_MAX, TLS_SEND_BYTES_MAX},
    link::{Received, Scratch},
};

/// How a handshake went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handshake {
    Full,
    Resumed,
    /// It failed, or the peer broke the protocol after it.
    Failed,
}

pub struct Tls<K> {
    socket: K,
    records: ServerConnection,
    /// The peer has said its close_notify, or closed its half without one.
    peer_ended: bool,
    /// Bytes of a record or of a handshake have come, and the rest of it has not.
    midway: bool,
    news: Option<Handshake>,
}

impl<K: Sock> Tls<K> {
    pub fn new(socket: K, config: Arc<ServerConfig>) -> Result<Self, rustls::Error> {
        let mut records = ServerConnection::new(config)?;
        records.set_buffer_limit(Some(TLS_SEND_BYTES_MAX));
        Ok(Self { socket, records, peer_ended: false, midway: false, news: None })
    }

    /// What there is to count since the last call.
    pub fn take_news(&mut self) -> Option<Handshake> {
        self.news.take()
    }

    pub fn socket(&self) -> &K {
        &self.socket
    }

    /// Sealed bytes wait for the socket.
    pub fn is_sending(&self) -> bool {
        self.records.wants_write()
    }

    pub fn poll_recv(&mut self, cx: &mut Context<'_>, scratch: &mut Scratch) -> Poll<Received> {
        for _ in 0..TLS_RECEIVES_MAX {
            if self.peer_ended {
                return Poll::Ready(Received::Ended);
            }
            // The peer may wait for our part of the handshake before it says more.
            if ready!(self.poll_flush(cx)).is_err() {
                return Poll::Ready(Received::Ended);
            }
            let count = match ready!(self.socket.poll_recv(cx, &mut scratch.sealed)) {
                Ok(0) | Err(_) => return Poll::Ready(Received::Ended),
                Ok(count) => count,
            };
            if let Some(received) = self.open(count, scratch) {
                return Poll::Ready(received);
            }
        }
        // A peer that sends records without content must not keep the shard.
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Looks for the last time, after [`Tls::poll_recv`] was pending: ended, unless something is under way.
    pub fn recv_last(&mut self, cx: &mut Context<'_>, scratch: &mut Scratch) -> Poll<Received> {
        match self.socket.try_recv(&mut scratch.sealed) {
            Ok(0) => Poll::Ready(Received::Ended),
            Ok(count) => self.open(count, scratch).map_or_else(
                || {
                    cx.waker().wake_by_ref();
                    Poll::Pending
                },
                Poll::Ready,
            ),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && self.midway => Poll::Pending,
            Err(_) => Poll::Ready(Received::Ended),
        }
    }

    /// Opens what has been received; `None` if there is no content in it.
    fn open(&mut self, count: usize, scratch: &mut Scratch) -> Option<Received> {
        let was_handshaking = self.records.is_handshaking();
        let Scratch { plain, sealed } = scratch;
        let opened = self.open_into(sealed.get(..count).unwrap_or(&[]), plain);
        let shook_hands = was_handshaking && !self.records.is_handshaking();
        if shook_hands {
            let resumed = self.records.handshake_kind() == Some(HandshakeKind::Resumed);
            self.news = Some(if resumed { Handshake::Resumed } else { Handshake::Full });
        }
        match opened {
            Ok(0) => {
                self.midway = !shook_hands;
                self.peer_ended.then_some(Received::Ended)
            }
            Ok(count) => {
                self.midway = false;
                Some(Received::Bytes(count))
            }
            Err(_) => {
                self.news = Some(Handshake::Failed);
                Some(Received::Broken)
            }
        }
    }

    /// Takes a few kilobytes at a time, and the plaintext out after each, so that rustls never has to keep any.
    fn open_into(&mut self, mut sealed: &[u8], plain: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while !sealed.is_empty() && !self.peer_ended {
            self.records.read_tls(&mut sealed)?;
            let state = self.records.process_new_packets().map_err(io::Error::other)?;
            let wanted = state.plaintext_bytes_to_read();
            if wanted > 0 {
                // There is room: `Scratch` is as large as everything that one receive may complete.
                let room = plain.get_mut(filled..filled + wanted).unwrap_or_default();
                debug_assert_eq!(room.len(), wanted, "a receive and an incomplete record fit");
                self.records.reader().read_exact(room)?;
                filled += room.len();
            }
            self.peer_ended = state.peer_has_closed();
        }
        Ok(filled)
    }

    /// Seals and sends as much as the socket takes without waiting; returns how much is sealed.
    pub fn try_send(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        let total: usize = parts.iter().map(|part| part.len()).sum();
        let mut sealed = 0;
        while sealed < total {
            sealed += self.seal(parts, sealed)?;
            match self.try_flush() {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(sealed)
    }

    /// Seals the parts from `skipped` bytes on.
    fn seal(&mut self, parts: &[IoSlice<'_>], skipped: usize) -> io::Result<usize> {
        let mut rest = [IoSlice::new(&[]); SEND_PARTS_MAX];
        let count = gather(parts.iter().map(|part| &**part), skipped, &mut rest);
        match rest.get(..count).unwrap_or_default() {
            // One part costs rustls no allocation for a list of them.
            [part] => self.records.writer().write(part),
            parts => self.records.writer().write_vectored(parts),
        }
    }

    /// Seals some bytes once what was sealed before has left.
    pub fn poll_send(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_flush(cx))?;
        let sealed = self.records.writer().write(bytes)?;
        match self.poll_flush(cx) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            // What is left of it is flushed before more is sent.
            _ => Poll::Ready(Ok(sealed)),
        }
    }

    /// Sends what is sealed.
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.records.wants_write() {
            let mut wire = Waiting { socket: &mut self.socket, cx };
            match self.records.write_tls(&mut wire) {
                Ok(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Poll::Pending,
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        Poll::Ready(Ok(()))
    }

    fn try_flush(&mut self) -> io::Result<()> {
        while self.records.wants_write() {
            if self.records.write_tls(&mut AtOnce(&self.socket))? == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
        }
        Ok(())
    }

    /// Says that nothing more will be sent, and ends our half.
    pub fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.records.send_close_notify();
        let flushed = ready!(self.poll_flush(cx));
        let closed = ready!(self.socket.poll_shutdown(cx));
        Poll::Ready(flushed.and(closed))
    }

    /// Receives what is not looked at any more.
    pub fn poll_discard(&mut self, cx: &mut Context<'_>, scratch: &mut Scratch) -> Poll<io::Result<usize>> {
        self.socket.poll_recv(cx, &mut scratch.plain)
    }

    /// Says goodbye if the socket takes it, before it is closed. The peer's own goodbye may have come already; left
    /// unread it would turn the end of the connection into a reset, and what is still under way would be lost.
    pub fn part(&mut self, scratch: &mut Scratch) {
        if !self.records.is_handshaking() {
            self.records.send_close_notify();
        }
        // Who does not take it is gone, or will see the connection end without it.
        let _ = self.try_flush();
        for _ in 0..TLS_DISCARDS_MAX {
            if !self.socket.try_recv(&mut scratch.plain).is_ok_and(|count| count > 0) {
                return;
            }
        }
    }
}

/// A socket that takes what it can now.
struct AtOnce<'s, K>(&'s K);

impl<K: Sock> Write for AtOnce<'_, K> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_send(&[IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.try_send(parts)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A socket that wakes the task when it takes more.
struct Waiting<'s, 'c, 'w, K> {
    socket: &'s mut K,
    cx: &'c mut Context<'w>,
}

impl<K: Sock> Write for Waiting<'_, '_, '_, K> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.socket.poll_send(self.cx, bytes) {
            Poll::Ready(sent) => sent,
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    fn write_vectored(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        match self.socket.try_send(parts) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                let first = parts.iter().find(|part| !part.is_empty());
                first.map_or(Ok(0), |part| self.write(part))
            }
            sent => sent,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
