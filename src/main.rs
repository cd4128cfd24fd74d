//! The program: reads the command line, then runs or says why not.
#![forbid(unsafe_code)]

use std::{env, process::ExitCode};

fn main() -> ExitCode {
    match brink::config::parse(env::args_os(), &|name| env::var_os(name)) {
        Ok(config) => brink::app::run(&config),
        Err(exit) => exit.print(),
    }
}
