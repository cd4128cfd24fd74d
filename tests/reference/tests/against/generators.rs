//! The generators: the same seed makes the same state, and both sides accept all of them.

use brink_reference::dice::Dice;
use brink_reference::document;
use brink_reference::oracle::Oracle;
use brink_reference::run::requests;
use brink_reference::shrink::{Case, is_fair};
use brink_reference::subject::Subject;

#[test]
fn the_same_seed_makes_the_same_state() {
    let text = |seed: u64| {
        let mut dice = Dice::seeded(seed);
        let state = document::state(&mut dice);
        let contexts: Vec<_> =
            requests(&mut dice, &state.plan, 3).into_iter().map(|request| request.context).collect();
        (state.document.to_string(), contexts)
    };
    assert_eq!(text(5), text(5));
    assert_ne!(text(5), text(6));
}

#[test]
fn generated_states_are_legal_and_comparable() {
    for seed in 0..40 {
        let mut dice = Dice::seeded(seed);
        let state = document::state(&mut dice);
        assert!(Oracle::compile(&state.document).is_ok(), "{seed}");
        assert!(Subject::compile(&state.document).is_ok(), "{seed}");
        for request in requests(&mut dice, &state.plan, 3) {
            assert!(is_fair(&Case { document: state.document.clone(), context: request.context }), "{seed}");
        }
    }
}
