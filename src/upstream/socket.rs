//! TCP connections to upstream that are kept alive (`--client-keepalive-timeout`).
//!
//! The HTTP client opens sockets of its own and lets nobody set their options. This connector takes the place of that
//! one step in its chain; proxies before it and TLS after it stay the client's. Connections through a SOCKS proxy are
//! opened by the client, and are not kept alive.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use socket2::{SockRef, TcpKeepalive};
use ureq::{
    Error,
    unversioned::transport::{
        Buffers, ConnectProxyConnector, ConnectionDetails, Connector, Either, LazyBuffers, NextTimeout,
        RustlsConnector, ShutdownHandle, SocksConnector, Transport,
    },
};

/// The longest that Linux takes.
const KEEPALIVE_MAX: Duration = Duration::from_secs(32_767);

/// An address that does not answer leaves time for the next one, but not less than this for itself.
const ATTEMPT_MIN: Duration = Duration::from_millis(10);

/// The HTTP client's own chain, with our sockets in it.
pub(super) fn connector(sockets: KeptAlive) -> impl Connector {
    Connector::<()>::chain(SocksConnector::default(), ConnectProxyConnector::default())
        .chain(sockets)
        .chain(RustlsConnector::default())
}

/// Opens sockets that are looked at when they have been silent for a while.
#[derive(Debug)]
pub(super) struct KeptAlive {
    probes: Option<TcpKeepalive>,
}

impl KeptAlive {
    /// A probe after so much silence, and then as often; none if it is zero.
    pub(super) fn every(silence: Duration) -> Self {
        let silence = silence.min(KEEPALIVE_MAX);
        let probes = TcpKeepalive::new().with_time(silence).with_interval(silence);
        Self { probes: (!silence.is_zero()).then_some(probes) }
    }

    /// To the first address that can be reached. Each may take half of what is left, the last one all of it.
    fn open(&self, addresses: &[SocketAddr], limit: NextTimeout) -> Result<TcpStream, Error> {
        let end = limit.not_zero().and_then(|limit| Instant::now().checked_add(*limit));
        let mut failure = io::Error::from(io::ErrorKind::AddrNotAvailable);
        for (index, address) in addresses.iter().enumerate() {
            let is_last = index + 1 == addresses.len();
            let left = end.map(|end| end.saturating_duration_since(Instant::now()));
            let share = left.map(|left| if is_last { left } else { left / 2 }.max(ATTEMPT_MIN));
            match connect(address, share) {
                Ok(stream) => {
                    self.set_up(&stream)?;
                    return Ok(stream);
                }
                Err(error) => failure = error,
            }
        }
        Err(told(failure, limit))
    }

    fn set_up(&self, stream: &TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        match &self.probes {
            Some(probes) => SockRef::from(stream).set_tcp_keepalive(probes),
            None => Ok(()),
        }
    }
}

fn connect(address: &SocketAddr, limit: Option<Duration>) -> io::Result<TcpStream> {
    match limit {
        Some(limit) => TcpStream::connect_timeout(address, limit),
        None => TcpStream::connect(address),
    }
}

/// As the HTTP client tells its own: a limit that was reached is no failure of the socket.
fn told(error: io::Error, limit: NextTimeout) -> Error {
    match error.kind() {
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Error::Timeout(limit.reason),
        _ => Error::Io(error),
    }
}

impl<In: Transport> Connector<In> for KeptAlive {
    type Out = Either<In, Socket>;

    fn connect(&self, details: &ConnectionDetails, chained: Option<In>) -> Result<Option<Self::Out>, Error> {
        if let Some(through_proxy) = chained {
            return Ok(Some(Either::A(through_proxy)));
        }
        let stream = Arc::new(self.open(&details.addrs, details.timeout)?);
        let weak: Weak<TcpStream> = Arc::downgrade(&stream);
        (details.register_shutdown)(weak as Weak<dyn ShutdownHandle>)?;
        let config = details.config;
        let buffers = LazyBuffers::new(config.input_buffer_size(), config.output_buffer_size());
        Ok(Some(Either::B(Socket { stream, buffers })))
    }
}

