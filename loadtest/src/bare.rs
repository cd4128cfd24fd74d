//! The floor: a single-threaded epoll server that knows one answer.
//!
//! It does the least that an HTTP/1.1 server can do per request: one `recv`, httparse to find the
//! end of the request, one `send` of bytes made beforehand. What a real server needs beyond this
//! is its own. Only requests without a body are understood; anything else closes the connection.
//! Listens on loopback only.

mod connection;
mod response;

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::AsRawFd;

use connection::{Connection, Turn};
pub use response::Response;

use crate::poll::{Interest, Poll};

/// Bytes taken from a socket in one call.
const READ_BYTES: usize = 16 * 1024;
/// The listener's number; connections have their descriptor as number, which is never this.
const LISTENER: usize = usize::MAX;

/// The server before it runs.
pub struct Bare {
    listener: TcpListener,
    response: Response,
}

impl Bare {
    /// Listens on 127.0.0.1; port 0 takes a free one.
    pub fn bind(port: u16, response: Response) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        listener.set_nonblocking(true)?;
        Ok(Self { listener, response })
    }

    /// The port in use.
    pub fn port(&self) -> io::Result<u16> {
        Ok(self.listener.local_addr()?.port())
    }

    /// Serves until the process ends or epoll fails.
    pub fn run(self) -> io::Result<()> {
        let mut poll = Poll::new()?;
        poll.add(&self.listener, LISTENER, Interest::Readable)?;
        // Indexed by descriptor: the kernel hands out the lowest free number.
        let mut connections: Vec<Option<Connection>> = Vec::new();
        let mut scratch = vec![0; READ_BYTES];
        let mut ready = Vec::new();
        loop {
            poll.wait(None, &mut ready)?;
            for &number in &ready {
                if number == LISTENER {
                    self.accept(&poll, &mut connections);
                } else if let Some(slot) = connections.get_mut(number) {
                    serve(&poll, number, slot, &mut scratch, &self.response);
                }
            }
        }
    }

    /// Accepts what is waiting. A connection that cannot be set up is dropped, and so closed.
    fn accept(&self, poll: &Poll, connections: &mut Vec<Option<Connection>>) {
        while let Ok((stream, _)) = self.listener.accept() {
            let Ok(number) = usize::try_from(stream.as_raw_fd()) else { continue };
            if stream.set_nonblocking(true).and_then(|()| stream.set_nodelay(true)).is_err() {
                continue;
            }
            if poll.add(&stream, number, Interest::Readable).is_err() {
                continue;
            }
            if connections.len() <= number {
                connections.resize_with(number + 1, || None);
            }
            connections[number] = Some(Connection::new(stream));
        }
    }
}

fn serve(poll: &Poll, number: usize, slot: &mut Option<Connection>, scratch: &mut [u8], response: &Response) {
    let Some(connection) = slot else { return };
    let interest = match connection.turn(scratch, response) {
        Turn::Same => return,
        Turn::Close => {
            *slot = None;
            return;
        }
        Turn::Watch(interest) => interest,
    };
    if poll.change(connection.stream(), number, interest).is_err() {
        *slot = None;
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream;

    use super::*;

    /// Starts a server that lives until the test process ends.
    fn start(response: Response) -> TcpStream {
        let bare = Bare::bind(0, response).expect("loopback has a free port");
        let port = bare.port().expect("a bound listener has a port");
        std::thread::spawn(move || bare.run());
        TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("the server listens")
    }

    fn check(response: Response, requests: &[&[u8]], answers: usize) {
        let wanted = response.bytes().repeat(answers);
        let mut stream = start(response);
        for request in requests {
            stream.write_all(request).expect("the server reads");
        }
        let mut found = vec![0; wanted.len()];
        stream.read_exact(&mut found).expect("the server answers");
        assert_eq!(found, wanted);
    }

    #[test]
    fn one_request_gets_one_answer() {
        check(Response::new(200, b"hello".to_vec()), &[b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"], 1);
    }

    #[test]
    fn pipelined_and_split_requests_are_counted() {
        let parts: [&[u8]; 3] =
            [b"GET /a HTTP/1.1\r\n\r\nGET /b HT", b"TP/1.1\r\nhost: y\r\n", b"\r\nGET /c HTTP/1.1\r\n\r\n"];
        check(Response::new(304, vec![]), &parts, 3);
    }

    #[test]
    fn large_answers_wait_for_a_slow_reader() {
        let request = b"GET / HTTP/1.1\r\n\r\n".repeat(20);
        check(Response::new(200, vec![b'x'; 1_000_000]), &[&request], 20);
    }

    #[test]
    fn nonsense_closes_the_connection() {
        let mut stream = start(Response::new(200, vec![]));
        stream.write_all(b"\0\0\0\r\n\r\n").expect("the server reads");
        assert_eq!(stream.read(&mut [0; 10]).expect("the server closes"), 0);
    }
}
