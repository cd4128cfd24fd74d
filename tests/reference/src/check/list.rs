//! The bytes of the lists.
//!
//! Where no shown feature drew, the whole list must be equal to the byte. Otherwise it is cut into its toggles,
//! those that drew are left out, and the rest must be equal; put together again the cut list must be what it was.

use super::circumstances;
use crate::answer::Answer;
use crate::difference::{Compared, Difference, same};
use crate::oracle::toggle_json;
use crate::subject::{Circumstances, List, Subject};
use brink::evaluate::Context;
use brink::tokens::scope::Projects;
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::{BTreeMap, BTreeSet};

/// What a list must be made of.
pub struct Expected<'a> {
    /// The reference's answers.
    pub answers: &'a BTreeMap<String, Answer>,
    /// Features that brink drew for.
    pub drawn: &'a BTreeSet<String>,
    /// The projects of the token.
    pub projects: &'a Projects,
    /// The list asked for.
    pub list: List,
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

/// Compares the bytes of one list, and asks for it again in ways that must not change it.
pub fn check_list(subject: &mut Subject, context: &Context, expected: &Expected<'_>, seed: u64) -> Compared {
    let (bytes, used) = subject.list(expected.list, context, circumstances(expected.projects, seed));
    let text = String::from_utf8_lossy(&bytes).into_owned();
    if !expected.has_draw() {
        let theirs = document(&expected.toggles());
        same("list bytes", &text, &theirs)?;
    } else {
        let toggles = split(&text).ok_or_else(|| Difference::new("list is JSON", &text, &"toggles"))?;
        same("list form", &text, &document(&toggles))?;
        let heads: Vec<String> = expected.drawn.iter().map(|name| head(name)).collect();
        let is_steady = |toggle: &String| !heads.iter().any(|head| toggle.starts_with(head));
        let steady: Vec<String> = toggles.into_iter().filter(is_steady).collect();
        same("list without draws", &steady, &expected.toggles())?;
    }
    same("list owns up to draws", &used.draw, &expected.has_draw())?;
    same("list did not need the clock", &used.clock, &false)?;
    let again = again(subject, context, expected, seed, used.draw);
    same("list asked again", &again, &text)
}

/// The list once more, at another time, and with another seed if nothing was drawn. Every context has a time
/// of its own, so the clock has no say.
fn again(
    subject: &mut Subject,
    context: &Context,
    expected: &Expected<'_>,
    seed: u64,
    has_drawn: bool,
) -> String {
    let seed = if has_drawn { seed } else { !seed };
    let later = Circumstances { now_unix_ms: 0, ..circumstances(expected.projects, seed) };
    String::from_utf8_lossy(&subject.list(expected.list, context, later).0).into_owned()
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

/// What the toggle of this name begins with.
fn head(name: &str) -> String {
    format!("{{\"name\":{},", Value::from(name))
}
