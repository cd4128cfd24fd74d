//! Evaluations and batches as JSON: names and order of keys as Unleash Edge 20.4 writes them (metrics.md 1.5.1).

use std::io;

use serde::{Serialize, Serializer};

use super::{
    application::Application,
    entry::{Entry, Variants},
    impact::Named,
    metadata::Metadata,
    moment::Moment,
};
use crate::tokens::token::Token;

/// The body of a bulk post.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchOut<'b> {
    pub applications: &'b [Application],
    pub metrics: Vec<EvaluationsOut<'b>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub impact_metrics: &'b [Named],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub seen_tokens: Vec<&'b str>,
}

/// One element of `metrics`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EvaluationsOut<'b> {
    feature_name: &'b str,
    app_name: &'b str,
    environment: &'b str,
    timestamp: Moment,
    yes: u32,
    no: u32,
    variants: VariantsOut<'b>,
    #[serde(flatten)]
    metadata: &'b Metadata,
}

struct VariantsOut<'b>(&'b Variants);

impl<'b> EvaluationsOut<'b> {
    pub fn new(environment: &'b str, app: &'b str, feature: &'b str, entry: &'b Entry) -> Self {
        Self {
            feature_name: feature,
            app_name: app,
            environment,
            timestamp: entry.timestamp,
            yes: clamped(entry.yes),
            no: clamped(entry.no),
            variants: VariantsOut(&entry.variants),
            metadata: &entry.metadata,
        }
    }
}

impl Serialize for VariantsOut<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, count)| (name, clamped(count))))
    }
}

/// Readers take 32 bits.
fn clamped(count: u64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// The texts of tokens, which only a body may have.
pub fn texts(tokens: &[Token]) -> Vec<&str> {
    tokens.iter().map(Token::text).collect()
}

/// JSON text. Nothing here has keys that are no texts, the only thing that could fail.
pub fn json(value: &impl Serialize) -> Vec<u8> {
    let written = serde_json::to_vec(value);
    debug_assert!(written.is_ok(), "keys are texts");
    written.unwrap_or_default()
}

/// How long the JSON text is.
pub fn json_bytes(value: &impl Serialize) -> usize {
    struct Length(usize);
    impl io::Write for Length {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut length = Length(0);
    let written = serde_json::to_writer(&mut length, value);
    debug_assert!(written.is_ok(), "keys are texts");
    length.0
}
