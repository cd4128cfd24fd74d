//! Random feature documents: legal ones, which both sides must accept, with every construct of the protocol.
//!
//! Left out on purpose, because brink means to differ there:
//! - lists of weights that add up to 0, and negative weights: the reference crashes or wraps around; brink
//!   gives the disabled variant and counts them as 0;
//! - a double quote after a backslash in a group, stickiness, host name, address or field name: the reference
//!   takes the pair for an escape; in brink any quote there makes the feature malformed;
//! - rule text in `value`, such as `5 or true`: it becomes part of the reference's rule; in brink the
//!   feature is malformed. So values come from lists, never from free text.

mod constraint;
mod dependency;
mod feature;
mod strategy;
mod variant;

use crate::dice::Dice;
use crate::palette::Palette;
use serde_json::{Map, Value, json};

/// Projects that features belong to; a missing one means `default`.
pub const PROJECTS: &[&str] = &["default", "p1", "p2"];

/// What the parts of a document know about the whole.
#[derive(Debug)]
pub struct Plan {
    palette: Palette,
    names: Vec<String>,
    segments: Vec<i64>,
}

/// A document and the plan it was made by.
#[derive(Debug)]
pub struct State {
    /// The document as JSON.
    pub document: Value,
    /// For contexts that suit it, and for changes to it.
    pub plan: Plan,
}

impl Plan {
    /// Its words, for contexts that suit the document.
    pub fn palette(&self) -> &Palette {
        &self.palette
    }

    /// One more feature, or a new version of one there is.
    pub fn feature(&self, dice: &mut Dice) -> Value {
        let name = match self.names.as_slice() {
            [] => feature::name(dice, 0),
            names => names[dice.below(names.len())].clone(),
        };
        feature::feature(dice, self, &name)
    }

    /// A new version of a segment; `None` if the state has none.
    pub fn segment(&self, dice: &mut Dice) -> Option<Value> {
        let at = dice.below(self.segments.len());
        self.segments.get(at).map(|id| segment(dice, self, *id))
    }
}

/// Makes a state. Most are small, some have 40 features, a few 400.
pub fn state(dice: &mut Dice) -> State {
    let features = feature_count(dice);
    state_of(dice, features)
}

/// Makes a state of so many features.
pub fn state_of(dice: &mut Dice, features: usize) -> State {
    let palette = Palette::draw(dice);
    let names = (0..features).map(|at| feature::name(dice, at)).collect();
    let segments = (0..dice.below(7)).map(|at| segment_id(dice, at)).collect();
    let plan = Plan { palette, names, segments };
    let document = document(dice, &plan);
    State { document, plan }
}

/// Makes a state of features whose constraint or strategy has values that are nearly right.
pub fn misspelt_state(dice: &mut Dice, features: usize) -> State {
    let palette = Palette::draw(dice);
    let feature = |at: usize| {
        let strategy = match at % 2 {
            0 => json!({"name": "default", "constraints": [constraint::misspelt(dice)]}),
            _ => strategy::misspelt(dice),
        };
        json!({"name": format!("f{at}"), "enabled": true, "strategies": [strategy]})
    };
    let features: Vec<Value> = (0..features).map(feature).collect();
    let plan = Plan { palette, names: Vec::new(), segments: Vec::new() };
    State { document: json!({"version": 2, "features": features}), plan }
}

fn feature_count(dice: &mut Dice) -> usize {
    match dice.below(80) {
        0 => 400,
        1..3 => 0,
        3..13 => 1,
        13..23 => 2,
        23..38 => 5,
        _ => 40,
    }
}

fn segment_id(dice: &mut Dice, at: usize) -> i64 {
    if dice.percent(10) { dice.between(-2, 3) } else { i64::try_from(at).unwrap_or(0) + 1 }
}

fn document(dice: &mut Dice, plan: &Plan) -> Value {
    let mut features: Vec<Value> = plan.names.iter().map(|name| feature::feature(dice, plan, name)).collect();
    if dice.percent(5) && !plan.names.is_empty() {
        features.push(plan.feature(dice));
    }
    let mut document = Map::new();
    document.insert("version".to_owned(), json!(2));
    document.insert("features".to_owned(), Value::Array(features));
    let segments = plan.segments.iter().map(|id| segment(dice, plan, *id)).collect();
    match plan.segments.is_empty() {
        true => dice.put(&mut document, "segments", Value::Array(Vec::new())),
        false => drop(document.insert("segments".to_owned(), Value::Array(segments))),
    }
    Value::Object(document)
}

fn segment(dice: &mut Dice, plan: &Plan, id: i64) -> Value {
    let count = dice.below(4);
    json!({"id": id, "constraints": constraint::constraints(dice, plan, count)})
}
