//! The JSON of answers, written when an engine is made (evaluation.md 13).
//!
//! Every object ends with a comma, so that pieces can be copied one after the other; the last comma is taken
//! back at the end. An object with a variant is the object of the feature being on, with the disabled variant
//! cut out and another one put in.

use super::compile::Variant;
use super::part::Part;

/// Before and after the objects of a list.
pub(super) const OPEN: &[u8] = br#"{"toggles":["#;
const CLOSE: &[u8] = b"]}";
const DISABLED: &[u8] = br#"{"name":"disabled","enabled":false,"payload":null}"#;

/// The object of a feature that is on, with room for a variant.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Object {
    /// The whole of it, comma included.
    pub(super) whole: Part,
    /// Up to the variant.
    head_bytes: usize,
}

impl Object {
    /// Writes the object of a feature without a variant.
    pub(super) fn write(name: &str, enabled: bool, impression_data: bool, out: &mut Vec<u8>) -> Self {
        let start = out.len();
        write_head(name, enabled, out);
        let head_bytes = out.len() - start;
        out.extend_from_slice(DISABLED);
        write_tail(impression_data, out);
        Self { whole: Part { start, end: out.len() }, head_bytes }
    }

    /// Copies the object with a variant in it. `text` has both.
    pub(super) fn copy_with(self, variant: Part, text: &[u8], out: &mut Vec<u8>) {
        let object = self.whole.of(text);
        let (head, rest) = object.split_at_checked(self.head_bytes).unwrap_or_default();
        out.extend_from_slice(head);
        out.extend_from_slice(variant.of(text));
        out.extend_from_slice(rest.get(DISABLED.len()..).unwrap_or_default());
    }
}

/// Writes the object of a feature that is on with this variant.
pub(super) fn write_chosen(name: &str, variant: &Variant, impression_data: bool, out: &mut Vec<u8>) {
    write_head(name, true, out);
    write_variant(variant, out);
    write_tail(impression_data, out);
}

fn write_head(name: &str, enabled: bool, out: &mut Vec<u8>) {
    out.extend_from_slice(br#"{"name":"#);
    write_text(name, out);
    let rest: &[u8] =
        if enabled { br#","enabled":true,"variant":"# } else { br#","enabled":false,"variant":"# };
    out.extend_from_slice(rest);
}

fn write_tail(impression_data: bool, out: &mut Vec<u8>) {
    let tail: &[u8] = if impression_data {
        br#","impression_data":true,"impressionData":true},"#
    } else {
        br#","impression_data":false,"impressionData":false},"#
    };
    out.extend_from_slice(tail);
}

/// Writes the object of a variant.
pub(super) fn write_variant(variant: &Variant, out: &mut Vec<u8>) -> Part {
    let start = out.len();
    out.extend_from_slice(br#"{"name":"#);
    write_text(&variant.name, out);
    out.extend_from_slice(br#","enabled":true,"payload":"#);
    match &variant.payload {
        None => out.extend_from_slice(b"null}"),
        Some((kind, value)) => {
            out.extend_from_slice(br#"{"type":"#);
            write_text(kind, out);
            out.extend_from_slice(br#","value":"#);
            write_text(value, out);
            out.extend_from_slice(b"}}");
        }
    }
    Part { start, end: out.len() }
}

/// Ends a list that began at `start` with [`OPEN`].
pub(super) fn close(start: usize, out: &mut Vec<u8>) {
    if out.len() > start + OPEN.len() {
        take_back_comma(out);
    }
    out.extend_from_slice(CLOSE);
}

/// Ends an answer of one object.
pub(super) fn take_back_comma(out: &mut Vec<u8>) {
    debug_assert_eq!(out.last(), Some(&b','));
    out.pop();
}

/// Escapes as evaluation.md 13.3 wants, which is what serde_json does.
fn write_text(text: &str, out: &mut Vec<u8>) {
    // Writing a text to memory cannot fail.
    let _ = serde_json::to_writer(out, text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_objects() {
        let mut text = Vec::new();
        let on = Object::write("a\"b", true, true, &mut text);
        let red = Variant { name: "red".into(), payload: None, weight: 1 };
        let payload = Some(("string".into(), "x\ny\u{1}\u{7f}/<".into()));
        let blue = Variant { name: "\u{e9}".into(), payload, weight: 1 };
        let plain = write_variant(&red, &mut text);
        let loaded = write_variant(&blue, &mut text);
        let mut out = OPEN.to_vec();
        out.extend_from_slice(on.whole.of(&text));
        on.copy_with(plain, &text, &mut out);
        on.copy_with(loaded, &text, &mut out);
        let mut chosen = Vec::new();
        write_chosen("a\"b", &blue, true, &mut chosen);
        assert!(out.ends_with(&chosen));
        close(0, &mut out);
        let expected = concat!(
            r#"{"toggles":["#,
            r#"{"name":"a\"b","enabled":true,"variant":{"name":"disabled","enabled":false,"payload":null},"impression_data":true,"impressionData":true},"#,
            r#"{"name":"a\"b","enabled":true,"variant":{"name":"red","enabled":true,"payload":null},"impression_data":true,"impressionData":true},"#,
            "{\"name\":\"a\\\"b\",\"enabled\":true,\"variant\":{\"name\":\"\u{e9}\",\"enabled\":true,\"payload\":{\"type\":\"string\",\"value\":\"x\\ny\\u0001\u{7f}/<\"}},\"impression_data\":true,\"impressionData\":true}",
            "]}"
        );
        assert_eq!(String::from_utf8(out).as_deref(), Ok(expected));
    }

    #[test]
    fn an_empty_list() {
        let mut out = b"head ".to_vec();
        out.extend_from_slice(OPEN);
        close(5, &mut out);
        assert_eq!(out, br#"head {"toggles":[]}"#);
    }
}
