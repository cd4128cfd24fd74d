//! How a session's bytes reach its peer: over the bare socket, or sealed by TLS.
//!
//! Sessions and connections see plaintext only and do not know which it is, but for the few questions below that
//! only TLS has an answer to.

use std::{
    io::{self, IoSlice},
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use rustls::ServerConfig;

use crate::{
    driver::Sock,
    limits::{SCRATCH_BYTES, TLS_SCRATCH_BYTES},
    tls::{Handshake, Tls},
};

/// How connections of a port are made.
#[derive(Clone)]
pub enum Transport {
    /// HTTP on the bare socket.
    Plain,
    /// HTTPS. The configuration may be replaced while the port is open, see [`crate::Broadcast::replace_tls`].
    Tls(Arc<ServerConfig>),
}

impl Transport {
    /// Whether connections are sealed.
    pub fn is_tls(&self) -> bool {
        matches!(self, Self::Tls(_))
    }
}

/// What a receive has brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// So many bytes of plaintext, at the beginning of [`Scratch::plain`].
    Bytes(usize),
    /// Nothing more will come.
    Ended,
    /// What came is not TLS as it must be. An alert is sealed and waits to be sent; then the connection is over.
    Broken,
}

/// A shard's receive buffers, lent to the session that runs.
pub struct Scratch {
    pub plain: Box<[u8]>,
    /// Records as received; empty where no port has TLS.
    pub sealed: Box<[u8]>,
}

impl Scratch {
    pub fn new(with_tls: bool) -> Self {
        let sealed_bytes = if with_tls { TLS_SCRATCH_BYTES } else { 0 };
        Self { plain: vec![0; SCRATCH_BYTES].into(), sealed: vec![0; sealed_bytes].into() }
    }
}

pub enum Link<K> {
    Plain(K),
    /// Boxed: a plain session should not pay for it.
    Tls(Box<Tls<K>>),
}

impl<K: Sock> Link<K> {
    pub fn new(socket: K, transport: &Transport) -> Result<Self, rustls::Error> {
        Ok(match transport {
            Transport::Plain => Self::Plain(socket),
            Transport::Tls(config) => Self::Tls(Box::new(Tls::new(socket, Arc::clone(config))?)),
        })
    }

    /// Sealed bytes wait for the socket, beside what the session knows to be unsent.
    pub fn is_sending(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            Self::Tls(tls) => tls.is_sending(),
        }
    }

    /// What there is to count since the last call.
    pub fn take_news(&mut self) -> Option<Handshake> {
        match self {
            Self::Plain(_) => None,
            Self::Tls(tls) => tls.take_news(),
        }
    }

    pub fn poll_recv(&mut self, cx: &mut Context<'_>, scratch: &mut Scratch) -> Poll<Received> {
        match self {
            Self::Plain(socket) => Poll::Ready(plain(ready!(socket.poll_recv(cx, &mut scratch.plain)))),
            Self::Tls(tls) => tls.poll_recv(cx, scratch),
        }
    }

    /// After [`Link::poll_recv`] was pending: looks for what has come that the driver has not told of, and takes the
    /// connection for ended if nothing has. Pending only if something has come in part.
    pub fn recv_last(&mut self, cx: &mut Context<'_>, scratch: &mut Scratch) -> Poll<Received> {
        match self {
            Self::Plain(socket) => Poll::Ready(plain(socket.try_recv(&mut scratch.plain))),
            Self::Tls(tls) => tls.recv_last(cx, scratch),
        }
    }

    /// Takes plaintext as far as it can be sent without waiting; returns how much.
    pub fn try_send(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.try_send(parts),
            Self::Tls(tls) => tls.try_send(parts),
        }
    }

    /// Takes some plaintext as soon as there is room for it.
    pub fn poll_send(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::Plain(socket) => socket.poll_send(cx, bytes),
            Self::Tls(tls) => tls.poll_send(cx, bytes),
        }
    }

    /// Ready when nothing is left of what was taken.
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(_) => Poll::Ready(Ok(())),
            Self::Tls(tls) => tls.poll_flush(cx),
        }
    }

    /// Ends our half.
    pub fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(socket) => socket.poll_shutdown(cx),
            Self::Tls(tls) => tls.poll_shutdown(cx),
        }
    }

    /// Receives what nobody will look at.
    pub fn poll_discard(&mut self, cx: &mut Context<'_>, scratch: &mut Scratch) -> Poll<io::Result<usize>> {
        match self {
            Self::Plain(socket) => socket.poll_recv(cx, &mut scratch.plain),
            Self::Tls(tls) => tls.poll_discard(cx, scratch),
        }
    }

    /// The socket is about to be closed, and its peer to see a reset.
    pub fn break_off(&self) {
        // Where it fails the peer sees an end without the last chunk instead.
        let _ = self.socket().reset_on_close();
    }

    /// A peer that vanishes without a word is noticed after this time, if anything is sent to it.
    pub fn give_up_after(&self, limit: Duration) {
        // Where it fails the kernel's own limit holds.
        let _ = self.socket().give_up_after(limit);
    }

    fn socket(&self) -> &K {
        match self {
            Self::Plain(socket) => socket,
            Self::Tls(tls) => tls.socket(),
        }
    }

    /// Before the socket is closed.
    pub fn part(&mut self, scratch: &mut Scratch) {
        if let Self::Tls(tls) = self {
            tls.part(scratch);
        }
    }
}

fn plain(received: io::Result<usize>) -> Received {
    match received {
        Ok(0) | Err(_) => Received::Ended,
        Ok(count) => Received::Bytes(count),
    }
}
