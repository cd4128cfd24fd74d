//! What must be equal, for one document and one context.
//!
//! Features whose answer depended on a random draw are left out of every comparison with the reference: the
//! two sides draw different numbers. That the engine owns up to each draw is held by the comparison itself
//! (an answer drawn in secret differs sooner or later) and by asking it again with another seed.

mod list;

use self::list::{Expected, check_list};
use crate::answer::Answer;
use crate::difference::{Compared, Difference, same, same_of};
use crate::oracle::{Oracle, toggle_json};
use crate::subject::{Circumstances, List, Subject};
use crate::tally::Tally;
use brink::evaluate::Context;
use brink::tokens::scope::Projects;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use unleash_types::client_features::Context as TheirContext;

/// A clock reading no generated date is near to.
pub const NOW_UNIX_MS: i64 = 1_700_000_000_000;

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
pub fn check_state(subject: &Subject, oracle: &Oracle, tally: &mut Tally) -> Compared {
    let (ours, theirs) = (subject.malformed(), oracle.warned());
    tally.malformed += theirs.len() as u64;
    tally.features += subject.names().len() as u64;
    same("malformed features", &ours, theirs)
}

/// Compares all answers to one request.
pub fn check_request(
    subject: &mut Subject,
    oracle: &Oracle,
    request: &Request,
    tally: &mut Tally,
) -> Compared {
    let text = request.context.to_string();
    let theirs: TheirContext = match serde_json::from_str(&text) {
        Ok(context) => context,
        Err(_) => return Ok(()),
    };
    let ours = Context::from_json(text.as_bytes())
        .map_err(|error| Difference::new("context", &error.to_string(), &"accepted"))?;
    let answers = oracle.resolve_all(&theirs);
    same("names", &subject.names(), &answers.keys().cloned().collect::<Vec<_>>())?;
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
) -> Compared<BTreeSet<String>> {
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
                same_of("feature", name, &ours.as_ref().map(|(answer, _)| answer), &Some(theirs))?;
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
) -> Compared {
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
            same_of("single feature", name, &ours, &theirs)?;
        }
    }
    Ok(())
}

/// The bytes that a request gets now, of all features it may see.
pub fn bytes_of(subject: &mut Subject, request: &Request) -> Option<Vec<u8>> {
    let context = Context::from_json(request.context.to_string().as_bytes()).ok()?;
    Some(subject.list(List::All, &context, circumstances(&request.projects, request.seed)).0)
}

/// The usual circumstances.
pub fn circumstances(projects: &Projects, seed: u64) -> Circumstances<'_> {
    Circumstances { projects, now_unix_ms: NOW_UNIX_MS, seed }
}
