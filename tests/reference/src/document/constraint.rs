//! Random constraints: every operator, on every field, with values of the right form, of another, or of none.

use super::{Plan, strategy};
use crate::dice::Dice;
use crate::palette::{
    ADDRESSES, DATE_LETTERS, DATES, FIELDS, NETWORK_LETTERS, NUMBER_LETTERS, NUMBERS, PATTERN_LETTERS,
    TEXT_LETTERS, TEXTS, VERSION_LETTERS, VERSIONS, property,
};
use serde_json::{Map, Value, json};

const OPERATORS: &[&str] = &[
    "IN",
    "NOT_IN",
    "STR_STARTS_WITH",
    "STR_ENDS_WITH",
    "STR_CONTAINS",
    "NUM_EQ",
    "NUM_GT",
    "NUM_GTE",
    "NUM_LT",
    "NUM_LTE",
    "DATE_AFTER",
    "DATE_BEFORE",
    "SEMVER_EQ",
    "SEMVER_GT",
    "SEMVER_GTE",
    "SEMVER_LT",
    "SEMVER_LTE",
    "REGEX",
    "IN_CIDR",
];
const UNKNOWN_OPERATORS: &[&str] = &["in", "NUM_NE", ""];
const NUMBER_VALUES: &[&str] =
    &["5", "5.0", "5.", "+5", "-5", "1e1", " 5 ", "05", "1e999", "0.3", "1E1", "1e+1", "1.e1", "\t5", "1e-1"];
const BAD_NUMBER_VALUES: &[&str] =
    &[".5", "NaN", "five", "", "inf", "5,0", "1_000", "0x5", "5 5", "\n5", "5\u{a0}"];
const DATE_VALUES: &[&str] = &[
    "2022-06-15T12:00:00Z",
    "2022-06-15T12:00:00.000Z",
    "2022-06-15T14:00:00+02:00",
    "2024-02-29T00:00:00Z",
    "2030-01-01T00:00:00-11:30",
    " 2022-06-15T12:00:00Z ",
    "2036-12-31T23:59:60Z",
];
const BAD_DATE_VALUES: &[&str] = &[
    "2022-06-15T12:00:00.12Z",
    "2022-06-15T12:00:00.123456Z",
    "2022-06-15T12:00:00",
    "2022-06-15",
    "2022-13-15T12:00:00Z",
    "2022-06-31T12:00:00Z",
    "2022-06-15T24:00:00Z",
    "2022-06-15 12:00:00Z",
    "2022-06-15T12:00:00z",
    "2022-06-15T12:00:00+0200",
    "2023-02-29T00:00:00Z",
    "2022-06-15T12:00:61Z",
    "2022-06-15T12:00:00+25:00",
    "2022-06-15T12:00:00+01:60",
];
const VERSION_VALUES: &[&str] = &[
    "1.2.3",
    "1.2.3",
    "2.0.0",
    "1.2.3-alpha.2",
    "1.2.3-beta",
    "1.2.3+b1",
    "1.2.3-beta+b2",
    "1.2.3-0",
    "1.2.3 ",
    "1.2.3--",
    "1.2.3+01",
    "1.2",
    "1",
    "v1.2.3",
];
const BAD_VERSION_VALUES: &[&str] = &[
    "01.2.3",
    "1.2.3.4",
    "",
    "1.2.x",
    "=1.2.3",
    "V1.2.3",
    "1.2.3-",
    "1.2.3-01",
    "1.2.3+",
    "99999999999999999999.0.0",
    "1.2.3-é",
];
const PATTERNS: &[&str] = &[
    "^a",
    "b$",
    "[0-9]+",
    "^(team|pro)$",
    "(?i)TEAM",
    "",
    "a.c",
    "\\d",
    "\\.",
    "^$",
    "é",
    "\\bteam\\b",
    "say \"hi\"",
    "[[:alpha:]]{3,}",
    "\\pL",
    "^.*$",
    "\\\\s",
    "(?s)^.+$",
];
const BAD_PATTERNS: &[&str] = &["(", "(?=a)", "a\\", "a\\\\", "[", "(a)\\1", "a{2,1}"];
const NETWORKS: &[&str] = &[
    "10.0.0.0/8",
    "10.1.2.3/16",
    "10.0.0.1",
    "10.0.0.1/32",
    "0.0.0.0/0",
    "192.168.0.0/255.255.0.0",
    "10.0.0.0/255.0.0.0",
    "::/0",
    "2001:db8::/32",
    "::1",
    "fe80::1/10",
    "::ffff:10.1.0.0/112",
];
const BAD_NETWORKS: &[&str] = &[
    "10.0.0.0/33",
    "bad",
    "",
    " 10.0.0.0/8",
    "10.0.0.0/016",
    "10.0.0.0/+8",
    "10.0.0.0/",
    "10.0.0/8",
    "::1/129",
    "10.0.0.0/255.0.255.0",
    "10.0.0.01",
    "::/ffff::",
    "10.0.0.0/8/8",
    "10.0.0.0/-1",
];

/// A list of so many constraints.
pub fn constraints(dice: &mut Dice, plan: &Plan, count: usize) -> Value {
    Value::Array((0..count).map(|_| constraint(dice, plan)).collect())
}

/// An entry of a list of networks, one in eight of them invalid.
pub fn network(dice: &mut Dice) -> String {
    dice.mostly(NETWORKS, BAD_NETWORKS, 12).to_owned()
}

