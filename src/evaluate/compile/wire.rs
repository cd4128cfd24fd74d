//! A feature as its fragment has it: only what evaluation reads (evaluation.md 3).
//!
//! The text was checked and normalised by `features`, so nulls are gone and types are right. Constraints stay
//! text: equal ones are compiled once.

use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};
use serde_json::value::RawValue;
use std::fmt;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FeatureWire<'a> {
    pub(super) enabled: bool,
    #[serde(default)]
    pub(super) impression_data: bool,
    #[serde(borrow, default)]
    pub(super) strategies: Vec<StrategyWire<'a>>,
    #[serde(default)]
    pub(super) variants: Vec<VariantWire>,
    #[serde(default)]
    pub(super) dependencies: Vec<DependencyWire>,
}

#[derive(Deserialize)]
pub(super) struct StrategyWire<'a> {
    pub(super) name: String,
    #[serde(default)]
    pub(super) parameters: Parameters,
    #[serde(borrow, default)]
    pub(super) constraints: Vec<&'a RawValue>,
    #[serde(default)]
    pub(super) segments: Vec<i64>,
    #[serde(default)]
    pub(super) variants: Vec<VariantWire>,
}

/// The parameters any strategy reads; others are ignored.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Parameters {
    pub(super) rollout: Option<String>,
    pub(super) percentage: Option<String>,
    pub(super) stickiness: Option<String>,
    pub(super) group_id: Option<String>,
    pub(super) user_ids: Option<String>,
    #[serde(rename = "IPs")]
    pub(super) addresses: Option<String>,
    pub(super) host_names: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct VariantWire {
    pub(super) name: Box<str>,
    pub(super) weight: Weight,
    pub(super) payload: Option<PayloadWire>,
    pub(super) stickiness: Option<String>,
    #[serde(default)]
    pub(super) overrides: Vec<OverrideWire>,
}

#[derive(Deserialize)]
pub(super) struct PayloadWire {
    #[serde(rename = "type")]
    pub(super) kind: Box<str>,
    pub(super) value: Box<str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OverrideWire {
    pub(super) context_name: String,
    pub(super) values: Vec<String>,
}

#[derive(Deserialize)]
pub(super) struct DependencyWire {
    pub(super) feature: Box<str>,
    pub(super) enabled: Option<bool>,
    #[serde(default)]
    pub(super) variants: Vec<Box<str>>,
}

#[derive(Deserialize)]
pub(super) struct SegmentWire<'a> {
    #[serde(borrow, default)]
    pub(super) constraints: Vec<&'a RawValue>,
}

/// A weight; negative ones count as 0 (evaluation.md 16).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Weight(pub(super) u64);

impl<'de> Deserialize<'de> for Weight {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(WeightVisitor)
    }
}

struct WeightVisitor;

impl Visitor<'_> for WeightVisitor {
    type Value = Weight;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a whole number")
    }

    fn visit_u64<E: Error>(self, weight: u64) -> Result<Weight, E> {
        Ok(Weight(weight))
    }

    fn visit_i64<E: Error>(self, weight: i64) -> Result<Weight, E> {
        Ok(Weight(u64::try_from(weight).unwrap_or(0)))
    }
}
