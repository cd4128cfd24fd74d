//! Sockets from owned descriptors, one gathered send and one receive that never wait.

use std::{
    io::{self, IoSlice},
    net::TcpListener,
    os::fd::{AsRawFd, FromRawFd, IntoRawFd},
    time::Duration,
};

/// Hands a bound, listening socket to the executor of this thread.
///
/// # Panics
/// Outside a glommio executor, as every glommio socket does.
pub fn listener(listener: TcpListener) -> glommio::net::TcpListener {
    // SAFETY: `into_raw_fd` gives up ownership of an open, listening descriptor, and the new listener is its
    // only owner from here on.
    unsafe { glommio::net::TcpListener::from_raw_fd(listener.into_raw_fd()) }
}

/// Sends the parts in order with one `sendmsg`, without waiting and without raising `SIGPIPE`.
///
/// Accepted sockets of glommio are in blocking mode, hence the flag on each call. Returns how many bytes the
/// kernel took.
///
/// # Errors
/// `WouldBlock` if the socket's buffer is full; `BrokenPipe`, `ConnectionReset` as the kernel says.
pub fn send(socket: &impl AsRawFd, parts: &[IoSlice<'_>]) -> io::Result<usize> {
    // SAFETY: an all-zero `msghdr` is a valid value: null pointers with zero lengths.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    // `IoSlice` is guaranteed to have the layout of `iovec`; the kernel only reads through it.
    message.msg_iov = parts.as_ptr().cast_mut().cast();
    message.msg_iovlen = parts.len();
    // SAFETY: `message` and everything it points to outlive the call, which keeps no pointer; a descriptor that
    // is not a socket, or is closed, yields an error.
    let sent =
        unsafe { libc::sendmsg(socket.as_raw_fd(), &message, libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL) };
    usize::try_from(sent).map_err(|_| io::Error::last_os_error())
}

/// Receives with one `recv`, without waiting. Returns how many bytes came; 0 at the end.
///
/// # Errors
/// `WouldBlock` if nothing has come; `ConnectionReset` and the like as the kernel says.
pub fn recv(socket: &impl AsRawFd, buffer: &mut [u8]) -> io::Result<usize> {
    // SAFETY: pointer and length are those of one mutable slice, which outlives the call; a descriptor that is not
    // a socket, or is closed, yields an error.
    let received = unsafe {
        libc::recv(socket.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len(), libc::MSG_DONTWAIT)
    };
    usize::try_from(received).map_err(|_| io::Error::last_os_error())
}

/// From now on closing the socket resets the connection and drops what the peer has not taken, instead of having the
/// kernel send it for minutes (`SO_LINGER` with a time of zero).
///
/// # Errors
/// As the kernel says for a descriptor that is not a socket.
pub fn reset_on_close(socket: &impl AsRawFd) -> io::Result<()> {
    let linger = libc::linger { l_onoff: 1, l_linger: 0 };
    set_option(socket, libc::SOL_SOCKET, libc::SO_LINGER, &linger)
}

/// From now on a peer that acknowledges nothing of what was sent for so long, or takes nothing of what waits, is taken
/// for gone (`TCP_USER_TIMEOUT`).
///
/// # Errors
/// As the kernel says for what is not a TCP socket.
pub fn give_up_after(socket: &impl AsRawFd, limit: Duration) -> io::Result<()> {
    let limit_ms = libc::c_uint::try_from(limit.as_millis()).unwrap_or(libc::c_uint::MAX);
    set_option(socket, libc::IPPROTO_TCP, libc::TCP_USER_TIMEOUT, &limit_ms)
}

fn set_option<T: Copy>(
    socket: &impl AsRawFd,
    level: libc::c_int,
    name: libc::c_int,
    value: &T,
) -> io::Result<()> {
    let length = libc::socklen_t::try_from(size_of::<T>()).map_err(io::Error::other)?;
    // SAFETY: pointer and length are those of one value, which outlives the call; the kernel only reads it, and refuses
    // a length that is not the option's.
    let set = unsafe {
        libc::setsockopt(socket.as_raw_fd(), level, name, std::ptr::from_ref(value).cast(), length)
    };
    if set == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read, Write},
        os::unix::net::UnixStream,
    };

    use super::*;

    fn pair() -> (UnixStream, UnixStream) {
        UnixStream::pair().expect("a socket pair can be made")
    }

    #[test]
    fn parts_arrive_in_order() {
        let (ours, mut theirs) = pair();
        let sent = send(&ours, &[IoSlice::new(b"ab"), IoSlice::new(b""), IoSlice::new(b"cde")]);
        assert_eq!(sent.ok(), Some(5));
        drop(ours);
        let mut read = String::new();
        theirs.read_to_string(&mut read).expect("the peer reads what was sent");
        assert_eq!(read, "abcde");
    }

    #[test]
    fn a_full_socket_says_so_instead_of_waiting() {
        let (ours, _theirs) = pair();
        let block = [7u8; 64 << 10];
        let full = (0..10_000).find_map(|_| send(&ours, &[IoSlice::new(&block)]).err());
        assert_eq!(full.map(|error| error.kind()), Some(io::ErrorKind::WouldBlock));
    }

    #[test]
    fn what_is_there_is_received_and_nothing_is_waited_for() {
        let (ours, mut theirs) = pair();
        let mut buffer = [0; 4];
        let empty = recv(&ours, &mut buffer).err().map(|error| error.kind());
        assert_eq!(empty, Some(io::ErrorKind::WouldBlock));
        theirs.write_all(b"abcdef").expect("there is room");
        assert_eq!(recv(&ours, &mut buffer).ok(), Some(4));
        assert_eq!(&buffer, b"abcd");
        drop(theirs);
        assert_eq!(recv(&ours, &mut buffer).ok(), Some(2));
        assert_eq!(recv(&ours, &mut buffer).ok(), Some(0));
    }

    #[test]
    #[expect(clippy::disallowed_types, clippy::disallowed_methods, reason = "a test is no shard")]
    fn a_connection_can_be_broken_off() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let mut theirs = std::net::TcpStream::connect(address).expect("it listens");
        let (ours, _) = listener.accept().expect("it was asked");
        assert!(give_up_after(&ours, Duration::from_secs(60)).is_ok());
        assert!(reset_on_close(&ours).is_ok());
        drop(ours);
        let error = theirs.read(&mut [0]).err().map(|error| error.kind());
        assert_eq!(error, Some(io::ErrorKind::ConnectionReset));
        let not_tcp = pair().0;
        assert!(give_up_after(&not_tcp, Duration::from_secs(60)).is_err());
    }

    #[test]
    fn a_gone_peer_is_an_error_and_no_signal() {
        let (ours, theirs) = pair();
        drop(theirs);
        let error = send(&ours, &[IoSlice::new(b"x")]).err().map(|error| error.kind());
        assert_eq!(error, Some(io::ErrorKind::BrokenPipe));
    }
}
