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
        let mut feature = serde_json::json!({
            "name": name,
            "enabled": self.enabled,
            "project": "default",
            "strategies": [{"name": "default", "constraints": [], "parameters": {}, "variants": []}],
        });
        if let Some(variant) = &self.variant {
            feature["variants"] = serde_json::json!([
                {"name": variant, "weight": 1000, "weightType": "fix", "stickiness": "default"}
            ]);
        }
        feature.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(bytes: &[u8], version: u64, expected: &[&str]) {
        let document = parse_bootstrap(bytes).expect("a good file");
        let json: Vec<&str> = document.features.iter().map(|feature| &*feature.json).collect();
        assert_eq!((document.version, json.as_slice()), (version, expected));
    }

    fn check_refused(bytes: &[u8], expected: &str) {
        let error = parse_bootstrap(bytes).expect_err("a bad file").to_string();
        assert_eq!(error, expected);
    }

    const STRATEGIES: &str =
        r#""strategies":[{"name":"default","constraints":[],"parameters":{},"variants":[]}]"#;

    #[test]
    fn the_simple_format() {
        check(b"{}", 2, &[]);
        check(b" {}\n", 2, &[]);
        check(
            br#"{"b":{"enabled":true,"variant":"red","other":[1]},"a\"":{"enabled":false},"B":{"enabled":true,"variant":null}}"#,
            2,
            &[
                &format!(r#"{{"name":"B","enabled":true,"project":"default",{STRATEGIES}}}"#),
                &format!(r#"{{"name":"a\"","enabled":false,"project":"default",{STRATEGIES}}}"#),
                &format!(
                    r#"{{"name":"b","enabled":true,"project":"default",{STRATEGIES},"variants":[{{"name":"red","weight":1000,"weightType":"fix","stickiness":"default"}}]}}"#
                ),
            ],
        );
        let document = parse_bootstrap(br#"{"a":{"enabled":true}}"#).expect("good");
        assert!(document.segments.is_empty() && document.meta.is_none() && document.warnings.is_empty());
    }

    #[test]
    fn the_full_format() {
        check(br#"{"version":1,"features":[]}"#, 1, &[]);
        check(
            br#"{"version":2,"features":[{"name":"b","enabled":true},{"name":"a","enabled":false}]}"#,
            2,
            &[r#"{"name":"a","enabled":false}"#, r#"{"name":"b","enabled":true}"#],
        );
    }

    #[test]
    fn a_byte_order_mark_is_tolerated_in_both() {
        check(b"\xEF\xBB\xBF{}", 2, &[]);
        check(b"\xEF\xBB\xBF{\"version\":1,\"features\":[]}", 1, &[]);
    }

    #[test]
    fn bad_files_are_refused_with_the_fault_of_the_full_format() {
        let cases: [(&[u8], &str); 12] = [
            (b"", "EOF while parsing a value at line 1 column 0"),
            (b"\xEF\xBB\xBF", "EOF while parsing a value at line 1 column 0"),
            (br#"{"features":[]}"#, "missing field `version` at line 1 column 15"),
            (b"{\"version\":2\n", "EOF while parsing an object at line 2 column 0"),
            (b"not json", "expected ident at line 1 column 2"),
            (b"[]", "document: expected object, found list"),
            (br#"{"a":{"enabled":"yes"}}"#, "missing field `version` at line 1 column 23"),
            (br#"{"a":{"enabled":true,"variant":1}}"#, "missing field `version` at line 1 column 34"),
            (br#"{"a":[true,null]}"#, "missing field `version` at line 1 column 17"),
            (br#"{"a":{"enabled":true}} x"#, "missing field `version` at line 1 column 22"),
            (br#"{"version":2,"features":[]}]"#, "trailing characters at line 1 column 28"),
            (b"{\"\xff\":1}", "invalid UTF-8 after 2 bytes"),
        ];
        for (bytes, expected) in cases {
            check_refused(bytes, expected);
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..128)) {
            let _ = parse_bootstrap(&bytes);
        }

        #[test]
        fn any_names_work_in_the_simple_format(names in prop::collection::btree_set(".{0,12}", 0..8)) {
            let file: serde_json::Map<String, serde_json::Value> =
                names.iter().map(|name| (name.clone(), serde_json::json!({"enabled": true}))).collect();
            let document = parse_bootstrap(serde_json::Value::from(file).to_string().as_bytes()).expect("good");
            let found: Vec<&str> = document.features.iter().map(|feature| &*feature.name).collect();
            prop_assert_eq!(found, names.iter().map(String::as_str).collect::<Vec<_>>());
        }
    }
}
