//! The load-test kit of brink.
//!
//! It measures the brink program from outside, as any client would see it: with generated
//! documents, next to a bare server that marks the floor of this machine, and next to a peer if
//! one is given. It shares no code with brink and never sends load to another machine.

#![forbid(unsafe_code)]

mod arguments;
mod bare;
mod case;
mod commands;
mod compare;
mod failure;
mod generate;
mod handshakes;
mod http;
mod idle;
mod open;
mod poll;
mod probe;
mod processes;
mod sample;
mod scrape;
mod startup;
mod storm;
mod subscribers;
mod target;
mod tls;
mod upstream;
mod wrk;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    match commands::run(arguments::Arguments::parse().command) {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("Error: {failure}");
            ExitCode::FAILURE
        }
    }
}
