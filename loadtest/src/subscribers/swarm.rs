//! Many subscribers on a few threads: each opens its share of the streams, reads them by epoll, and tells when the text
//! of the running round has arrived on each.
//!
//! Rounds are numbered from 1; 0 is none. The number is set before the change is made, so a thread that reads the
//! change knows which text to look for. Nothing is parsed but that text: at thousands of streams the clients share
//! the cores with the server they measure.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::arrival::Scan;
use crate::poll::{Interest, Poll};
use crate::upstream::marker;

/// How often a thread looks for a new round while nothing comes.
const LOOK: Duration = Duration::from_millis(20);
/// Bytes taken from a socket in one call.
const READ_BYTES: usize = 64 * 1024;

/// What a thread has to tell.
#[derive(Debug)]
pub enum News {
    /// All its streams have begun, or this is why not.
    Opened(io::Result<()>),
    /// A round is over for it: when the text came, for each stream that got it.
    Arrived { round: u64, at: Vec<Instant> },
    /// So many of its streams have ended by themselves.
    Lost(usize),
}

/// The running threads. They end when this is dropped.
pub struct Swarm {
    shared: Arc<Shared>,
    news: Receiver<News>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    round: AtomicU64,
    over: AtomicBool,
}

impl Swarm {
    /// Opens so many streams by this request, spread over the threads.
    pub fn open(target: SocketAddr, request: &[u8], streams: usize, threads: usize) -> Self {
        let shared = Arc::new(Shared::default());
        let (sender, news) = channel();
        let threads = threads.max(1);
        let start = |thread: usize| {
            let share = streams / threads + usize::from(thread < streams % threads);
            let (shared, sender, request) = (Arc::clone(&shared), sender.clone(), request.to_vec());
            thread::spawn(move || match Flock::open(target, &request, share) {
                Ok(mut flock) => {
                    give_way();
                    let ended = flock.run(&shared, &sender);
                    let _ = sender.send(ended.err().map_or(News::Lost(0), |error| News::Opened(Err(error))));
                }
                Err(error) => drop(sender.send(News::Opened(Err(error)))),
            })
        };
        let threads = (0..threads).map(start).collect();
        Self { shared, news, threads }
    }

    pub fn threads(&self) -> usize {
        self.threads.len()
    }

    /// Begins a round, or ends the running one with 0: threads then tell what has arrived so far.
    pub fn set_round(&self, round: u64) {
        self.shared.round.store(round, Ordering::Release);
    }

    pub fn news(&self, patience: Duration) -> Option<News> {
        self.news.recv_timeout(patience).ok()
    }
}

impl Drop for Swarm {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Release);
        self.threads.drain(..).for_each(|thread| drop(thread.join()));
    }
}

/// Lets others go first on the core: the server, and the requests whose time is taken. Subscribers stand for machines of
/// their own. On Linux niceness is a thread's.
fn give_way() {
    // Without it figures are a little worse, not wrong.
    let _ = rustix::process::nice(19);
}

/// The streams of one thread.
struct Flock {
    poll: Poll,
    streams: Vec<Option<(TcpStream, Scan)>>,
    open: usize,
    begun: usize,
    /// The round that was set last.
    entered: u64,
    /// The same until it has been concluded, then 0.
    round: u64,
    arrived: Vec<Instant>,
}

impl Flock {
    fn open(target: SocketAddr, request: &[u8], count: usize) -> io::Result<Self> {
        let poll = Poll::new()?;
        let mut streams = Vec::with_capacity(count);
        for number in 0..count {
            let mut stream = TcpStream::connect(target)?;
            stream.set_nodelay(true)?;
            stream.write_all(request)?;
            stream.set_nonblocking(true)?;
            poll.add(&stream, number, Interest::Readable)?;
            streams.push(Some((stream, Scan::default())));
        }
        Ok(Self {
            poll,
            streams,
            open: count,
            begun: 0,
            entered: 0,
            round: 0,
            arrived: Vec::with_capacity(count),
        })
    }

    fn run(&mut self, shared: &Shared, news: &Sender<News>) -> io::Result<()> {
        let mut scratch = vec![0; READ_BYTES];
        let mut ready = Vec::new();
        let mut told_opened = false;
        while !shared.over.load(Ordering::Acquire) {
            self.poll.wait(Some(LOOK), &mut ready)?;
            self.enter(shared.round.load(Ordering::Acquire), news);
            let lost_before = self.open;
            for &number in &ready {
                self.receive(number, &mut scratch)?;
            }
            if self.open < lost_before {
                let _ = news.send(News::Lost(lost_before - self.open));
            }
            if !told_opened && self.begun == self.streams.len() {
                told_opened = true;
                let _ = news.send(News::Opened(Ok(())));
            }
            if self.arrived.len() >= self.open {
                self.conclude(news);
            }
        }
        Ok(())
    }

    /// Goes on to another round, and tells what is left of the one before.
    fn enter(&mut self, round: u64, news: &Sender<News>) {
        if round == self.entered {
            return;
        }
        self.conclude(news);
        self.entered = round;
        self.round = round;
        if round == 0 {
            return;
        }
        let text = marker(round);
        for (_, scan) in self.streams.iter_mut().flatten() {
            scan.look_for(text.as_bytes());
        }
    }

    /// Tells what has arrived in the running round, if there is one.
    fn conclude(&mut self, news: &Sender<News>) {
        let round = std::mem::take(&mut self.round);
        if round > 0 {
            let at = std::mem::take(&mut self.arrived);
            let _ = news.send(News::Arrived { round, at });
        }
    }

    fn receive(&mut self, number: usize, scratch: &mut [u8]) -> io::Result<()> {
        let Some(Some((stream, scan))) = self.streams.get_mut(number) else { return Ok(()) };
        let count = match stream.read(scratch) {
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(()),
            Err(_) => 0,
        };
        if count == 0 {
            self.streams[number] = None;
            self.open -= 1;
            return Ok(());
        }
        let seen = scan.feed(scratch.get(..count).unwrap_or_default());
        self.begun += usize::from(seen.begins);
        if seen.found {
            self.arrived.push(Instant::now());
        }
        seen.refused.map_or(Ok(()), |head| Err(io::Error::other(format!("a stream was refused: {head}"))))
    }
}
