//! Listening sockets: one per shard on the same port, and none where somebody else listens.

use std::{
    fmt, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener},
    thread,
    time::Duration,
};

use socket2::{Domain, Protocol, Socket, Type};

use crate::limits::BACKLOG;

/// How long the port of a process that was killed may stay taken: the kernel takes its rings down after the
/// process is gone (11 ms were measured on a busy host), and they hold its listeners.
const PROBE_PAUSE: Duration = Duration::from_millis(10);
const PROBES_MAX: u32 = 100;

/// Why no listener could be had.
#[derive(Debug)]
pub struct ListenError {
    /// What was asked for.
    pub address: SocketAddr,
    /// What the system said.
    pub cause: io::Error,
}

impl fmt::Display for ListenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Failed to configure listening socket {}", self.cause)
    }
}

impl std::error::Error for ListenError {}

/// Binds `count` listeners to one address. `::` is dual stack; on hosts without IPv6 it becomes `0.0.0.0`.
/// Port 0 picks a free port, the same for all.
///
/// # Errors
/// If the address stays in use for a second, also by a process that would share the port, is not local, or is not allowed.
pub fn bind(interface: IpAddr, port: u16, count: usize) -> Result<Vec<TcpListener>, ListenError> {
    let wanted = SocketAddr::new(interface, port);
    match bind_all(wanted, count) {
        Err(error) if interface == IpAddr::V6(Ipv6Addr::UNSPECIFIED) && lacks_ipv6(&error) => {
            bind_all(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port), count)
        }
        other => other,
    }
    .map_err(|cause| ListenError { address: wanted, cause })
}

fn bind_all(address: SocketAddr, count: usize) -> io::Result<Vec<TcpListener>> {
    // A socket that does not share its port: binding it fails if anybody listens there, whether that one
    // shares the port or not. It never listens, and is gone before the shared ones are made.
    let probe = socket(address, false)?;
    bind_patiently(&probe, address)?;
    let bound = probe.local_addr()?.as_socket().map_or(address, |bound| bound);
    drop(probe);
    (0..count).map(|_| listen(bound)).collect()
}

#[expect(clippy::disallowed_methods, reason = "listeners are bound before there are shards")]
fn bind_patiently(probe: &Socket, address: SocketAddr) -> io::Result<()> {
    for _ in 1..PROBES_MAX {
        match probe.bind(&address.into()) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => thread::sleep(PROBE_PAUSE),
            other => return other,
        }
    }
    probe.bind(&address.into())
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = socket(address, true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn socket(address: SocketAddr, shared: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(shared)?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    Ok(socket)
}

fn lacks_ipv6(error: &io::Error) -> bool {
    const EAFNOSUPPORT: i32 = 97;
    const EADDRNOTAVAIL: i32 = 99;
    matches!(error.raw_os_error(), Some(EAFNOSUPPORT | EADDRNOTAVAIL))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    #[test]
    fn all_listeners_share_one_port() {
        let listeners = bind(LOOPBACK, 0, 3).expect("a free port");
        let ports: Vec<_> =
            listeners.iter().filter_map(|one| one.local_addr().ok()).map(|a| a.port()).collect();
        assert_eq!(ports.len(), 3);
        assert!(ports[0] != 0 && ports.iter().all(|port| *port == ports[0]));
    }

    #[test]
    fn a_listener_that_would_share_the_port_is_found() {
        let foreign = bind(LOOPBACK, 0, 1).expect("a free port");
        let port = foreign[0].local_addr().expect("bound").port();
        let error = bind(LOOPBACK, port, 1).expect_err("the port is taken");
        assert_eq!(
            error.to_string(),
            "Failed to configure listening socket Address already in use (os error 98)"
        );
        let error = bind(Ipv6Addr::UNSPECIFIED.into(), port, 1).expect_err("taken on the wildcard too");
        assert_eq!(error.cause.kind(), io::ErrorKind::AddrInUse);
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a plain thread")]
    fn a_port_that_becomes_free_in_time_is_taken() {
        let former = bind(LOOPBACK, 0, 1).expect("a free port");
        let port = former[0].local_addr().expect("bound").port();
        let successor = thread::spawn(move || bind(LOOPBACK, port, 1));
        thread::sleep(PROBE_PAUSE);
        drop(former);
        assert!(successor.join().expect("no panic").is_ok());
    }

    #[test]
    fn an_address_of_another_host_is_refused() {
        let error = bind("192.0.2.1".parse().expect("an address"), 0, 1).expect_err("not local");
        assert!(error.to_string().contains("(os error 99)"), "{error}");
    }
}
