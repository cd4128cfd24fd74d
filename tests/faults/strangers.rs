//! SDKs that show up in the middle of a fault, with valid tokens that brink has never heard of.
//!
//! They may have to wait for their first answer, but nobody tells them that their token is bad, after which some would
//! stop for good: 503 until there is a verdict. Once served they are served for ever.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use crate::{
    brink::{Brink, Client},
    judge::{Judge, Leave},
    load::{NO_ANSWER, exchange},
    world::STRANGER,
};

/// Between two requests.
const PAUSE: Duration = Duration::from_millis(150);

/// Until told to stop.
pub fn show_up(brink: &Brink, judge: &Judge, stop: &AtomicBool) {
    let mut connection = brink.connect();
    let mut served: Vec<String> = Vec::new();
    let mut number = 0;
    let mut token = None;
    while !stop.load(Ordering::Relaxed) {
        thread::sleep(PAUSE);
        // Whoever shows up now is rightly refused, and remembered for a minute.
        if judge.leave() == Leave::NoToken {
            // The old one would be closed as idle.
            connection = brink.connect();
            continue;
        }
        let fresh = token.take().unwrap_or_else(|| {
            number += 1;
            format!("{STRANGER}{number:04}")
        });
        let sent = Instant::now();
        match status(&mut connection, &fresh) {
            200 => served.push(fresh),
            503 => token = Some(fresh),
            status => {
                judge.accuse("a stranger", status, sent);
                connection = brink.connect();
            }
        }
        let Some(known) = served.get(number % served.len().max(1)) else { continue };
        let sent = Instant::now();
        let status = status(&mut connection, known);
        if status != 200 {
            judge.accuse("one who was a stranger once", status, sent);
            connection = brink.connect();
        }
    }
}

fn status(connection: &mut Client, token: &str) -> u16 {
    let response = exchange(connection, "GET", "/api/client/features", token, "", "");
    response.map_or(NO_ANSWER, |response| response.status)
}
