//! The words that documents and contexts are made of.
//!
//! Each state draws a small palette; the values of its constraints and those of its contexts both come mostly
//! from there, so that about half of the comparisons match instead of nearly none.

use crate::dice::Dice;

/// Texts of every kind: plain, empty, with blanks, commas, quotes, backslashes, other scripts.
pub const TEXTS: &[&str] = &[
    "1",
    "2",
    "7",
    "42",
    "team",
    "free",
    "pro",
    "NO",
    "SE",
    "a",
    "ab",
    "abc",
    "cab",
    "ABC",
    "banana",
    "straße",
    "STRASSE",
    "é",
    "É",
    "日本",
    "🦀",
    "a b",
    " team ",
    "x,y",
    "say \"hi\"",
    "back\\slash",
    "\\\"",
    "line\nbreak",
    "user@example.com",
    "1.2.3",
    "5",
    "5.0",
    "10.0.0.1",
    "2024-05-01T12:00:00Z",
    "İ",
    "ſ",
    "ΟΔΟΣ",
    "\u{a0}7",
    "nul\u{0}",
    "ǅ",
    "true",
    "",
];

/// Numbers as contexts carry them.
pub const NUMBERS: &[&str] = &[
    "5",
    "5.0",
    " 5",
    "5e0",
    "4",
    "6",
    "-5",
    "10",
    "0.3",
    "0.30000000000000004",
    ".5",
    "5.",
    "+5",
    "05",
    "inf",
    "-inf",
    "NaN",
    "nan",
    "infinity",
    "1e999",
    "1e400",
    "abc",
    "",
    "5,0",
    "0x5",
    "1_000",
    "18446744073709551616",
];

/// Versions as contexts carry them.
pub const VERSIONS: &[&str] = &[
    "1.2.3",
    "1.2.4",
    "1.10.0",
    "2.0.0",
    "1.2.3-alpha",
    "1.2.3-alpha.2",
    "1.2.3-alpha.10",
    "1.2.3-beta",
    "1.2.3+b1",
    "1.2.3+b2",
    "1.2.3-beta+b1",
    "v1.2.3",
    "1.2",
    "1",
    "01.2.3",
    "1.2.3.4",
    " 1.2.3",
    "",
    "99999999999999999999.0.0",
    "1.2.3-01",
];

/// Instants as contexts carry them, strict and lenient.
pub const DATES: &[&str] = &[
    "2022-06-15T12:00:00Z",
    "2022-06-15T12:00:00.000Z",
    "2022-06-15T12:00:00.001Z",
    "2022-06-15T14:00:00+02:00",
    "2022-06-15T11:59:59Z",
    "2024-02-29T00:00:00Z",
    "2030-01-01T00:00:00Z",
    "2036-12-31T23:59:60Z",
    "2022-06-15t12:00:00z",
    "2022-06-15 12:00:00Z",
    "2022-6-15T12:0:0Z",
    "2022-06-15T12:00:00.123456789Z",
    "2022-06-15T12:00:00 UTC",
    "2022-06-15T12:00:00+0200",
    "2022-06-15T12:00:00 +02:00",
    " 2022-06-15T12:00:00Z ",
    "2022-06-15T12:00:00",
    "2022-06-15T12:00Z",
    "2022-06-15",
    "1655294400",
    "2022-06-15T12:00:00+02",
    "2022-13-15T12:00:00Z",
    "2023-02-29T00:00:00Z",
    "-2022-06-15T12:00:00Z",
    "+12022-06-15T12:00:00Z",
    "yesterday",
    "",
];

/// Addresses as contexts carry them.
pub const ADDRESSES: &[&str] = &[
    "10.0.0.1",
    "10.0.0.2",
    "10.1.2.3",
    "192.168.1.1",
    "127.0.0.1",
    "::1",
    "2001:db8::1",
    "2001:DB8:0:0::1",
    "fe80::1",
    "::ffff:10.1.2.3",
    "::ffff:a01:203",
    "10.0.0.01",
    "10.0.0",
    " 10.0.0.1",
    "10.0.0.1:80",
    "[::1]",
    "not an address",
    "",
];

// What misspelt values are made of. None of it can make rule text of a value: that needs words and brackets,
// and there brink means to differ.

/// Numbers.
pub const NUMBER_LETTERS: &str = "0123456789+-.eE \t_,";
/// Dates.
pub const DATE_LETTERS: &str = "0123456789+-.:TZtz ";
/// Versions.
pub const VERSION_LETTERS: &str = "0123456789+-.vab ";
/// Addresses and networks.
pub const NETWORK_LETTERS: &str = "0123456789abcdef:./+- ";
/// Patterns.
pub const PATTERN_LETTERS: &str = "ab.*+?[](){}|^$1\\-,:é";
/// Texts; lower case of some depends on what is next to them.
pub const TEXT_LETTERS: &str = "aAßſİΣσςǅé \"\\,";

/// Percentages.
pub const PERCENTAGE_LETTERS: &str = "0123456789+-. %٣";
/// Parameters that are names or lists.
pub const PARAMETER_LETTERS: &str = "aA\"\"\\\\ :,é\u{a0}\u{0}\n17";

/// Properties the contexts carry, each with the list its values mostly come from.
pub const PROPERTIES: &[(&str, &[&str])] = &[
    ("plan", TEXTS),
    ("age", NUMBERS),
    ("version", VERSIONS),
    ("since", DATES),
    ("network", ADDRESSES),
    ("größe", TEXTS),
];

/// The fields that have a place of their own in a context.
pub const FIELDS: &[&str] =
    &["userId", "sessionId", "environment", "appName", "currentTime", "remoteAddress"];

/// One of the properties the contexts carry.
pub fn property(dice: &mut Dice) -> &'static str {
    PROPERTIES.get(dice.below(PROPERTIES.len())).map_or("", |(name, _)| name)
}

/// The words of one state.
#[derive(Debug, Clone)]
pub struct Palette {
    words: Vec<&'static str>,
}

impl Palette {
    /// Eight words.
    pub fn draw(dice: &mut Dice) -> Self {
        Self { words: (0..8).map(|_| dice.one(TEXTS)).collect() }
    }

    /// A word: mostly of the palette, now and then any text.
    pub fn word(&self, dice: &mut Dice) -> &'static str {
        if dice.percent(80) { dice.one(&self.words) } else { dice.one(TEXTS) }
    }

    /// An id: a word of the palette, or one of many numbers, so that hashes spread.
    pub fn id(&self, dice: &mut Dice) -> String {
        match dice.below(10) {
            0..3 => self.word(dice).to_owned(),
            3 => format!("{}é日本", dice.below(100)),
            4 => "long-".repeat(1 + dice.below(40)),
            _ => dice.below(1_000_000).to_string(),
        }
    }
}