/// An open connection.
#[derive(Debug)]
pub(super) struct Socket {
    /// Shared with the client's shutdown, which holds it weakly.
    stream: Arc<TcpStream>,
    buffers: LazyBuffers,
}

impl Transport for Socket {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        let limit = timeout.for_write();
        self.stream.set_write_timeout(time_left(limit)?)?;
        let output = self.buffers.output().get(..amount).unwrap_or_default();
        (&*self.stream).write_all(output).map_err(|error| told(error, limit))
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        let limit = timeout.for_read();
        let end = time_left(limit)?.and_then(|left| Instant::now().checked_add(left));
        loop {
            let left = end.map(|end| end.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                return Err(Error::Timeout(limit.reason));
            }
            self.stream.set_read_timeout(left)?;
            match (&*self.stream).read(self.buffers.input_append_buf()) {
                Ok(amount) => {
                    self.buffers.input_appended(amount);
                    return Ok(amount > 0);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(told(error, limit)),
            }
        }
    }

    /// An idle connection is open while there is nothing to read: neither an end nor bytes that nobody asked for.
    fn is_open(&mut self) -> bool {
        let silent = self.stream.set_nonblocking(true).and_then(|()| self.stream.peek(&mut [0]));
        let is_silent = silent.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock);
        is_silent && self.stream.set_nonblocking(false).is_ok()
    }
}

/// `None`: no limit.
fn time_left(limit: NextTimeout) -> Result<Option<Duration>, Error> {
    match limit.after {
        after if after.is_zero() => Err(Error::Timeout(limit.reason)),
        _ => Ok(limit.not_zero().map(|left| *left)),
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use ureq::Timeout;

    use super::*;

    /// What the system says of the probes of a new socket: the first after, and then each after.
    fn probes(silence: Duration) -> Option<(Duration, Duration)> {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port");
        let address = listener.local_addr().expect("bound");
        let stream = KeptAlive::every(silence).open(&[address], NextTimeout::default()).expect("it listens");
        let socket = SockRef::from(&stream);
        let times = || (socket.tcp_keepalive_time(), socket.tcp_keepalive_interval());
        match (socket.keepalive().expect("it can be asked"), times()) {
            (true, (Ok(first), Ok(each))) => Some((first, each)),
            _ => None,
        }
    }

    #[test]
    fn silence_is_looked_into() {
        let seconds = Duration::from_secs;
        assert_eq!(probes(seconds(7)), Some((seconds(7), seconds(7))));
        assert_eq!(probes(seconds(u64::MAX)), Some((KEEPALIVE_MAX, KEEPALIVE_MAX)));
        assert_eq!(probes(Duration::ZERO), None);
    }

    #[test]
    fn the_first_address_that_answers_is_taken() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port");
        let open = listener.local_addr().expect("bound");
        let closed = SocketAddr::from(([127, 0, 0, 1], 1));
        let sockets = KeptAlive::every(Duration::ZERO);
        let limit = NextTimeout {
            after: Duration::from_secs(5).into(),
            reason: Timeout::Connect,
            ..NextTimeout::default()
        };
        for limit in [limit, NextTimeout::default()] {
            let stream = sockets.open(&[closed, open], limit).expect("one of them listens");
            assert_eq!(stream.peer_addr().ok(), Some(open));
            let refused = sockets.open(&[closed, closed], limit).expect_err("nobody listens");
            assert!(
                matches!(&refused, Error::Io(error) if error.kind() == io::ErrorKind::ConnectionRefused),
                "{refused}"
            );
        }
    }

    #[test]
    fn a_limit_that_is_reached_is_told_as_such() {
        let limit =
            NextTimeout { after: Duration::ZERO.into(), reason: Timeout::Global, ..NextTimeout::default() };
        assert!(matches!(time_left(limit), Err(Error::Timeout(Timeout::Global))));
        let error = told(io::ErrorKind::WouldBlock.into(), limit);
        assert!(matches!(error, Error::Timeout(Timeout::Global)), "{error}");
    }
}
