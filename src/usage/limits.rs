//! Bounds of usage, each with its derivation (security.md 4.4 to 4.6, 4.11).
//!
//! What comes in here comes from anybody who holds a frontend token, which is public. Reaching a bound is never
//! an error towards the SDK, which could do nothing about it: what does not fit is left out and counted as dropped.

use std::time::Duration;

/// Most bytes of evaluations that one shard gathers between two hand-overs. A thousand applications with a thousand
/// flags each would be 200 MB, but nobody reports all of that within a second; 16 MiB are some 60,000 entries.
pub const BUCKET_USAGE_BYTES_MAX: usize = 16 << 20;

/// Most bytes of everything else that one shard gathers between two hand-overs: registrations, impact metrics, seen
/// tokens, documents of edges below. Two of the largest posts with room for what the tables cost.
pub const BUCKET_OTHER_BYTES_MAX: usize = 8 << 20;

/// Most entries (application, flag, environment, hour) between two hand-overs.
pub const BUCKET_ENTRIES_MAX: usize = 100_000;

/// What part of a ledger's bytes is for evaluations, in percent. The rest is for registrations, which an SDK sends
/// once: a ledger that is full of counts must still take them.
pub const LEDGER_USAGE_PERCENT: usize = 75;

/// Environments with anything gathered. They come from tokens, and from what edges below us claim.
pub const ENVIRONMENTS_MAX: usize = 1_000;

/// Longest name of an application, flag, variant, environment, instance, project, strategy or label. Unleash
/// takes names of up to 255 characters, with what that may be in UTF-8.
pub const NAME_BYTES_MAX: usize = 1_024;

/// Longest text that describes an SDK; longer ones are left away. `sdkFlavor` may have 256 characters upstream.
pub const METADATA_BYTES_MAX: usize = 256;

/// Longest `sdkFlavorVersion`, as upstream has it; longer ones would refuse the whole post there.
pub const FLAVOR_VERSION_BYTES_MAX: usize = 32;

/// Flags in one post of an SDK. Ten times what large installations have.
pub const TOGGLES_MAX: usize = 10_000;

/// Variants kept per entry. The editor of Unleash shows up to some dozens.
pub const VARIANTS_MAX: usize = 200;

/// Capacity for flags that a shard keeps from one post to the next.
pub const TOGGLES_KEPT: usize = 1_024;

/// Elements of the lists in a registration: strategies, projects, hops.
pub const LIST_MAX: usize = 256;

/// Longest interval of a registration: what a number in JavaScript holds exactly, beyond which upstream refuses.
pub const INTERVAL_MAX: u64 = (1 << 53) - 1;

/// Impact metrics' labels per sample, `origin` among them.
pub const LABELS_MAX: usize = 32;

/// Impact metrics' samples per metric.
pub const SAMPLES_MAX: usize = 1_000;

/// Impact metrics' buckets per sample of a histogram.
pub const BUCKETS_MAX: usize = 200;

/// Longest help text of an impact metric; longer ones are cut.
pub const HELP_BYTES_MAX: usize = 1_024;

/// How far ahead of our clock counts may be. Clocks of phones are wrong; a day covers every mistaken time zone.
/// There is no bound for the past: an SDK may have been offline, and hours long gone are the first to make way.
pub const FUTURE_MAX: Duration = Duration::from_secs(24 * 3_600);

/// Longest document of an edge below us. One with hundreds of edges of its own has some 100 KiB.
pub const CHILD_BYTES_MAX: usize = 256 << 10;

/// Most edges below us (metrics.md 1.9 number 11).
pub const CHILDREN_MAX: usize = 1_000;

/// Their documents together: a thousand of usual size.
pub const CHILDREN_BYTES_MAX: usize = 16 << 20;

/// A body smaller than this is sent in one piece (metrics.md 1.5.2).
pub const UNSPLIT_BYTES_MAX: usize = 102_400;

/// A piece has at most this much (metrics.md 1.5.2).
pub const PIECE_BYTES_MAX: usize = 97_280;

/// What a piece has besides its elements: `{"applications":[],"metrics":[],"impactMetrics":[],"seenTokens":[]}`.
pub const PIECE_OVERHEAD_BYTES: usize = 67;

const _: () = assert!(PIECE_BYTES_MAX < UNSPLIT_BYTES_MAX);
const _: () = assert!(LEDGER_USAGE_PERCENT < 100);
const _: () = assert!(BUCKET_OTHER_BYTES_MAX > 4 * CHILD_BYTES_MAX);
const _: () = assert!(FLAVOR_VERSION_BYTES_MAX <= METADATA_BYTES_MAX && METADATA_BYTES_MAX <= NAME_BYTES_MAX);
