//! How much a run compared, so that it cannot hollow itself out unseen.

use crate::answer::Answer;

/// What was compared so far.
#[derive(Debug, Default, Clone, Copy)]
pub struct Tally {
    /// Features compared, each in one context.
    pub compared: u64,
    /// Features left out because of a draw, each in one context.
    pub skipped: u64,
    /// Features compared that were on.
    pub enabled: u64,
    /// Features compared that had a variant.
    pub varied: u64,
    /// Malformed features, each counted once per state.
    pub malformed: u64,
    /// Features, each counted once per state.
    pub features: u64,
}

impl Tally {
    /// Share of answers left out, from 0 to 1.
    pub fn skipped_share(&self) -> f64 {
        self.skipped as f64 / ((self.compared + self.skipped).max(1)) as f64
    }

    /// Counts an answer that was compared.
    pub fn count(&mut self, answer: &Answer) {
        self.compared += 1;
        self.enabled += u64::from(answer.enabled);
        self.varied += u64::from(answer.variant_enabled);
    }
}
