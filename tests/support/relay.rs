//! What lies between two edges, and can be cut: passes bytes on in both directions.
#![allow(dead_code, reason = "each test binary uses another part of it")]

use std::{
    io,
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
};

/// See the module. Ends when dropped.
pub struct Relay {
    pub address: SocketAddr,
    shared: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    sockets: Vec<TcpStream>,
    /// New connections are closed at once.
    is_closed: bool,
    is_over: bool,
}

impl Relay {
    /// Towards this address.
    pub fn start(to: SocketAddr) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a loopback port can be bound");
        let address = listener.local_addr().expect("a bound listener has an address");
        let shared = Arc::<Mutex<State>>::default();
        let accepting = Arc::clone(&shared);
        thread::spawn(move || accept(&listener, to, &accepting));
        Self { address, shared }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Cuts all connections, and lets no new ones through until [`Self::open`].
    pub fn close(&self) {
        let mut state = lock(&self.shared);
        state.is_closed = true;
        state.cut();
    }

    pub fn open(&self) {
        lock(&self.shared).is_closed = false;
    }
}

impl State {
    fn cut(&mut self) {
        for socket in self.sockets.drain(..) {
            let _ = socket.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        let mut state = lock(&self.shared);
        state.is_over = true;
        state.cut();
        drop(state);
        // Wakes the acceptor out of its accept call.
        let _ = TcpStream::connect(self.address);
    }
}

fn accept(listener: &TcpListener, to: SocketAddr, shared: &Mutex<State>) {
    for near in listener.incoming() {
        let mut state = lock(shared);
        match near {
            _ if state.is_over => return,
            Ok(near) if !state.is_closed => {
                // Nobody there: closing what was accepted says so.
                if let Ok(far) = TcpStream::connect(to) {
                    let _ = pass_on(&near, &far, &mut state.sockets);
                }
            }
            _ => {}
        }
    }
}

fn pass_on(near: &TcpStream, far: &TcpStream, sockets: &mut Vec<TcpStream>) -> io::Result<()> {
    sockets.extend([near.try_clone()?, far.try_clone()?]);
    for (mut from, mut to) in [(near.try_clone()?, far.try_clone()?), (far.try_clone()?, near.try_clone()?)] {
        thread::spawn(move || {
            let _ = io::copy(&mut from, &mut to);
            // Who has nothing more to say is waited for by nobody here.
            let _ = to.shutdown(Shutdown::Both);
            let _ = from.shutdown(Shutdown::Both);
        });
    }
    Ok(())
}

fn lock(shared: &Mutex<State>) -> MutexGuard<'_, State> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
