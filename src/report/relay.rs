//! The threads that pass heartbeats on to upstream and the answers back to the shards.
//!
//! Apart from uploads: somebody waits for each of these.

use std::{io, sync::Arc, thread, time::Instant};

use brink_shards::Broadcast;
use crossbeam_channel::Receiver;

use super::limits::RELAY_THREADS;
use crate::{
    messages::{Heartbeat, Verdict},
    observe::tally::{Operation, Tally},
    serve::Edge,
    upstream::{Client, guarded::guarded},
};

/// Starts the threads; they end when the shards do, which hold the other end.
///
/// # Errors
/// If the system has no thread left.
pub fn start(
    client: &Arc<Client>,
    heartbeats: &Receiver<Heartbeat>,
    broadcast: &Broadcast<Edge>,
    tally: &Arc<Tally>,
) -> io::Result<()> {
    for index in 0..RELAY_THREADS {
        let (client, heartbeats) = (Arc::clone(client), heartbeats.clone());
        let (broadcast, tally) = (broadcast.clone(), Arc::clone(tally));
        thread::Builder::new().name(format!("relay-{index}")).spawn(move || {
            for heartbeat in heartbeats {
                let verdict = pass_on(&client, &tally, &heartbeat);
                broadcast.answer(heartbeat.waiter.shard, heartbeat.waiter.ticket, verdict);
            }
        })?;
    }
    Ok(())
}

fn pass_on(client: &Client, tally: &Tally, heartbeat: &Heartbeat) -> Verdict {
    let Heartbeat { token, query, body, .. } = heartbeat;
    let begun = Instant::now();
    let answer = guarded(|| client.heartbeat(token.text(), query.as_deref(), body));
    let status = answer.as_ref().map(|relayed| relayed.status);
    tally.called(Operation::Heartbeat, status, begun.elapsed());
    match answer {
        Ok(relayed) => Verdict::Relayed(Arc::new(relayed)),
        Err(error) => {
            tracing::debug!("Could not pass a heartbeat on with {token}: {error}");
            Verdict::Unavailable { status: error.status() }
        }
    }
}
