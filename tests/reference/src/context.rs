//! Random contexts, as JSON bodies: what a client may send, with every field present, empty or missing.
//!
//! `currentTime` is always there, since the two sides would read two clocks; a test of its own goes without.

use crate::dice::Dice;
use crate::palette::{
    ADDRESSES, DATE_LETTERS, DATES, FIELDS, NETWORK_LETTERS, NUMBER_LETTERS, PARAMETER_LETTERS, PROPERTIES,
    Palette, TEXT_LETTERS, VERSION_LETTERS,
};
use serde_json::{Map, Value, json};

/// A context that suits a state made from this palette.
pub fn context(dice: &mut Dice, palette: &Palette) -> Value {
    let mut context = Map::new();
    for (field, chance) in [("userId", 85), ("sessionId", 60), ("environment", 50), ("appName", 50)] {
        if dice.percent(chance) {
            let value = if dice.percent(4) { String::new() } else { field_value(dice, palette, field) };
            context.insert(field.to_owned(), json!(value));
        }
    }
    if dice.percent(80) {
        let address = if dice.percent(80) { dice.one(ADDRESSES) } else { palette.word(dice) };
        context.insert("remoteAddress".to_owned(), json!(address));
    }
    context.insert("currentTime".to_owned(), json!(time(dice)));
    add_properties(dice, palette, &mut context);
    Value::Object(context)
}

/// A context whose properties are nearly right.
pub fn misspelt_context(dice: &mut Dice) -> Value {
    let letters =
        [TEXT_LETTERS, NUMBER_LETTERS, VERSION_LETTERS, DATE_LETTERS, NETWORK_LETTERS, TEXT_LETTERS];
    let property = |((name, values), letters): (&(&str, &[&str]), &str)| {
        let value = dice.one(values);
        ((*name).to_owned(), json!(dice.misspelt(value, letters)))
    };
    let properties: Map<String, Value> = PROPERTIES.iter().zip(letters).map(property).collect();
    let mut id = || {
        let id = dice.one(&["1", "7", "a", "", "10.1.2.3"]);
        dice.misspelt(id, PARAMETER_LETTERS)
    };
    let ids = [id(), id(), id()];
    json!({"userId": ids[0], "sessionId": ids[1], "remoteAddress": ids[2], "currentTime": time(dice),
        "properties": properties})
}

fn field_value(dice: &mut Dice, palette: &Palette, field: &str) -> String {
    match field {
        "userId" | "sessionId" => palette.id(dice),
        _ => palette.word(dice).to_owned(),
    }
}

/// An instant from 2020 to 2037 in one of the accepted forms, or one of the list, some of them unreadable.
fn time(dice: &mut Dice) -> String {
    if dice.percent(30) {
        return dice.one(DATES).to_owned();
    }
    let (year, month, day) = (dice.between(2020, 2037), dice.between(1, 12), dice.between(1, 29));
    let (hour, minute, second) = (dice.below(24), dice.below(60), dice.below(60));
    let fraction = dice.one(&["", ".000", ".5", ".123456"]);
    let offset = dice.one(&["Z", "Z", "+02:00", "-11:30", " UTC", "+0200"]);
    format!("{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}{offset}")
}

fn add_properties(dice: &mut Dice, palette: &Palette, context: &mut Map<String, Value>) {
    let mut properties = Map::new();
    for (name, values) in PROPERTIES {
        if dice.percent(70) {
            let value = if dice.percent(60) { dice.one(values) } else { palette.word(dice) };
            properties.insert((*name).to_owned(), json!(value));
        }
    }
    for (name, chance) in [("random", 15), ("", 5), ("userid", 10), ("user_id", 5), ("in\\side", 10)] {
        if dice.percent(chance) {
            properties.insert(name.to_owned(), json!(palette.word(dice)));
        }
    }
    if dice.percent(5) {
        let field = dice.one(FIELDS);
        properties.insert(field.to_owned(), json!(palette.word(dice)));
    }
    match dice.below(20) {
        0 => {}
        1 => drop(context.insert("properties".to_owned(), json!({}))),
        2..5 => spread(dice, properties, context),
        _ => drop(context.insert("properties".to_owned(), Value::Object(properties))),
    }
}

/// Unknown keys at top level are properties as well.
fn spread(dice: &mut Dice, properties: Map<String, Value>, context: &mut Map<String, Value>) {
    let (outer, inner): (Vec<_>, Vec<_>) = properties.into_iter().partition(|_| dice.percent(50));
    for (name, value) in outer {
        context.entry(name).or_insert(value);
    }
    context.insert("properties".to_owned(), Value::Object(inner.into_iter().collect()));
}
