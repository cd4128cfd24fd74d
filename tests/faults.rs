//! The game of faults: an upstream goes wrong in every way we could think of, one after the other, while SDKs with valid
//! tokens ask all the time.
//!
//! The promise under test:
//! - not one 4xx or 5xx on a token that was served before;
//! - nothing older than what was taken over before;
//! - no later than one refresh interval plus the longest back-off after a fault has ended, everybody sees what is new.
//!
//! Each of several lanes is an upstream, the real binary in front of it and its clients; the kinds of faults are dealt to
//! the lanes and played in random order. `BRINK_FAULTS_SEED` repeats an order, `BRINK_FAULTS_ROUNDS` plays all kinds so
//! many times.

#[path = "faults/act.rs"]
mod act;
#[path = "faults/answers.rs"]
mod answers;
#[path = "support/brink.rs"]
#[allow(dead_code, reason = "each test binary uses another part of it")]
mod brink;
#[path = "faults/certificates.rs"]
mod certificates;
#[path = "faults/game.rs"]
mod game;
#[path = "faults/judge.rs"]
mod judge;
#[path = "faults/kinds.rs"]
mod kinds;
#[path = "faults/lane.rs"]
mod lane;
#[path = "faults/load.rs"]
mod load;
#[path = "faults/stage.rs"]
mod stage;
#[path = "faults/strangers.rs"]
mod strangers;
#[path = "faults/upstream.rs"]
mod upstream;
#[path = "faults/wire.rs"]
mod wire;
#[path = "faults/world.rs"]
mod world;
