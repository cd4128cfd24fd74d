//! One fixed body on every path: the runtime alone, to measure it and to try it out.
//!
//! `cargo run --release -p brink-shards --example fixed -- PORT SHARDS BYTES`

use std::{net::Ipv4Addr, rc::Rc, time::Duration};

use brink_shards::{
    Body, Call, Now, Outcome, PoolConfig, Port, Request, Service, ShardPool, Shared, Timeouts, bind, cpu,
    preflight,
};

struct Fixed(Shared);

impl Service for Fixed {
    type State = ();
    type Answer = ();
    type Notice = ();

    fn apply(&mut self, (): ()) {}

    fn note(&mut self, (): &()) {}

    fn handle(&mut self, _: &Request<'_>, call: &mut Call<'_, ()>) -> Outcome {
        call.reply(200).header("content-type", b"application/json").send(Body::Shared(&self.0))
    }

    fn announce_stop(&mut self) {}

    fn tick(&mut self, _: &Now) {}
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<usize>());
    let mut next = |default| arguments.next().unwrap_or(Ok(default));
    let (port, shards, bytes) = (u16::try_from(next(3063)?)?, next(1)?, next(2_000)?);
    let plan = cpu::plan(Some(shards));
    let room = preflight::check(shards).map_err(|problems| format!("{problems:?}"))?;
    let second = Duration::from_secs(1);
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
        move |_, _| Fixed(Rc::new(vec![b'x'; bytes].into())),
    )?;
    pool.broadcast().publish(&());
    println!("listening on port {port}, ring flag on {} of {shards} shards", brink_shards::rings_flagged());
    let _ = pool.ended().recv();
    Ok(())
}
