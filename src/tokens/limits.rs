//! Every bound of the token machinery, with its derivation.
//!
//! Reaching one is a defined answer: an unparsable token (403), [`super::registry::Asked::Full`], or the
//! eviction of the oldest refusals.

use std::time::Duration;

/// Longest token text in bytes; longer ones are unparsable (tokens.md 1). Unleash's own tokens are a
/// project name, an environment name and 56 to 80 characters of secret.
pub const TOKEN_BYTES_MAX: usize = 512;

/// Most tokens of one validation call (upstream.md 5.3).
pub const BATCH_TOKENS_MAX: usize = 1_000;

/// Most calls in flight for tokens that shards asked about. At eight calls per second six are under way when
/// upstream takes 0.75 s for each. Well under the 32 of security.md 4.1.
pub const ASKED_BATCHES_MAX: usize = 6;

/// Least time between two calls of which the later is about asked tokens: eight per second, whatever comes in. Of the
/// ten per second that upstream is to see at most, two are left for the tokens we hold. A token that comes alone is
/// asked about at once; in a flood it waits half of this on average, together with up to 999 others.
pub const ASKED_SPACING: Duration = Duration::from_millis(125);

/// The same where validation is deferred: a call per second, as in Unleash Edge 20.4 (tokens.md 4.4).
pub const DEFERRED_SPACING: Duration = Duration::from_secs(1);

/// Most calls in flight for tokens we hold ourselves (start-up, suspects, revalidation). Apart from the
/// asked ones, so that a flood of unknown tokens cannot delay them.
pub const KNOWN_BATCHES_MAX: usize = 2;

/// Most asked tokens waiting for a call: one full batch and a little more. Beyond it upstream is slower
/// than the askers, and a longer queue only makes every answer late.
pub const QUEUE_MAX: usize = 1_024;

/// Most tokens held. A text and its record take about 300 bytes: 30 MB, and a table of 100 000 entries
/// is built in some 10 ms (measured). Tokens of the configuration are admitted beyond it.
pub const TOKENS_MAX: usize = 100_000;

/// Most refusals remembered (security.md 4.1): 48 bytes each, keys only; at most 10 MB with spare room.
pub const NEGATIVE_MAX: usize = 100_000;

/// How long the first refusal of an asked token holds (tokens.md 4.2).
pub const NEGATIVE_TTL_MIN: Duration = Duration::from_secs(60);

/// How long the refusal of a repeat offender holds at most (tokens.md 4.2).
pub const NEGATIVE_TTL_MAX: Duration = Duration::from_secs(600);

/// Refusals that were neither made nor met for this long are forgotten, so that memory is given back after a flood. As
/// long as the longest refusal: a repeat offender is still known when its last refusal ends.
pub const NEGATIVE_AGE_MAX: Duration = NEGATIVE_TTL_MAX;

/// First pause after a call without verdict (upstream.md 5.4).
pub const RETRY_MIN: Duration = Duration::from_secs(1);

/// Longest pause between calls without verdict (upstream.md 5.4).
pub const RETRY_MAX: Duration = Duration::from_secs(60);

/// First pause before a refused start-up token is tried again; doubles up to the revalidation interval.
pub const REFUSED_RETRY_MIN: Duration = Duration::from_secs(60);

/// Shortest revalidation interval; a configured 0 means this.
pub const REVALIDATION_INTERVAL_MIN: Duration = Duration::from_secs(1);

/// Longest revalidation interval; a longer configured one means this (keeps dates representable).
pub const REVALIDATION_INTERVAL_MAX: Duration = Duration::from_secs(365 * 24 * 3_600);

const _: () = assert!(QUEUE_MAX >= BATCH_TOKENS_MAX, "a full batch must fit the queue");
const _: () = assert!(
    QUEUE_MAX + ASKED_BATCHES_MAX * BATCH_TOKENS_MAX < TOKENS_MAX / 10,
    "unconfirmed texts stay a small part of what is held"
);
const _: () = assert!(TOKEN_BYTES_MAX <= u16::MAX as usize, "a token keeps its piece lengths as u16");
