//! The way to a server that a test can cut at any byte: what lies beyond it never arrives.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use crate::brink::PATIENCE;

/// Passes bytes on between whoever connects and a server on loopback. Its threads end with the process.
pub struct Relay {
    pub port: u16,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// Connections that the server may still hear something from.
    open: usize,
    /// Bytes that may still go to the server, over all connections; all that come if there is no number.
    left: Option<usize>,
}

impl Relay {
    pub fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port");
        let port = listener.local_addr().expect("bound").port();
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                lock(&shared).open += 1;
                let shared = Arc::clone(&shared);
                thread::spawn(move || {
                    // Whoever is killed breaks the connection; that is what this is for.
                    let _ = pass(&client, server, &shared);
                    lock(&shared).open -= 1;
                });
            }
        });
        Self { port, state }
    }

    /// Lets only so many bytes through to the server from now on.
    pub fn stop_after(&self, bytes: usize) {
        lock(&self.state).left = Some(bytes);
    }

    /// Whether that many have come.
    pub fn has_stopped(&self) -> bool {
        lock(&self.state).left == Some(0)
    }

    /// Waits until the server has done all that those have told it who are gone, and lifts the limit.
    pub fn settle(&self) {
        // Connections are taken in order: when this one has been, all earlier ones are counted.
        let mut last = TcpStream::connect(("127.0.0.1", self.port)).expect("the relay listens");
        last.shutdown(Shutdown::Write).expect("it is open");
        let _ = last.read(&mut [0]);
        let deadline = Instant::now() + PATIENCE;
        while lock(&self.state).open > 0 {
            assert!(Instant::now() < deadline, "connections of a dead process stay open");
            thread::sleep(Duration::from_millis(1));
        }
        lock(&self.state).left = None;
    }
}

/// Ends when the server has closed the connection, and so has done all that it was told.
fn pass(client: &TcpStream, server: u16, state: &Mutex<State>) -> std::io::Result<()> {
    let server = TcpStream::connect(("127.0.0.1", server))?;
    thread::scope(|scope| {
        scope.spawn(|| {
            let _ = pass_on(client, &server, state);
            let _ = server.shutdown(Shutdown::Write);
        });
        let _ = std::io::copy(&mut &server, &mut &*client);
        // The server reads to the end before it closes; an answer that nobody takes does not keep it from that.
        std::io::copy(&mut &server, &mut std::io::sink())?;
        client.shutdown(Shutdown::Both)
    })
}

fn pass_on(mut client: &TcpStream, mut server: &TcpStream, state: &Mutex<State>) -> std::io::Result<()> {
    let mut piece = [0; 4_096];
    loop {
        let read = client.read(&mut piece)?;
        if read == 0 {
            return Ok(());
        }
        let passed = allowed(&mut lock(state), read);
        server.write_all(&piece[..passed])?;
    }
}

fn allowed(state: &mut State, wanted: usize) -> usize {
    let Some(left) = &mut state.left else { return wanted };
    let allowed = wanted.min(*left);
    *left -= allowed;
    allowed
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
