//! The tables of evaluation.md 6, one constraint at a time.

use super::*;
use serde_json::{Value, json};

/// What a constraint says to a value, or `None` for a missing one; an error if it is malformed.
fn said(constraint: &Value, value: Option<&str>) -> Result<bool, Reason> {
    Ok(match compile(&constraint.to_string(), 1)? {
        Clause::Fixed(result) => result,
        Clause::Test(constraint) => {
            let is_met = value.is_some_and(|value| match &constraint.test {
                Test::LowerText(_) => constraint.test.accepts(&value.to_lowercase()),
                test => test.accepts(value),
            });
            is_met != constraint.inverted
        }
    })
}

fn constraint(operator: &str, operand: &Value) -> Value {
    let key = if operand.is_array() { "values" } else { "value" };
    json!({"contextName": "field", "operator": operator, key: operand})
}

/// One expectation per value, and the opposite for the inverted constraint.
#[track_caller]
fn check(operator: &str, operand: Value, cases: &[(Option<&str>, bool)]) {
    let mut constraint = constraint(operator, &operand);
    for (value, expected) in cases {
        assert_eq!(said(&constraint, *value), Ok(*expected), "{constraint} {value:?}");
    }
    constraint["inverted"] = json!(true);
    for (value, expected) in cases {
        assert_eq!(said(&constraint, *value), Ok(!expected), "{constraint} {value:?}");
    }
}

#[track_caller]
fn check_ignoring_case(operator: &str, operand: Value, cases: &[(&str, bool)]) {
    let mut constraint = constraint(operator, &operand);
    constraint["caseInsensitive"] = json!(true);
    for (value, expected) in cases {
        assert_eq!(said(&constraint, Some(value)), Ok(*expected), "{constraint} {value}");
    }
}

#[track_caller]
fn check_malformed(operator: &str, operand: Value) {
    let mut constraint = constraint(operator, &operand);
    assert!(said(&constraint, Some("1")).is_err(), "{constraint}");
    constraint["inverted"] = json!(true);
    assert!(said(&constraint, Some("1")).is_err(), "{constraint}");
}

#[test]
fn lists() {
    check("IN", json!(["1"]), &[(Some("1"), true), (Some("2"), false), (Some("1.0"), false), (None, false)]);
    check("NOT_IN", json!(["1"]), &[(Some("1"), false), (Some("2"), true), (None, true)]);
    check("IN", json!([]), &[(Some("1"), false), (None, false)]);
    check("NOT_IN", json!([]), &[(Some("1"), true), (None, true)]);
    check("IN", json!("1"), &[(Some("1"), false), (None, false)]);
    check("NOT_IN", json!("1"), &[(Some("1"), true), (None, true)]);
    check("IN", json!([""]), &[(Some(""), true), (Some("1"), false), (None, false)]);
    check(
        "IN",
        json!(["a", "bb", "ab", "b", "a"]),
        &[(Some("ab"), true), (Some("ba"), false), (Some("b"), true)],
    );
    check_ignoring_case("IN", json!(["A"]), &[("A", true), ("a", false)]);
    check_malformed("in", json!(["1"]));
    check_malformed("FOO", json!(["1"]));
}

#[test]
fn texts() {
    let starts = json!(["ab", "ca"]);
    check("STR_STARTS_WITH", starts.clone(), &[(Some("cab"), true), (Some("ABC"), false), (None, false)]);
    check_ignoring_case("STR_STARTS_WITH", starts, &[("ABC", true), ("bc", false)]);
    check_ignoring_case(
        "STR_STARTS_WITH",
        json!(["STRASSE"]),
        &[("stra\u{df}e", false), ("strasse 1", true)],
    );
    check_ignoring_case("STR_ENDS_WITH", json!(["\u{39f}\u{3a3}"]), &[("\u{39f}\u{3a3}", true)]);
    check("STR_ENDS_WITH", json!(["ab"]), &[(Some("cab"), true), (Some("abc"), false), (None, false)]);
    check("STR_CONTAINS", json!(["b"]), &[(Some("abc"), true), (Some("ac"), false), (None, false)]);
    for operator in ["STR_STARTS_WITH", "STR_ENDS_WITH", "STR_CONTAINS"] {
        check(operator, json!([""]), &[(Some(""), true), (Some("x"), true), (None, false)]);
        check_malformed(operator, json!([]));
        check_malformed(operator, json!("a"));
    }
}

