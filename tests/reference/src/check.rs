//! What must be equal, for one document and one context.
//!
//! Features whose answer depended on a random draw are left out of every comparison with the reference: the
//! two sides draw different numbers. That the engine owns up to each draw is held by the comparison itself
//! (an answer drawn in secret differs sooner or later) and by asking it again with another seed.

use crate::answer::Answer;
use crate::oracle::{Oracle, toggle_json};
use crate::subject::{Circumstances, List, Subject};
use brink::evaluate::Context;
use brink::tokens::scope::Projects;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use unleash_types::client_features::Context as TheirContext;

/// A clock reading no generated date is near to.
pub const NOW_UNIX_MS: i64 = 1_700_000_000_000;

/// Something that is not equal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// What was compared.
    pub point: &'static str,
    /// The feature, if it is about one.
    pub feature: Option<String>,
    /// brink's answer.
    pub ours: Value,
    /// The reference's answer.
    pub theirs: Value,
}

/// What was compared so far.
#[derive(Debug, Default, Clone, Copy)]
pub struct Tally {
    /// Features compared, each in one context.
    pub compared: u64,
    /// Features left out because of a draw, each in one context.
    pub skipped: u64,
    /// Features compared that were on.
    pub enabled: u64,
    /// Features compared that had a variant.
    pub varied: u64,
    /// Malformed features, each counted once per state.
    pub malformed: u64,
    /// Features, each counted once per state.
    pub features: u64,
}

impl Tally {
    /// Share of answers left out, from 0 to 1.
    pub fn skipped_share(&self) -> f64 {
        self.skipped as f64 / ((self.compared + self.skipped).max(1)) as f64
    }

    fn count(&mut self, answer: &Answer) {
        self.compared += 1;
        self.enabled += u64::from(answer.enabled);
        self.varied += u64::from(answer.variant_enabled);
    }
}

/// One context and the circumstances it is asked in.
#[derive(Debug, Clone)]
pub struct Request {
    /// The context as JSON.
    pub context: Value,
    /// The projects of the token of the filtered lists.
    pub projects: Projects,
    /// Where brink's draws come from.
    pub seed: u64,
}

/// Compares everything that does not depend on a context.
pub fn check_state(subject: &Subject, oracle: &Oracle, tally: &mut Tally) -> Result<(), Difference> {
    let (ours, theirs) = (subject.malformed(), oracle.warned());
    tally.malformed += theirs.len() as u64;
    tally.features += subject.names().len() as u64;
    same("malformed features", None, &ours, theirs)
}

/// Compares all answers to one request.
pub fn check_request(
    subject: &mut Subject,
    oracle: &Oracle,
    request: &Request,
    tally: &mut Tally,
) -> Result<(), Difference> {
    let text = request.context.to_string();
    let theirs: TheirContext = match serde_json::from_str(&text) {
        Ok(context) => context,
        Err(_) => return Ok(()),
    };
    let ours = Context::from_json(text.as_bytes())
        .map_err(|error| differs("context", None, &error.to_string(), &"accepted"))?;
    let answers = oracle.resolve_all(&theirs);
    same("names", None, &subject.names(), &answers.keys().cloned().collect::<Vec<_>>())?;
    let drawn = check_features(subject, &ours, &answers, request, tally)?;
    check_single(subject, oracle, (&ours, &theirs), &drawn, request)?;
    for projects in [&Projects::All, &request.projects, &Projects::from_names::<&str>([])] {
        for list in [List::Enabled, List::All] {
            let expected = Expected { answers: &answers, drawn: &drawn, projects, list };
            check_list(subject, &ours, &expected, request.seed)?;
        }
    }
    Ok(())
}

/// Each feature by itself; gives the names of those that drew.
fn check_features(
    subject: &mut Subject,
    context: &Context,
    answers: &BTreeMap<String, Answer>,
    request: &Request,
    tally: &mut Tally,
) -> Result<BTreeSet<String>, Difference> {
    let mut drawn = BTreeSet::new();
    for (name, theirs) in answers {
        let circumstances = circumstances(&request.projects, request.seed);
        match subject.resolve(name, context, circumstances) {
            Some((_, used)) if used.draw => {
                tally.skipped += 1;
                drawn.insert(name.clone());
            }
            ours => {
                tally.count(theirs);
                same("feature", Some(name), &ours.map(|(answer, _)| answer), &Some(theirs))?;
            }
        }
    }
    Ok(drawn)
}

