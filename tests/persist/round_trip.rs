//! What any place for a backup must hold to: one edge saves there, another starts from it without upstream.

use std::process::Command;

use crate::{
    brink::Brink,
    fake_upstream::ClosedPort,
    folder::stop,
    scene::{TOKEN, readiness, serves, upstream},
};

/// `command` makes an edge below this URL, with `TOKEN` and the place. Nothing may be warned of, nor the secret be said.
#[track_caller]
pub fn check(command: impl Fn(&str) -> Command, secret: &str) {
    let up = upstream();
    let brink = Brink::start_with(&mut command(&up.url()));
    serves(&brink, TOKEN, &["old"]);
    let log = stop(brink);
    assert!(!log.contains("WARN") && !log.contains(secret), "{log}");
    let nobody = ClosedPort::reserve();
    let brink = Brink::start_with(&mut command(&nobody.url()));
    serves(&brink, TOKEN, &["old"]);
    assert_eq!(readiness(&brink), 200);
    stop(brink);
}
