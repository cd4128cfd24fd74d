//! `--streaming` and `--delta` with `--strict`: an upstream without deltas ends the start (delta-and-streaming.md 10).
//!
//! Without `--strict` nothing is asked: lists are polled until there are deltas. An upstream that cannot be reached, or does not
//! know a token, says nothing about deltas; that is the affair of the control thread, which goes on trying.

use crate::{
    config::settings::{Edge, Fetching},
    upstream::{CallError, Client},
};

/// What to say if a start-up token gets 404 for deltas.
pub(super) fn check(client: &Client, settings: &Edge) -> Result<(), String> {
    let (flag, variable) = match settings.fetching {
        Fetching::Streaming => ("--streaming", "STREAMING"),
        Fetching::Delta => ("--delta", "DELTA"),
        Fetching::Polling => return Ok(()),
    };
    if settings.repairs_by_polling {
        return Ok(());
    }
    for token in &settings.tokens {
        match client.delta(token.text(), None) {
            Err(CallError::Status { status: 404, .. }) => {
                return Err(format!(
                    "Upstream has no delta API: it answers 404 on /api/client/delta for {token}, and {flag} ({variable}) \
                     with --strict (STRICT) needs it. Use an upstream that has it, leave {flag} or --strict out, or poll \
                     lists until there are deltas by --streaming-fallback (STREAMING_FALLBACK)"
                ));
            }
            // The others would wait in vain, too.
            Err(error) if error.status().is_none() => return Ok(()),
            _ => {}
        }
    }
    Ok(())
}