/// One feature picked by the seed, through the single look-ups of both sides; and one that does not exist.
fn check_single(
    subject: &mut Subject,
    oracle: &Oracle,
    (ours, theirs): (&Context, &TheirContext),
    drawn: &BTreeSet<String>,
    request: &Request,
) -> Result<(), Difference> {
    let names: Vec<String> = subject.names().into_iter().filter(|name| !drawn.contains(name)).collect();
    let pick = names.get((request.seed % names.len().max(1) as u64) as usize);
    for name in pick.into_iter().map(String::as_str).chain(["no such feature"]) {
        let answer = oracle.resolve(name, theirs);
        for projects in [&Projects::All, &request.projects, &Projects::from_names::<&str>([])] {
            // A token without projects sees lists, but no single feature.
            let is_seen = |answer: &&Answer| !projects.names().is_empty() && projects.sees(&answer.project);
            let theirs = answer.as_ref().filter(is_seen).map(|answer| toggle_json(name, answer));
            let bytes = subject.one(name, ours, circumstances(projects, request.seed));
            let ours = bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
            same("single feature", Some(name), &ours, &theirs)?;
        }
    }
    Ok(())
}

/// What a list must be made of.
struct Expected<'a> {
    answers: &'a BTreeMap<String, Answer>,
    drawn: &'a BTreeSet<String>,
    projects: &'a Projects,
    list: List,
}

impl Expected<'_> {
    fn shows(&self, answer: &Answer) -> bool {
        self.projects.sees(&answer.project) && (self.list == List::All || answer.enabled)
    }

    fn has_draw(&self) -> bool {
        let sees = |answer: &Answer| self.projects.sees(&answer.project);
        self.drawn.iter().any(|name| self.answers.get(name).is_some_and(sees))
    }

    /// The toggles that do not depend on a draw.
    fn toggles(&self) -> Vec<String> {
        let steady = self.answers.iter().filter(|(name, _)| !self.drawn.contains(*name));
        steady
            .filter(|(_, answer)| self.shows(answer))
            .map(|(name, answer)| toggle_json(name, answer))
            .collect()
    }
}

fn check_list(
    subject: &mut Subject,
    context: &Context,
    expected: &Expected<'_>,
    seed: u64,
) -> Result<(), Difference> {
    let (bytes, used) = subject.list(expected.list, context, circumstances(expected.projects, seed));
    let text = String::from_utf8_lossy(&bytes).into_owned();
    if !expected.has_draw() {
        let theirs = document(&expected.toggles());
        same("list bytes", None, &text, &theirs)?;
    } else {
        let toggles = split(&text).ok_or_else(|| differs("list is JSON", None, &text, &"toggles"))?;
        same("list form", None, &text, &document(&toggles))?;
        let is_steady = |toggle: &String| name_of(toggle).is_some_and(|name| !expected.drawn.contains(&name));
        let steady: Vec<String> = toggles.into_iter().filter(is_steady).collect();
        same("list without draws", None, &steady, &expected.toggles())?;
        same("list owns up to a draw", None, &used.draw, &true)?;
    }
    let again = subject.list(expected.list, context, circumstances(expected.projects, seed)).0;
    same("list asked twice", None, &String::from_utf8_lossy(&again), &text)?;
    if !used.draw {
        let again = subject.list(expected.list, context, circumstances(expected.projects, !seed)).0;
        same("list with another seed", None, &String::from_utf8_lossy(&again), &text)?;
    }
    let later = Circumstances { now_unix_ms: 0, ..circumstances(expected.projects, seed) };
    let again = subject.list(expected.list, context, later).0;
    // Every context has a time of its own, so the clock has no say.
    same("list at another time", None, &String::from_utf8_lossy(&again), &text)
}

fn document(toggles: &[String]) -> String {
    format!("{{\"toggles\":[{}]}}", toggles.join(","))
}

/// The toggles of a list, byte for byte.
fn split(text: &str) -> Option<Vec<String>> {
    let parsed: BTreeMap<&str, Vec<&RawValue>> = serde_json::from_str(text).ok()?;
    let toggles = parsed.get("toggles")?;
    Some(toggles.iter().map(|toggle| toggle.get().to_owned()).collect())
}

fn name_of(toggle: &str) -> Option<String> {
    let toggle: Value = serde_json::from_str(toggle).ok()?;
    Some(toggle.get("name")?.as_str()?.to_owned())
}

/// The usual circumstances.
pub fn circumstances(projects: &Projects, seed: u64) -> Circumstances<'_> {
    Circumstances { projects, now_unix_ms: NOW_UNIX_MS, seed }
}

/// Nothing, or the difference.
pub fn same<A: Serialize, B: Serialize>(
    point: &'static str,
    feature: Option<&str>,
    ours: &A,
    theirs: &B,
) -> Result<(), Difference> {
    let (ours, theirs) = (json!(ours), json!(theirs));
    let feature = feature.map(str::to_owned);
    if ours == theirs { Ok(()) } else { Err(Difference { point, feature, ours, theirs }) }
}

fn differs(
    point: &'static str,
    feature: Option<&str>,
    ours: &impl Serialize,
    theirs: &impl Serialize,
) -> Difference {
    Difference { point, feature: feature.map(str::to_owned), ours: json!(ours), theirs: json!(theirs) }
}
