//! The two formats of a bootstrap file (cli.md 4.1).
//!
//! The simple format (`{"flag":{"enabled":true,"variant":"red"}}`) is tried first, then the full one, which is
//! the body of `/api/client/features`. If neither fits, the fault reported is that of the full format, as
//! Unleash Edge 20.4 does. Reading the file and naming its path are the caller's.

use super::environment::EnvironmentData;
use super::error::DocumentError;
use super::fragment::Fragment;
use super::json;
use super::model::Document;
use super::parse::parse_document;
use super::warning::Warnings;
use serde::Deserialize;
use serde_json::json as value;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// The format version a simple file gets.
const SIMPLE_VERSION: u64 = 2;

/// Some editors write it; JSON does not allow it, readers may skip it (RFC 8259 section 8.1).
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Why a file is neither a simple nor a full document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BootstrapError {
    /// What is wrong with it as a full document.
    pub full: DocumentError,
}

impl fmt::Display for BootstrapError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.full.fmt(out)
    }
}

impl std::error::Error for BootstrapError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.full)
    }
}

/// Reads the content of a bootstrap file in either format.
pub fn parse_bootstrap(bytes: &[u8]) -> Result<Document, BootstrapError> {
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    if let Some(simple) = read_simple(bytes) {
        return simple_document(&simple).map_err(|full| BootstrapError { full });
    }
    parse_document(bytes, &EnvironmentData::empty(Arc::from(""))).map_err(|full| BootstrapError { full })
}

/// A feature of the simple format. Unknown keys are ignored.
#[derive(Deserialize)]
struct SimpleFeature {
    enabled: bool,
    variant: Option<Box<str>>,
}

/// `None` if it is not a simple document. serde alone would also take a feature written as a list.
fn read_simple(bytes: &[u8]) -> Option<BTreeMap<Box<str>, SimpleFeature>> {
    let features: BTreeMap<Box<str>, &RawValue> = serde_json::from_slice(bytes).ok()?;
    let read = |(name, raw): (Box<str>, &RawValue)| {
        let is_object = json::type_of(raw.get()) == json::Type::Object;
        let feature = is_object.then(|| serde_json::from_str(raw.get()).ok()).flatten()?;
        Some((name, feature))
    };
    features.into_iter().map(read).collect()
}

fn simple_document(simple: &BTreeMap<Box<str>, SimpleFeature>) -> Result<Document, DocumentError> {
    let features: Result<Vec<Arc<Fragment>>, DocumentError> = simple
        .iter()
        .map(|(name, feature)| Fragment::parse(&feature.written_out(name)).map(Arc::new))
        .collect();
    Ok(Document {
        version: SIMPLE_VERSION,
        features: features?,
        segments: Vec::new(),
        meta: None,
        warnings: Warnings::default(),
    })
}

impl SimpleFeature {
    /// The feature in the full format.
    fn written_out(&self, name: &str) -> String {
        let mut feature = value!({
            "name": name,
            "enabled": self.enabled,
            "project": "default",
            "strategies": [{"name": "default", "constraints": [], "parameters": {}, "variants": []}],
        });
        if let Some(variant) = &self.variant {
            feature["variants"] = value!([
                {"name": variant, "weight": 1000, "weightType": "fix", "stickiness": "default"}
            ]);
        }
        feature.to_string()
    }
}
