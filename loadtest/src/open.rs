//! An open-loop load generator: requests are due on a fixed schedule, whether or not the server
//! keeps up.
//!
//! Request number i is due at start + i / rate, and its latency counts from then, not from when it
//! could be sent. A server that stalls for a second therefore shows a second, for every request
//! that was due meanwhile (no coordinated omission). One thread, epoll, one request at a time on
//! each connection. Bounded by time and by count; loopback targets only.

mod connection;
mod report;
mod schedule;

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use connection::{Connection, Outcome};
pub use report::Report;
use schedule::Schedule;

use crate::failure::Failure;
use crate::http::Request;
use crate::poll::{Interest, Poll};

/// How long unanswered requests are waited for after the last one was due.
const GRACE: Duration = Duration::from_secs(5);
/// Bytes taken from a socket in one call.
const READ_BYTES: usize = 64 * 1024;

/// What a number is put in the place of, where each request is to differ.
pub const FRESH: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// What to send, and how much of it.
pub struct Order {
    pub target: SocketAddr,
    pub request: Request,
    /// The request holds [`FRESH`], and each one sent holds another number in its place.
    pub fresh: bool,
    /// Requests per second.
    pub rate: u32,
    pub duration: Duration,
    /// Most requests, if that is reached before the time.
    pub count_max: Option<u64>,
    pub connections: usize,
}

/// Carries an order out and reports.
pub fn run(order: &Order) -> Result<Report, Failure> {
    if !order.target.ip().is_loopback() {
        return Err(Failure::NotLoopback { target: order.target.to_string() });
    }
    let mut driver = Driver::connect(order).map_err(Failure::io(format!("connect to {}", order.target)))?;
    driver.drive().map_err(Failure::io("wait for events"))?;
    Ok(driver.report)
}

/// The state of a run; lives on one thread.
struct Driver {
    poll: Poll,
    target: SocketAddr,
    connections: Vec<Connection>,
    /// Numbers of connections without a request. The one used last is used first.
    idle: Vec<usize>,
    schedule: Schedule,
    wire: Vec<u8>,
    /// Where the number stands in it, and the last one used.
    fresh: Option<(usize, u64)>,
    report: Report,
}

impl Driver {
    fn connect(order: &Order) -> io::Result<Self> {
        let poll = Poll::new()?;
        let mut connections = Vec::with_capacity(order.connections);
        for number in 0..order.connections {
            let connection = Connection::open(order.target)?;
            poll.add(connection.stream(), number, Interest::Readable)?;
            connections.push(connection);
        }
        let wire = order.request.encode(&order.target.to_string());
        let place = wire.windows(FRESH.len()).position(|text| text == FRESH.as_bytes());
        Ok(Self {
            poll,
            target: order.target,
            idle: (0..connections.len()).collect(),
            connections,
            schedule: Schedule::new(order.rate, order.duration, order.count_max),
            fresh: place.filter(|_| order.fresh).map(|place| (place, 0)),
            wire,
            report: Report::new(order.rate),
        })
    }

    fn drive(&mut self) -> io::Result<()> {
        let start = Instant::now();
        let mut scratch = vec![0; READ_BYTES];
        let mut ready = Vec::new();
        loop {
            self.send_due(start);
            let now = start.elapsed();
            let Some(timeout) = self.patience(now) else { break };
            self.poll.wait(Some(timeout), &mut ready)?;
            for &number in &ready {
                self.receive(number, start, &mut scratch);
            }
        }
        let unanswered = self.connections.iter().filter(|connection| connection.due().is_some()).count();
        self.report.finish(start.elapsed(), unanswered as u64, self.schedule.left());
        Ok(())
    }

    /// Sends what is due as long as there are idle connections.
    fn send_due(&mut self, start: Instant) {
        while let Some(&number) = self.idle.last() {
            let Some(due) = self.schedule.take(start.elapsed()) else { return };
            self.idle.pop();
            self.refresh();
            let Some(connection) = self.connections.get_mut(number) else { return };
            if connection.send(&self.wire, due).is_err() {
                self.report.error();
                self.replace(number);
            } else {
                self.report.sent();
            }
        }
    }

    /// Writes the next number into the request, if each is to differ.
    fn refresh(&mut self) {
        let Some((place, number)) = &mut self.fresh else { return };
        *number += 1;
        let text = format!("{number:064}");
        if let Some(part) = self.wire.get_mut(*place..*place + FRESH.len()) {
            part.copy_from_slice(text.as_bytes());
        }
    }