#[test]
fn numbers() {
    for five in ["5", "5.", "+5", "05", " 5 ", "\t5"] {
        check(
            "NUM_EQ",
            json!(five),
            &[(Some("5"), true), (Some("5.0"), true), (Some("6"), false), (None, false)],
        );
    }
    for ten in ["1e1", "1E1", "1e+1", "1.e1"] {
        check("NUM_EQ", json!(ten), &[(Some("10"), true)]);
    }
    for bad in [".5", "NaN", "inf", "five", "5,0", "1_000", "0x5", "", "5 or true", "--5", "1e", "5 6"] {
        check_malformed("NUM_EQ", json!(bad));
    }
    check_malformed("NUM_EQ", json!(["5"]));
    let lenient = [
        ("5.", true),
        (".5e1", true),
        ("5e0", true),
        (" 5", false),
        ("", false),
        ("abc", false),
        ("NaN", false),
    ];
    check("NUM_EQ", json!("5"), &lenient.map(|(value, expected)| (Some(value), expected)));
    check("NUM_EQ", json!("0.3"), &[(Some("0.30000000000000004"), true)]);
    check("NUM_EQ", json!("1e999"), &[(Some("inf"), false), (Some("1e999"), false)]);
    check("NUM_GTE", json!("1e999"), &[(Some("inf"), true), (Some("5"), false)]);
    check(
        "NUM_GT",
        json!("5"),
        &[(Some("6"), true), (Some("5"), false), (Some("inf"), true), (Some("nan"), false)],
    );
    check("NUM_GTE", json!("5"), &[(Some("5"), true), (Some("4.9"), false)]);
    check("NUM_LT", json!("5"), &[(Some("4"), true), (Some("5"), false), (Some("-inf"), true)]);
    check("NUM_LTE", json!("5"), &[(Some("5"), true), (Some("5.1"), false), (None, false)]);
}

#[test]
fn the_form_decides_not_the_operator() {
    check("SEMVER_EQ", json!("1.2"), &[(Some("1.2"), true), (Some("1.2.0"), false)]);
    check("NUM_GT", json!("1.2.3"), &[(Some("1.2.10"), true), (Some("1.2.3"), false), (Some("5"), false)]);
    check("DATE_AFTER", json!("5"), &[(Some("6"), true), (Some("5"), false)]);
    check("NUM_EQ", json!("2022-06-15T12:00:00Z"), &[(Some("2022-06-15T14:00:00+02:00"), true)]);
    check("SEMVER_GT", json!("1"), &[(Some("2"), true)]);
}

#[test]
fn versions() {
    check(
        "SEMVER_EQ",
        json!("1.2.3"),
        &[(Some("1.2.3"), true), (Some("1.2.3+b"), true), (Some("v1.2.3"), false), (None, false)],
    );
    check(
        "SEMVER_GT",
        json!("1.2.3"),
        &[(Some("1.2.4-beta"), true), (Some("1.2.3-beta"), false), (Some("1.2"), false)],
    );
    check("SEMVER_LT", json!("1.0.0-alpha.10"), &[(Some("1.0.0-alpha.2"), true), (Some("1.0.0"), false)]);
    check("SEMVER_GTE", json!("1.2.3 "), &[(Some("1.2.3"), true), (Some("1.2.3 "), false)]);
    check("SEMVER_LTE", json!("1.2.3"), &[(Some("1.2.3"), true)]);
    for bad in ["01.2.3", "1.2.3.4", "1.2.x", "=1.2.3", "V1.2.3", "1.2.3-", "1.2.3-01", "", " v1.2.3"] {
        check_malformed("SEMVER_EQ", json!(bad));
    }
}

#[test]
fn a_version_with_a_v_is_false_even_inverted() {
    for inverted in [false, true] {
        let mut constraint = constraint("SEMVER_EQ", &json!("v1.2.3"));
        constraint["inverted"] = json!(inverted);
        for value in [None, Some("1.2.3"), Some("v1.2.3")] {
            assert_eq!(said(&constraint, value), Ok(false));
        }
    }
    check_malformed("NUM_EQ", json!("v1.2.3"));
}

