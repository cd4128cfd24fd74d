//! The end of a process that serves: what it waits for, and what is kept on the way out.

use std::{thread, time::Instant};

use brink_shards::ShardPool;
use crossbeam_channel::{Receiver, select};

use super::Failed;
use crate::{
    config::settings::Stopping,
    control::Control,
    persist::Persist,
    report::{
        Reporting,
        limits::{FLUSH_BUDGET, FLUSH_MIN},
    },
    serve::Edge,
    signals,
};

/// Threads that keep what would be lost with the process. An edge has them.
#[derive(Default)]
pub(super) struct Keepers {
    /// Usage that upstream does not have yet.
    pub reporting: Option<Reporting>,
    /// The backup, if there is a place for one.
    pub persist: Option<Persist>,
}

impl Keepers {
    /// Both at a time: a place that hangs takes nothing of the other's.
    fn finish(self, deadline: Instant) {
        let Self { reporting, persist } = self;
        thread::scope(|scope| {
            scope.spawn(|| end(persist.as_ref()));
            if let Some(reporting) = reporting {
                reporting.finish(deadline);
            }
        });
    }
}

/// What changed last is in the backup, or that is said.
fn end(persist: Option<&Persist>) {
    if persist.is_some_and(|persist| !persist.stop()) {
        tracing::warn!("The backup was not written in time");
    }
}

/// Serves until the program is told to stop, and stops in order.
pub(super) fn until_stopped(
    pool: ShardPool<Edge>,
    control: &Control,
    keepers: Keepers,
    signals: signals::Blocked,
    stopping: &Stopping,
) -> Result<(), Failed> {
    let stopped: Receiver<_> = signals.watch()?;
    select! {
        recv(stopped) -> signal => {
            if let Ok(signal) = signal {
                tracing::info!("{signal} received, stopping");
            }
        }
        recv(pool.ended()) -> _ => {
            end(keepers.persist.as_ref());
            let text = "a shard has ended by a panic: nobody would answer its share of new connections";
            return Err(Failed::Start(text.to_owned()));
        }
        recv(control.ended()) -> _ => {
            end(keepers.persist.as_ref());
            let text = "the control thread has ended by a panic: nothing would be refreshed any more";
            return Err(Failed::Start(text.to_owned()));
        }
    }
    pool.announce_stop();
    if let Some(reporting) = &keepers.reporting {
        reporting.look_around();
    }
    if let Some(persist) = &keepers.persist {
        persist.flush();
    }
    if !stopping.drain_delay.is_zero() {
        thread::sleep(stopping.drain_delay);
    }
    let flush_until = Instant::now() + FLUSH_BUDGET;
    if !pool.drain(stopping.timeout) {
        tracing::warn!("A shard did not end in time");
    }
    // Only now: shards hand over what they have gathered when they end.
    keepers.finish(flush_until.max(Instant::now() + FLUSH_MIN));
    tracing::info!("Stopped");
    Ok(())
}