    /// How long to wait for events; `None` when the run is over.
    fn patience(&self, now: Duration) -> Option<Duration> {
        let busy = self.idle.len() < self.connections.len();
        let last_moment = self.schedule.end() + GRACE;
        match self.schedule.next() {
            None if !busy => None,
            _ if now >= last_moment || self.all_lost() => None,
            // With every connection busy only an answer can help.
            Some(due) if !self.idle.is_empty() => Some(due.saturating_sub(now)),
            _ => Some(last_moment.saturating_sub(now)),
        }
    }

    fn all_lost(&self) -> bool {
        self.report.lost_connections >= self.connections.len() as u64
    }

    fn receive(&mut self, number: usize, start: Instant, scratch: &mut [u8]) {
        let Some(connection) = self.connections.get_mut(number) else { return };
        match connection.receive(scratch) {
            Outcome::Pending => {}
            Outcome::Answered { due, status, closes } => {
                self.report.answered(start.elapsed().saturating_sub(due), status);
                if closes {
                    self.replace(number);
                } else {
                    self.idle.push(number);
                }
            }
            Outcome::Broken => {
                self.report.error();
                self.replace(number);
            }
            Outcome::ClosedIdle => {
                self.idle.retain(|&idle| idle != number);
                self.replace(number);
            }
        }
    }

    /// Opens a new connection in the place of a lost one. If that fails the place stays lost:
    /// it counts as busy and never comes back.
    fn replace(&mut self, number: usize) {
        self.report.reconnected();
        let Ok(fresh) = Connection::open(self.target) else { return self.lose(number) };
        if self.poll.add(fresh.stream(), number, Interest::Readable).is_err() {
            return self.lose(number);
        }
        if let Some(place) = self.connections.get_mut(number) {
            *place = fresh;
            self.idle.push(number);
        }
    }

    fn lose(&mut self, number: usize) {
        if let Some(connection) = self.connections.get_mut(number) {
            connection.forget();
            // Without this a closed socket would report its end for ever.
            let _ = self.poll.remove(connection.stream());
        }
        self.report.lost();
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::bare::{Bare, Response};

    fn order(port: u16) -> Order {
        Order {
            target: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
            request: Request::new("/"),
            fresh: false,
            rate: 5_000,
            duration: Duration::from_secs(1),
            count_max: Some(200),
            connections: 4,
        }
    }

    fn check(status: u16) {
        let bare = Bare::bind(0, Response::new(status, b"{}".to_vec())).expect("loopback has a free port");
        let port = bare.port().expect("a bound listener has a port");
        std::thread::spawn(move || bare.run());
        let report = run(&order(port)).expect("the server answers");
        assert_eq!(report.statuses().collect::<Vec<_>>(), [(status, 200)]);
        assert_eq!((report.errors, report.unanswered, report.unsent), (0, 0, 0));
    }

    #[test]
    fn every_request_is_answered_and_counted() {
        check(200);
        check(304);
        check(403);
    }

    #[test]
    fn a_server_that_closes_after_each_answer_is_followed() {
        let listener =
            std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
        let port = listener.local_addr().expect("a bound listener has an address").port();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                std::thread::spawn(move || close_after_one(stream));
            }
        });
        let report = run(&Order { count_max: Some(20), ..order(port) }).expect("the server answers");
        assert_eq!(report.statuses().collect::<Vec<_>>(), [(200, 20)]);
        assert_eq!(report.reconnects, 20);
    }

    #[test]
    fn a_server_that_goes_away_ends_the_run() {
        let listener =
            std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
        let port = listener.local_addr().expect("a bound listener has an address").port();
        let order = Order { connections: 1, ..order(port) };
        let mut driver = Driver::connect(&order).expect("the listener accepts");
        drop(listener);
        driver.drive().expect("events can be waited for");
        assert_eq!((driver.report.lost_connections, driver.report.statuses().count()), (1, 0));
        assert_eq!(driver.report.unsent, 199);
    }

    fn close_after_one(mut stream: std::net::TcpStream) {
        use std::io::{Read, Write};
        if stream.read(&mut [0; 1000]).is_ok_and(|count| count > 0) {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
        }
    }

    #[test]
    fn other_machines_are_refused() {
        let away = Order { target: SocketAddr::from(([192, 0, 2, 1], 80)), ..order(1) };
        assert!(matches!(run(&away), Err(Failure::NotLoopback { .. })));
    }
}