/// One feature's constraint whose value is nearly right: a number, date, version or network misspelt.
pub fn misspelt(dice: &mut Dice) -> Value {
    let operator = dice.one(OPERATORS);
    let (field, key, values, alphabet) = match Family::of(operator) {
        Family::Date => ("since", "value", DATE_VALUES, DATE_LETTERS),
        Family::Version => ("version", "value", VERSION_VALUES, VERSION_LETTERS),
        Family::Network => ("network", "values", NETWORKS, NETWORK_LETTERS),
        Family::Pattern => ("plan", "value", PATTERNS, PATTERN_LETTERS),
        Family::Text => ("plan", "values", TEXTS, TEXT_LETTERS),
        Family::Number => ("age", "value", NUMBER_VALUES, NUMBER_LETTERS),
    };
    let field = if dice.percent(10) { strategy::misspelt_name(dice, field) } else { field.to_owned() };
    let value = dice.one(values);
    let value = dice.misspelt(value, alphabet);
    let value = if key == "values" { json!([value]) } else { json!(value) };
    let (inverted, ignores_case) = (dice.percent(30), dice.percent(30));
    json!({"contextName": field, "operator": operator, key: value,
        "inverted": inverted, "caseInsensitive": ignores_case})
}

/// What an operator compares; decides which values suit it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    Text,
    Number,
    Date,
    Version,
    Pattern,
    Network,
}

impl Family {
    fn of(operator: &str) -> Self {
        match operator {
            "REGEX" => Self::Pattern,
            "IN_CIDR" => Self::Network,
            operator if operator.starts_with("NUM") => Self::Number,
            operator if operator.starts_with("DATE") => Self::Date,
            operator if operator.starts_with("SEMVER") => Self::Version,
            _ => Self::Text,
        }
    }

    /// The form of values its operators get; one in twenty gets another family's.
    fn form(self, dice: &mut Dice) -> Self {
        let is_ordered = matches!(self, Self::Number | Self::Date | Self::Version);
        match dice.percent(5) && is_ordered {
            true => *dice.one(&[&Self::Number, &Self::Date, &Self::Version]),
            false => self,
        }
    }
}

fn constraint(dice: &mut Dice, plan: &Plan) -> Value {
    let operator = if dice.percent(1) { dice.one(UNKNOWN_OPERATORS) } else { dice.one(OPERATORS) };
    let family = Family::of(operator);
    let mut constraint = Map::new();
    constraint.insert("contextName".to_owned(), json!(context_name(dice, family)));
    constraint.insert("operator".to_owned(), json!(operator));
    for flag in ["inverted", "caseInsensitive"] {
        if dice.percent(75) {
            constraint.insert(flag.to_owned(), json!(dice.percent(33)));
        }
    }
    let form = family.form(dice);
    add_values(dice, plan, &mut constraint, form);
    Value::Object(constraint)
}

/// A field whose values mostly suit the family, or any.
fn context_name(dice: &mut Dice, family: Family) -> &'static str {
    if dice.percent(1) {
        return dice.one(&["quo\"te", "slash\\"]);
    }
    if dice.percent(35) {
        let other = dice.one(&["random", "", "userid", "absent", "in\\side", "with space"]);
        let (field, property) = (dice.one(FIELDS), property(dice));
        return dice.one(&[field, property, other]);
    }
    match family {
        Family::Text | Family::Pattern => dice.one(&["plan", "userId", "environment", "appName", "größe"]),
        Family::Number => "age",
        Family::Date => dice.one(&["currentTime", "since"]),
        Family::Version => "version",
        Family::Network => dice.one(&["remoteAddress", "network"]),
    }
}

fn add_values(dice: &mut Dice, plan: &Plan, constraint: &mut Map<String, Value>, form: Family) {
    let values = |dice: &mut Dice, value: &mut dyn FnMut(&mut Dice) -> String| {
        let count = *dice.one(&[&1, &1, &3, &3, &40, &2]);
        let count = if dice.percent(3) { 0 } else { count };
        json!((0..count).map(|_| value(dice)).collect::<Vec<_>>())
    };
    let (key, value) = match form {
        Family::Text => ("values", values(dice, &mut |dice| text(dice, plan))),
        Family::Network => ("values", values(dice, &mut |dice| network_or_address(dice))),
        Family::Number => ("value", json!(dice.mostly(NUMBER_VALUES, BAD_NUMBER_VALUES, 2))),
        Family::Date => ("value", json!(dice.mostly(DATE_VALUES, BAD_DATE_VALUES, 2))),
        Family::Version => ("value", json!(dice.mostly(VERSION_VALUES, BAD_VERSION_VALUES, 2))),
        Family::Pattern => ("value", json!(dice.mostly(PATTERNS, BAD_PATTERNS, 5))),
    };
    let is_text = form == Family::Text;
    // The key that the operator does not look at.
    if dice.percent(20) {
        let (other, value) =
            if key == "value" { ("values", json!(["5", "1.2.3"])) } else { ("value", json!("5")) };
        constraint.insert(other.to_owned(), value);
    }
    if is_text || dice.percent(99) {
        constraint.insert(key.to_owned(), value);
    } else if dice.percent(50) {
        constraint.insert(key.to_owned(), Value::Null);
    }
}

fn text(dice: &mut Dice, plan: &Plan) -> String {
    match dice.below(1000) {
        0 => "at the end\\".to_owned(),
        1..50 => plan.palette.id(dice),
        50..100 => {
            let list = *dice.one(&[&NUMBERS, &VERSIONS, &DATES, &ADDRESSES]);
            dice.one(list).to_owned()
        }
        _ => plan.palette.word(dice).to_owned(),
    }
}

fn network_or_address(dice: &mut Dice) -> String {
    if dice.percent(20) { dice.one(ADDRESSES).to_owned() } else { network(dice) }
}
