//! What the runtime needs of an I/O backend: two small traits, so that connection code is the same on all.
//!
//! A driver runs one executor on one thread. Nothing above this folder names the backend's types.

use std::{
    future::Future,
    io::{self, IoSlice},
    net::{IpAddr, TcpListener},
    task::{Context, Poll},
    time::Duration,
};

pub mod glommio;

/// A connected socket of one executor.
pub trait Sock: Unpin + 'static {
    /// Reads into the buffer; 0 is the end of the peer's half.
    fn poll_recv(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>>;
    /// Sends without waiting, as one gathered system call.
    fn try_send(&self, parts: &[IoSlice<'_>]) -> io::Result<usize>;
    /// Receives what is there now, or [`io::ErrorKind::WouldBlock`], without asking to be woken.
    fn try_recv(&self, buffer: &mut [u8]) -> io::Result<usize>;
    /// Sends some bytes as soon as the socket takes any.
    fn poll_send(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>>;
    /// Ends our half.
    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;
    /// Address of the peer.
    fn peer(&self) -> io::Result<IpAddr>;
    /// Closing will break the connection off: what the peer has not read is dropped.
    fn reset_on_close(&self) -> io::Result<()>;
    /// A peer that acknowledges nothing for so long is gone.
    fn give_up_after(&self, limit: Duration) -> io::Result<()>;
    /// Small answers leave at once.
    fn set_nodelay(&self) -> io::Result<()>;
}

/// An executor and its sockets.
pub trait Driver: 'static {
    /// Connected socket.
    type Sock: Sock;
    /// Listening socket, in the executor.
    type Listener: 'static;

    /// Takes a listening socket over; called inside the executor.
    fn listen(listener: TcpListener) -> Self::Listener;
    /// The next connection.
    fn accept(listener: &Self::Listener) -> impl Future<Output = io::Result<Self::Sock>>;
    /// Waits.
    fn sleep(duration: Duration) -> impl Future<Output = ()>;
    /// Waits until whatever is ready has had its turn, sockets included. A timer serves: executors look at sockets
    /// before them. It must not be due already when it is first polled, and be due when the executor gets there.
    fn pass() -> impl Future<Output = ()> {
        Self::sleep(Duration::from_micros(1))
    }
    /// Runs a task beside the caller, on the same thread, perhaps at once.
    fn spawn(future: impl Future<Output = ()> + 'static);
    /// Makes an executor on this thread, says so, and runs the future to its end. `cpu` pins the thread.
    ///
    /// # Errors
    /// If the executor cannot be made; then `made` is not called.
    fn run<F: Future<Output = ()> + 'static>(
        cpu: Option<usize>,
        made: impl FnOnce(),
        main: impl FnOnce() -> F,
    ) -> Result<(), String>;
}
