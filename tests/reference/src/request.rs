//! Random request texts, legal and broken: JSON bodies and query strings to be read as contexts.
//!
//! Written as text, not as values: how numbers, escapes, repeated keys and brackets are spelt is the point.

use crate::dice::Dice;
use crate::palette::FIELDS;

const NAMES: &[&str] =
    &["plan", "foo", "", "a b", "größe", "properties.plan", "userid", "random", "0", "Context"];
const NUMBERS: &[&str] = &[
    "7",
    "-3",
    "0",
    "7.0",
    "1e3",
    "100.50",
    "-0",
    "-0.0",
    "1e-7",
    "1e16",
    "1e15",
    "123456789012345678901234567890",
    "18446744073709551615",
    "18446744073709551616",
    "-9223372036854775808",
    "-9223372036854775809",
    "0.1",
    "1.7976931348623157e308",
    "5e-324",
    "0.00001",
    "123456.789e3",
    "1E+2",
    "1e21",
    "0.000001",
    "3.14159265358979",
];
const BAD_NUMBERS: &[&str] =
    &["1e400", "-1e400", "01", "+1", ".5", "5.", "NaN", "Infinity", "0x10", "1e", "-"];
const TEXTS: &[&str] = &[
    "\"7\"",
    "\"\"",
    "\"a b\"",
    "\"\\u00e9\"",
    "\"\\ud83e\\udd80\"",
    "\"日本\"",
    "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
    "\"\\u0000\"",
    "\"x\"",
    "\"team\"",
    "\"2022-01-01T00:00:00+02:00\"",
];
const BAD_TEXTS: &[&str] =
    &["\"\\ud800\"", "\"\\udc00\\ud800\"", "\"\\x\"", "\"a\nb\"", "\"\\u12\"", "\"open", "'a'"];

/// A JSON body: mostly an object that makes a context.
pub fn body(dice: &mut Dice) -> Vec<u8> {
    let mut text = match dice.below(30) {
        0 => value(dice, 2),
        1 => String::new(),
        _ => object(dice, 3),
    };
    if dice.percent(10) {
        break_text(dice, &mut text);
    }
    let mut bytes = text.into_bytes();
    if dice.percent(2) && !bytes.is_empty() {
        let at = dice.below(bytes.len());
        bytes.insert(at, 0xff);
    }
    bytes
}

fn object(dice: &mut Dice, depth: usize) -> String {
    let count = dice.below(7);
    let members: Vec<String> = (0..count).map(|_| member(dice, depth)).collect();
    format!("{{{}}}", members.join(","))
}

fn member(dice: &mut Dice, depth: usize) -> String {
    let (name, is_object) = match dice.below(20) {
        0 => ("context".to_owned(), dice.percent(80)),
        1..6 => ("properties".to_owned(), dice.percent(80)),
        6..12 => (dice.one(NAMES).to_owned(), false),
        _ => (dice.one(FIELDS).to_owned(), false),
    };
    let name = if dice.percent(3) { name.replacen('u', "\\u0075", 1) } else { name };
    let value = if is_object { object(dice, depth.saturating_sub(1)) } else { value(dice, depth) };
    let (before, after) = (blank(dice), blank(dice));
    format!("{before}\"{name}\"{after}:{before}{value}{after}")
}

fn value(dice: &mut Dice, depth: usize) -> String {
    match dice.below(if depth == 0 { 12 } else { 16 }) {
        0..5 => dice.mostly(TEXTS, BAD_TEXTS, 1).to_owned(),
        5..9 => dice.mostly(NUMBERS, BAD_NUMBERS, 1).to_owned(),
        9 => "null".to_owned(),
        10 => "true".to_owned(),
        11 => "false".to_owned(),
        12..14 => object(dice, depth - 1),
        _ => {
            let values: Vec<String> = (0..dice.below(3)).map(|_| value(dice, depth - 1)).collect();
            format!("[{}]", values.join(","))
        }
    }
}

fn blank(dice: &mut Dice) -> &'static str {
    dice.mostly(&[""], &[" ", "\n\t", "\r"], 10)
}

/// Takes a character out, or puts one in.
fn break_text(dice: &mut Dice, text: &mut String) {
    let places: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
    let Some(at) = places.get(dice.below(places.len())).copied() else { return };
    if dice.percent(50) {
        text.remove(at);
    } else {
        text.insert_str(at, dice.one(&["{", "}", "[", "]", ",", ":", "\"", "\\", "0", "\u{0}", "é"]));
    }
}

/// A query string: names with and without brackets, repeated, escaped, broken.
pub fn query(dice: &mut Dice) -> String {
    let pairs: Vec<String> = (0..dice.below(6)).map(|_| pair(dice)).collect();
    let mut text = pairs.join(dice.mostly(&["&"], &["&&", ";", "&="], 8));
    if dice.percent(10) {
        let places: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
        if let Some(at) = places.get(dice.below(places.len())) {
            text.insert_str(
                *at,
                dice.one(&["[", "]", "%", "%5B", "%5D", "=", "&", "+", "%ff", "[]", "é", "%26"]),
            );
        }
    }
    text
}

fn pair(dice: &mut Dice) -> String {
    let mut name = match dice.below(20) {
        0 => "context".to_owned(),
        1..6 => "properties".to_owned(),
        6..12 => encoded(dice, NAMES),
        _ => dice.one(FIELDS).to_owned(),
    };
    let levels = match name.as_str() {
        "context" | "properties" => 1 + usize::from(dice.percent(15)) * dice.below(7),
        _ => usize::from(dice.percent(8)) * dice.below(8),
    };
    for _ in 0..levels {
        name.push_str(&bracket(dice));
    }
    match dice.below(20) {
        0 => name,
        1 => format!("{name}="),
        _ => format!(
            "{name}={}",
            encoded(
                dice,
                &["7", "team", "a b", "é", "日本", "a=b", "[x]", "true", "5.0", "%", "%zz", "\u{0}"]
            )
        ),
    }
}

fn bracket(dice: &mut Dice) -> String {
    let (open, close) =
        *dice.one(&[&("[", "]"), &("[", "]"), &("%5B", "%5D"), &("%5b", "%5d"), &("[", "%5D")]);
    let inner = match dice.below(10) {
        0 => dice.one(&["", "0", "1", "7", "007", "-1", "99999999999999999999"]).to_owned(),
        1..5 => dice.one(FIELDS).to_owned(),
        5 => dice.one(&["properties", "context"]).to_owned(),
        _ => encoded(dice, NAMES),
    };
    format!("{open}{inner}{close}")
}

/// A text in one of the ways to write it in a form, now and then not escaped at all.
fn encoded(dice: &mut Dice, list: &[&str]) -> String {
    let text = dice.one(list);
    if dice.percent(15) {
        return text.replace(['&', ' '], "+");
    }
    let plus = dice.percent(50);
    let escape = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' => char::from(byte).to_string(),
        b' ' if plus => "+".to_owned(),
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(escape).collect()
}
