//! The io_uring backend. The only file that names glommio.

use std::{
    future::Future,
    io::{self, IoSlice},
    net::{IpAddr, TcpListener},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use futures_lite::io::{AsyncRead, AsyncWrite};
use glommio::{GlommioError, LocalExecutorBuilder, Placement, net::TcpStream, timer::Timer};

use super::{Driver, Sock};

/// Registered buffers for file I/O, which we do not do: the least that glommio accepts. Its default costs
/// 10 MB of memory per shard.
const IO_MEMORY: usize = 64 << 10;

/// How long tasks may run before timers and the mailbox get their turn.
///
/// If that time passes between arming this timer and looking for tasks, because the host takes the CPU away, glommio
/// 0.9 takes the executor for idle and sleeps with tasks ready to run. `brink-sys` bounds that sleep; a timer longer
/// than a slice of the host's scheduler makes it rare: with 2 ms and no bound, one shard in twenty was lost within
/// half a minute on a busy host.
const PREEMPT: Duration = Duration::from_millis(10);

/// The glommio driver.
pub struct Uring;

/// A connected socket on a glommio executor.
pub struct UringSock(TcpStream);

impl Driver for Uring {
    type Sock = UringSock;
    type Listener = glommio::net::TcpListener;

    fn listen(listener: TcpListener) -> Self::Listener {
        brink_sys::socket::listener(listener)
    }

    async fn accept(listener: &Self::Listener) -> io::Result<UringSock> {
        listener.accept().await.map(UringSock).map_err(into_io)
    }

    async fn sleep(duration: Duration) {
        Timer::new(duration).await;
    }

    fn spawn(future: impl Future<Output = ()> + 'static) {
        glommio::spawn_local(future).detach();
    }

    fn run<F: Future<Output = ()> + 'static>(
        cpu: Option<usize>,
        made: impl FnOnce(),
        main: impl FnOnce() -> F,
    ) -> Result<(), String> {
        let placement = cpu.map_or(Placement::Unbound, Placement::Fixed);
        let executor = LocalExecutorBuilder::new(placement)
            .io_memory(IO_MEMORY)
            .preempt_timer(PREEMPT)
            .make()
            .map_err(|error| error.to_string())?;
        made();
        executor.run(async move { main().await });
        Ok(())
    }
}

impl Sock for UringSock {
    fn poll_recv(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }

    fn try_send(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        brink_sys::socket::send(&self.0, parts)
    }

    fn try_recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        brink_sys::socket::recv(&self.0, buffer)
    }

    fn poll_send(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_close(cx)
    }

    fn peer(&self) -> io::Result<IpAddr> {
        self.0.peer_addr().map(|address| address.ip()).map_err(into_io)
    }

    fn reset_on_close(&self) -> io::Result<()> {
        brink_sys::socket::reset_on_close(&self.0)
    }

    fn give_up_after(&self, limit: Duration) -> io::Result<()> {
        brink_sys::socket::give_up_after(&self.0, limit)
    }

    fn set_nodelay(&self) -> io::Result<()> {
        self.0.set_nodelay(true).map_err(into_io)
    }
}

fn into_io(error: GlommioError<()>) -> io::Error {
    match error {
        GlommioError::IoError(error) => error,
        other => io::Error::other(other.to_string()),
    }
}
