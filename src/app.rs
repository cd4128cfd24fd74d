//! Runs what the configuration asks for.

use std::process::ExitCode;

use crate::{
    config::{self, Config, settings::Mode},
    observe::log,
    probe,
};

/// Runs until the work is done or the program is told to stop; the result is its exit code.
pub fn run(config: Config) -> ExitCode {
    match &config.mode {
        Mode::Health(settings) => return probe::health(settings).print(),
        Mode::Ready(settings) => return probe::ready(settings).print(),
        Mode::Edge(_) | Mode::Offline(_) | Mode::Prepare(_) => {}
    }
    let _flush = log::init(config.log_format, &log::Surroundings::of_process());
    if !config.pending.is_empty() {
        let options = config.pending.join(", ");
        tracing::warn!(options, "these options are accepted and have no effect yet");
    }
    for notice in &config.notices {
        tracing::warn!("{notice}");
    }
    let reason = config::unsupported(&config).unwrap_or_else(|| "not wired yet".to_owned());
    eprintln!("Error: {reason}");
    ExitCode::FAILURE
}