#[test]
fn dates() {
    let noon = [
        ("2022-06-15T12:00:00Z", false),
        ("2022-06-15T12:00:01Z", true),
        ("2022-6-16T0:0:0Z", true),
        ("2022-06-16 00:00:00 UTC", true),
        ("2022-06-16t00:00:00.123456z", true),
        (" 2022-06-16T00:00:00 +02:00", true),
        ("2022-06-16T00:00:00+0200", true),
        ("2022-06-15T12:30:00+02:00", false),
        ("2022-06-16T00:00:00", false),
        ("2022-06-16T00:00Z", false),
        ("2022-06-16", false),
        ("1900000000", false),
        ("2022-06-16T00:00:00+02", false),
        ("", false),
    ]
    .map(|(value, expected)| (Some(value), expected));
    for value in ["2022-06-15T12:00:00Z", "2022-06-15T12:00:00.000Z", "2022-06-15T14:00:00+02:00"] {
        check("DATE_AFTER", json!(value), &noon);
        check(
            "DATE_BEFORE",
            json!(value),
            &[(Some("2022-06-15T11:59:59Z"), true), (Some("2022-06-15T12:00:00Z"), false)],
        );
    }
    for bad in [
        "2022-06-15",
        "2022-06-15T12:00:00",
        "2022-06-15 12:00:00Z",
        "2022-06-15T12:00:00z",
        "2022-06-15T12:00:00.12Z",
        "2022-06-15T12:00:00.123456Z",
        "2022-13-15T12:00:00Z",
        "2022-06-15T24:00:00Z",
        "2022-06-31T12:00:00Z",
        "",
    ] {
        check_malformed("DATE_AFTER", json!(bad));
    }
}

#[test]
fn patterns() {
    check("REGEX", json!("a"), &[(Some("banana"), true), (Some("x"), false), (None, false)]);
    check("REGEX", json!("^a$"), &[(Some("a"), true), (Some("a\n"), false), (Some("A"), false)]);
    check("REGEX", json!(""), &[(Some(""), true), (Some("x"), true), (None, false)]);
    check("REGEX", json!([]), &[(Some("x"), true), (None, false)]);
    check("REGEX", json!("^\\p{L}+\\d$"), &[(Some("\u{e9}\u{661}"), true)]);
    check_ignoring_case("REGEX", json!("^a$"), &[("A", true), ("b", false)]);
    for bad in ["(", "a(?=b)", "(a)\\1", "(?:a{1000}){1000}"] {
        check("REGEX", json!(bad), &[(Some("a"), false)]);
    }
    check_malformed("REGEX", json!("a\\"));
    check_malformed("REGEX", json!("a\\\\"));
    let nested = "(a*)*".repeat(20) + "$";
    check("REGEX", json!(nested), &[(Some(&("a".repeat(5000) + "b")), true)]);
}

#[test]
fn networks() {
    check(
        "IN_CIDR",
        json!(["10.0.0.0/8", "bad"]),
        &[(Some("10.0.0.1"), true), (Some("11.0.0.1"), false), (None, false)],
    );
    check("IN_CIDR", json!([" 10.0.0.0/8"]), &[(Some("10.0.0.1"), false), (None, false)]);
    check_malformed("IN_CIDR", json!([]));
    check_malformed("IN_CIDR", json!("10.0.0.0/8"));
}

#[test]
fn texts_the_reference_cannot_have() {
    check_malformed("IN", json!(["a", "b\\"]));
    check_malformed("STR_CONTAINS", json!(["b\\"]));
    check(
        "IN",
        json!(["a\"b", "c\\d", "e\nf", "\\\""]),
        &[(Some("a\"b"), true), (Some("c\\d"), true), (Some("\\\""), true)],
    );
    for name in ["a\"b", "a\\"] {
        let constraint = json!({"contextName": name, "operator": "IN", "values": []});
        assert!(said(&constraint, None).is_err(), "{name}");
    }
}

#[test]
fn only_six_names_are_fields() {
    assert_eq!(Source::named("userId"), Source::Field(Field::UserId));
    for name in ["user_id", "random", "", "userid", "properties"] {
        assert_eq!(Source::named(name), Source::Property(name.into()));
    }
}
