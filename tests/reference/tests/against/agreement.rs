//! Random states and contexts: the answers of both engines are equal.

use brink_reference::run::{Settings, run_misspelt, run_state};
use brink_reference::tally::Tally;

/// Share of answers that may be left out because of a draw, lest the test hollows itself out.
const SKIPPED_SHARE_MAX: f64 = 0.15;
/// A long run says how far it is after so many states.
const STATES_PER_NOTE: usize = 1_000;
/// Comparisons a run of the usual length must reach.
const COMPARED_MIN: u64 = 100_000;

#[test]
fn random_states_and_contexts() {
    let usual = 300;
    let settings = Settings::from_environment(usual);
    let mut tally = Tally::default();
    for (at, seed) in settings.seeds().enumerate() {
        run_state(seed, &mut tally);
        if (at + 1) % STATES_PER_NOTE == 0 {
            println!("{} states, {} comparisons so far", at + 1, tally.compared);
        }
    }
    print(settings, &tally);
    if settings.states >= usual {
        assert!(tally.skipped_share() < SKIPPED_SHARE_MAX, "{tally:?}");
        assert!(tally.compared >= COMPARED_MIN, "{tally:?}");
        assert!(has_substance(&tally), "{tally:?}");
    }
}

#[test]
fn values_that_are_nearly_right() {
    let usual = 60;
    let settings = Settings::from_environment(usual);
    let mut tally = Tally::default();
    for seed in settings.seeds() {
        run_misspelt(seed, &mut tally);
    }
    print(settings, &tally);
    if settings.states >= usual {
        assert!(tally.skipped_share() < SKIPPED_SHARE_MAX, "{tally:?}");
        let malformed = tally.malformed as f64 / tally.features as f64;
        assert!((0.1..0.6).contains(&malformed), "{tally:?}");
    }
}

/// Neither everything on nor everything off, and not most of it malformed.
fn has_substance(tally: &Tally) -> bool {
    let on = tally.enabled as f64 / tally.compared as f64;
    let varied = tally.varied as f64 / tally.compared as f64;
    let malformed = tally.malformed as f64 / tally.features as f64;
    (0.2..0.8).contains(&on) && varied > 0.1 && (0.01..0.3).contains(&malformed)
}

fn print(settings: Settings, tally: &Tally) {
    println!(
        "{} states from seed {}: {} comparisons, {:.1} % skipped; {:.1} % on, {:.1} % with a variant, {:.1} % of features malformed",
        settings.states,
        settings.seed,
        tally.compared,
        100.0 * tally.skipped_share(),
        100.0 * tally.enabled as f64 / tally.compared.max(1) as f64,
        100.0 * tally.varied as f64 / tally.compared.max(1) as f64,
        100.0 * tally.malformed as f64 / tally.features.max(1) as f64,
    );
}
