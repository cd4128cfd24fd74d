//! The upstream: a port that can be closed and opened again, connections that can be cut, plain or TLS, direct or as
//! behind a proxy.

use std::{
    io,
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
};

use rustls::{ServerConnection, StreamOwned};
use socket2::{Domain, SockRef, Socket, Type};

use crate::{
    act::{Fault, Line, Shown},
    answers::{Then, answer, reset},
    certificates::Certificates,
    wire::{Connection, Request, read_head, read_to_end},
    world::{World, cut},
};

/// How it is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speech {
    /// HTTP; as a proxy, if the client thinks so.
    Plain,
    /// HTTPS.
    Tls,
    /// HTTPS within a tunnel that a proxy opens.
    Tunnel,
}

/// The upstream of a lane. Its port and all connections close when it is dropped.
pub struct Upstream {
    serving: Arc<Serving>,
    /// Holds the port, never listens.
    holder: Socket,
    open: Mutex<Option<Open>>,
}

struct Serving {
    world: Arc<World>,
    certificates: Arc<Certificates>,
    speech: Speech,
}

/// While it listens.
struct Open {
    listener: TcpListener,
    thread: JoinHandle<()>,
}

impl Upstream {
    pub fn start(world: &Arc<World>, certificates: &Arc<Certificates>, speech: Speech) -> Self {
        let (world, certificates) = (Arc::clone(world), Arc::clone(certificates));
        let holder = bound(([127, 0, 0, 1], 0).into());
        let serving = Arc::new(Serving { world, certificates, speech });
        let upstream = Self { serving, holder, open: Mutex::new(None) };
        upstream.listen();
        upstream
    }

    pub fn address(&self) -> SocketAddr {
        self.holder.local_addr().ok().and_then(|address| address.as_socket()).expect("it is bound")
    }

    /// Goes wrong like this; also returns to [`Fault::NONE`]. The number of the features from now on is returned.
    pub fn begin(&self, fault: Fault) -> u64 {
        let number = self.serving.world.begin(fault);
        match fault.line {
            Line::Refused => self.close(),
            Line::Restarted => {
                self.close();
                self.listen();
            }
            Line::Good => self.listen(),
            _ => {
                self.listen();
                self.serving.world.cut();
            }
        }
        number
    }

    /// Cuts all connections, so that whoever comes back looks at everything anew.
    pub fn cut(&self) {
        self.serving.world.cut();
    }

    fn listen(&self) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.is_some() {
            return;
        }
        let socket = bound(self.address());
        socket.listen(128).expect("a bound socket can listen");
        let listener = TcpListener::from(socket);
        let (accepting, serving) = (listener.try_clone().expect("a descriptor"), Arc::clone(&self.serving));
        *open = Some(Open { listener, thread: thread::spawn(move || accept(&accepting, &serving)) });
    }

    fn close(&self) {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Open { listener, thread }) = open {
            // Wakes the thread out of its call.
            let _ = SockRef::from(&listener).shutdown(std::net::Shutdown::Both);
            let _ = thread.join();
        }
        self.serving.world.cut();
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.serving.world.end();
        self.close();
    }
}

/// Several sockets may be bound to the port, so that nobody else takes it while nobody listens.
fn bound(address: SocketAddr) -> Socket {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.set_reuse_port(true).expect("an option can be set");
    socket.set_reuse_address(true).expect("an option can be set");
    socket.bind(&address.into()).expect("a loopback port can be bound");
    socket
}

fn accept(listener: &TcpListener, serving: &Arc<Serving>) {
    for stream in listener.incoming() {
        let Ok(stream) = stream else { return };
        let serving = Arc::clone(serving);
        // A broken connection is the client's affair.
        thread::spawn(move || drop(serving.serve(stream)));
    }
}

impl Serving {
    fn serve(&self, stream: TcpStream) -> io::Result<()> {
        let raw = stream.try_clone()?;
        stream.set_nodelay(true)?;
        let number = self.world.admit(&stream);
        let result = number.map_or(Ok(Then::Ends), |_| self.talk(stream, &raw));
        number.inspect(|number| self.world.dismiss(*number));
        if result? == Then::Ends {
            cut(&raw);
        }
        Ok(())
    }

    fn talk(&self, mut stream: TcpStream, raw: &TcpStream) -> io::Result<Then> {
        let line = self.world.fault().line;
        match line {
            Line::Reset => return reset(raw),
            Line::Closed => return Ok(Then::Ends),
            Line::HalfClosed => raw.shutdown(std::net::Shutdown::Write)?,
            _ => {}
        }
        if matches!(line, Line::HalfClosed | Line::Silent) {
            read_to_end(&mut stream);
            return Ok(Then::Ends);
        }
        if self.speech == Speech::Tunnel && !open_tunnel(&mut stream, line)? {
            return Ok(Then::Ends);
        }
        if self.speech == Speech::Plain {
            return self.requests(stream, raw);
        }
        self.secure(stream, raw, line)
    }

    fn secure(&self, mut stream: TcpStream, raw: &TcpStream, line: Line) -> io::Result<Then> {
        match line {
            Line::CutInHandshake => {
                let mut hello = [0; 64];
                io::Read::read(&mut stream, &mut hello)?;
                reset(raw)
            }
            Line::SilentInHandshake => {
                read_to_end(&mut stream);
                Ok(Then::Ends)
            }
            Line::Plaintext => {
                io::Read::read(&mut stream, &mut [0; 64])?;
                io::Write::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")?;
                Ok(Then::Ends)
            }
            _ => {
                let shown = if let Line::Shows(shown) = line { shown } else { Shown::Good };
                let connection = ServerConnection::new(self.certificates.configuration(shown));
                let connection = connection.map_err(io::Error::other)?;
                self.requests(StreamOwned::new(connection, stream), raw)
            }
        }
    }

    fn requests(&self, mut stream: impl Connection, raw: &TcpStream) -> io::Result<Then> {
        let mut unread = Vec::new();
        while let Some(request) = Request::read(&mut stream, &mut unread)? {
            if answer(&request, &mut stream, raw, &self.world)? == Then::Ends {
                break;
            }
        }
        Ok(Then::Ends)
    }
}

/// Reads the client's wish for a tunnel; false if it is not granted.
fn open_tunnel(stream: &mut TcpStream, line: Line) -> io::Result<bool> {
    let mut unread = Vec::new();
    if read_head(stream, &mut unread)?.is_none() {
        return Ok(false);
    }
    let (answer, is_open) = match line {
        Line::NoTunnel(answer) => (answer, false),
        _ => ("HTTP/1.1 200 Connection established\r\n\r\n", true),
    };
    io::Write::write_all(stream, answer.as_bytes())?;
    Ok(is_open)
}
