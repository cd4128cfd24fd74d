//! Documents with one value wrong or missing: both sides accept them, or both refuse the whole document.
//!
//! Whole numbers beyond 32 bits are left out: brink reads the ids and weights of a document into 64 bits.

use brink_reference::dice::Dice;
use brink_reference::document;
use brink_reference::oracle::Oracle;
use brink_reference::run::Settings;
use brink_reference::shrink::{paths, remove};
use brink_reference::subject::Subject;
use serde_json::{Value, json};

/// Documents made wrong in each state.
const CHANGES: usize = 25;

fn replacement(dice: &mut Dice) -> Value {
    let values = [
        json!(null),
        json!(true),
        json!(1),
        json!(-1),
        json!(1.0),
        json!(1.5),
        json!(""),
        json!("x"),
        json!("2022-06-15T12:00:00Z"),
        json!("2022-06-15"),
        json!([]),
        json!({}),
        json!(["x"]),
        json!([1]),
        json!([null]),
    ];
    values[dice.below(values.len())].clone()
}

/// The document with something replaced or removed, and a note of what.
fn changed(dice: &mut Dice, document: &Value) -> (Value, String) {
    let mut document = document.clone();
    let paths = paths(&document);
    let path = paths.get(dice.below(paths.len())).cloned().unwrap_or_default();
    if dice.percent(20) {
        remove(&mut document, &path);
        return (document, format!("{path} removed"));
    }
    let value = replacement(dice);
    let note = format!("{path} is {value}");
    if let Some(place) = document.pointer_mut(&path) {
        *place = value;
    }
    (document, note)
}

#[test]
fn one_wrong_value() {
    let settings = Settings::from_environment(300);
    let (mut tried, mut accepted) = (0, 0);
    for seed in settings.seeds() {
        let mut dice = Dice::seeded(seed ^ 0x0ef);
        let document = document::state_of(&mut dice, 2).document;
        for _ in 0..CHANGES {
            let (document, note) = changed(&mut dice, &document);
            let (ours, theirs) = (Subject::compile(&document).is_ok(), Oracle::accepts(&document));
            assert_eq!(ours, theirs, "ours, theirs; {note} in {document}");
            tried += 1;
            accepted += u32::from(theirs);
        }
    }
    println!("{tried} documents, {accepted} accepted");
    assert!(tried < 1000 || (accepted > tried / 10 && accepted < tried), "{accepted} of {tried}");
}
