//! Streams without a program around them: to measure the runtime's share of a fan-out and of an idle stream.
//!
//! `cargo run --release -p brink-shards --example streams -- PORT SHARDS`
//!
//! `GET /stream` opens a stream, `POST /push` sends the request's body to all streams of all shards as one frame, and
//! everything else is answered with 2 kB. `brink-loadtest subscribers --url` measures it.

use std::{
    net::Ipv4Addr,
    sync::mpsc::{Sender, channel},
    time::Duration,
};

use brink_shards::{
    Body, Call, Feed, Frame, Now, Outcome, PoolConfig, Port, Request, RequestBody, Service, ShardPool,
    Timeouts, bind, cpu, preflight,
};

/// What each stream begins with.
const HELLO: &[u8] = b"event: hello\ndata: {}\n\n";

struct Streams {
    feeds: Vec<Feed>,
    pushed: Sender<Vec<u8>>,
}

impl Service for Streams {
    type State = ();
    type Answer = ();
    type Notice = Vec<u8>;

    fn apply(&mut self, (): ()) {}

    fn note(&mut self, (): &()) {}

    fn told(&mut self, payload: Vec<u8>) {
        let frame = Frame::bytes(payload);
        self.feeds.iter().for_each(|feed| feed.push(&frame));
    }

    fn handle(&mut self, request: &Request<'_>, call: &mut Call<'_, ()>) -> Outcome {
        match (request.head.target.path, request.body) {
            ("/stream", _) => {
                let (feed, outcome) =
                    call.open(200).header("content-type", b"text/event-stream").feed([Frame::bytes(HELLO)]);
                self.feeds.push(feed);
                outcome
            }
            (_, RequestBody::Expected) => Outcome::ReadBody,
            ("/push", RequestBody::Complete(body)) => {
                let told = self.pushed.send(body.to_vec()).is_ok();
                call.reply(if told { 202 } else { 503 }).send(Body::Empty)
            }
            _ => call.reply(200).send(Body::Bytes(&[b'x'; 2_000])),
        }
    }

    fn announce_stop(&mut self) {
        self.feeds.clear();
    }

    fn tick(&mut self, _: &Now) {
        self.feeds.retain(|feed| !feed.is_gone());
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<usize>());
    let mut next = |default| arguments.next().unwrap_or(Ok(default));
    let (port, shards) = (u16::try_from(next(3063)?)?, next(1)?);
    let plan = cpu::plan(Some(shards));
    let room = preflight::check(shards).map_err(|problems| format!("{problems:?}"))?;
    let second = Duration::from_secs(1);
    let (pushed, payloads) = channel();
    let pool = ShardPool::start(
        PoolConfig {
            ports: vec![Port::plain(bind(Ipv4Addr::LOCALHOST.into(), port, shards)?)],
            plan,
            timeouts: Timeouts {
                head: 15 * second,
                body: 5 * second,
                request: None,
                idle: 15 * second,
                send: 30 * second,
            },
            connections_max: room.connections_max,
            stream_bytes_max: brink_shards::STREAM_BYTES_MAX,
        },
        move |_, _| Streams { feeds: Vec::new(), pushed: pushed.clone() },
    )?;
    pool.broadcast().publish(&());
    println!("listening on port {port}, ring flag on {} of {shards} shards", brink_shards::rings_flagged());
    for payload in payloads {
        pool.broadcast().tell(&payload);
    }
    Ok(())
}
