//! The measures of the three documents: how many of what, and how large.
//!
//! `large` follows the published benchmark of Unleash Edge (350 flags, 200 strategies, 100 kB);
//! `huge` is what one big organisation might have; `small` is a first project.

/// The measures of one document. Counts are exact; bytes are met within a few words.
#[derive(Debug)]
pub struct Plan {
    /// Name of the document, also of its random stream.
    pub name: &'static str,
    pub flags: usize,
    /// Flags without a strategy, and how many of these are enabled (and so on for everybody).
    pub plain: usize,
    pub plain_on: usize,
    /// Flags with strategies that are on for an empty context, and that are disabled; the
    /// remaining ones are enabled but off for an empty context.
    pub guarded_on: usize,
    pub guarded_disabled: usize,
    pub strategies: usize,
    /// Constraints of strategies; those of segments come on top.
    pub constraints: usize,
    pub segments: usize,
    pub projects: usize,
    /// Percentage of flags with strategies that have variants with overrides.
    pub variants_percent: usize,
    /// Percentage of rollouts with variants of their own.
    pub strategy_variants_percent: usize,
    /// Flags that depend on another flag.
    pub dependents: usize,
    /// Size of the encoded document in bytes.
    pub bytes: usize,
    pub revision: usize,
}

/// Five flags, 2 kB.
pub const SMALL: Plan = Plan {
    name: "small",
    flags: 5,
    plain: 0,
    plain_on: 0,
    guarded_on: 3,
    guarded_disabled: 0,
    strategies: 5,
    constraints: 2,
    segments: 0,
    projects: 1,
    variants_percent: 0,
    strategy_variants_percent: 0,
    dependents: 0,
    bytes: 2_010,
    revision: 17,
};

/// 350 flags, 100 kB.
pub const LARGE: Plan = Plan {
    name: "large",
    flags: 350,
    plain: 180,
    plain_on: 32,
    guarded_on: 56,
    guarded_disabled: 25,
    strategies: 200,
    constraints: 67,
    segments: 12,
    projects: 1,
    variants_percent: 4,
    strategy_variants_percent: 0,
    dependents: 0,
    bytes: 103_000,
    revision: 2_044,
};

/// 5,000 flags in 24 projects, 3.1 MB.
pub const HUGE: Plan = Plan {
    name: "huge",
    flags: 5_000,
    plain: 650,
    plain_on: 450,
    guarded_on: 810,
    guarded_disabled: 1_300,
    strategies: 6_850,
    constraints: 6_200,
    segments: 160,
    projects: 24,
    variants_percent: 12,
    strategy_variants_percent: 8,
    dependents: 250,
    bytes: 3_100_000,
    revision: 70_113,
};

/// All documents, smallest first.
pub const ALL: [&Plan; 3] = [&SMALL, &LARGE, &HUGE];
