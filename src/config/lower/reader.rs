//! Reads typed values one by one and keeps a list of what was wrong with them.
//!
//! Every reader returns something usable even when it has noted a problem, so that one run finds all of
//! them; the caller throws the result away if there are any. Secrets are masked before they are noted.

use std::{ffi::OsStr, path::PathBuf, str::FromStr, time::Duration};

use super::files::{elements, read_bounded};
use crate::{
    config::{
        option::{Kind, Opt},
        problem::{Problem, Reason},
        secret::Secret,
        typed::{Origin, Typed},
    },
    tokens::mask::mask,
};

/// A hundred years: longer durations would overflow sums of instants.
const SECONDS_MAX: u64 = 100 * 366 * 24 * 60 * 60;
const TRUE_WORDS: [&str; 6] = ["true", "1", "yes", "on", "t", "y"];
const FALSE_WORDS: [&str; 6] = ["false", "0", "no", "off", "f", "n"];

/// The values that were given, and the problems found so far.
pub struct Reader<'a> {
    typed: &'a Typed,
    /// What was wrong, in the order it was read.
    pub problems: Vec<Problem>,
    /// What is worth saying at start.
    pub notices: Vec<String>,
}

impl<'a> Reader<'a> {
    /// Starts without problems.
    pub fn new(typed: &'a Typed) -> Self {
        Self { typed, problems: Vec::new(), notices: Vec::new() }
    }

    /// Whether the option was given at all; a flag set to false was not.
    pub fn given(&self, option: &Opt) -> bool {
        let Some(given) = self.typed.of(option) else {
            return false;
        };
        option.kind != Kind::Flag
            || given.values.last().is_some_and(|value| boolean(&value.to_string_lossy()) != Some(false))
    }

    /// Notes a value that is not taken. `shown` must be fit to print.
    pub fn reject(&mut self, option: &'static Opt, shown: &str, reason: Reason) {
        let origin = self.typed.of(option).map_or(Origin::CommandLine, |given| given.origin.clone());
        self.problems.push(Problem::InvalidValue { option, origin, shown: shown.to_owned(), reason });
    }

    /// Notes each pair of options that were both given.
    pub fn exclude(&mut self, option: &'static Opt, other: &'static Opt) {
        if self.given(option) && self.given(other) {
            self.problems.push(Problem::Conflict { option, other });
        }
    }

    /// A boolean; false if not given.
    pub fn flag(&mut self, option: &'static Opt) -> bool {
        let Some(text) = self.text(option) else {
            return false;
        };
        boolean(&text).unwrap_or_else(|| {
            self.reject(option, &text, Reason::NotOneOf(&["true", "false"]));
            false
        })
    }

    /// A text without blanks around it, or the default if there is one.
    pub fn text(&mut self, option: &'static Opt) -> Option<String> {
        let text = self.raw(option).map(|text| text.trim().to_owned());
        text.or_else(|| (!option.default.is_empty()).then(|| option.default.to_owned()))
    }

    /// One of the words of the option, in any case; its default if not given.
    pub fn word(&mut self, option: &'static Opt) -> &'static str {
        let Kind::Choice(words) = option.kind else {
            return option.default;
        };
        let text = self.text(option).unwrap_or_default();
        let known = words.iter().find(|word| word.eq_ignore_ascii_case(&text));
        known.copied().unwrap_or_else(|| {
            self.reject(option, &text, Reason::NotOneOf(words));
            option.default
        })
    }

    /// An unsigned number; the default of the option if not given.
    pub fn number(&mut self, option: &'static Opt) -> Option<u64> {
        self.parsed(option)
    }

    /// A port.
    pub fn port(&mut self, option: &'static Opt) -> Option<u16> {
        let text = self.text(option)?;
        match text.parse::<i128>() {
            Ok(number) => u16::try_from(number).ok().or_else(|| {
                self.reject(option, &text, Reason::Text(format!("{number} is not in 0..=65535")));
                None
            }),
            Err(error) => {
                self.reject(option, &text, Reason::Text(error.to_string()));
                None
            }
        }
    }

    /// A number of seconds, cut to a hundred years.
    pub fn seconds(&mut self, option: &'static Opt) -> Duration {
        Duration::from_secs(self.number(option).unwrap_or_default().min(SECONDS_MAX))
    }

    /// A number of seconds that is a period: at least one.
    pub fn period(&mut self, option: &'static Opt) -> Duration {
        self.seconds(option).max(Duration::from_secs(1))
    }

    /// A number of milliseconds, cut to a hundred years.
    pub fn milliseconds(&mut self, option: &'static Opt) -> Duration {
        Duration::from_millis(self.number(option).unwrap_or_default().min(SECONDS_MAX * 1000))
    }

    /// Any other value that parses from text and may be printed.
    pub fn parsed<T>(&mut self, option: &'static Opt) -> Option<T>
    where
        T: FromStr,
        T::Err: ToString,
    {
        let text = self.text(option)?;
        text.parse()
            .inspect_err(|error: &T::Err| self.reject(option, &text, Reason::Text(error.to_string())))
            .ok()
    }

    /// A path; blanks before it come from `"-b path"` as one word and are dropped.
    pub fn path(&mut self, option: &'static Opt) -> Option<PathBuf> {
        let given = self.typed.of(option)?.values.last()?;
        Some(given.to_str().map_or_else(|| PathBuf::from(given), |text| PathBuf::from(text.trim_start())))
    }

    /// The elements of a list, trimmed, without empty ones; `None` if none is left.
    pub fn list(&mut self, option: &'static Opt) -> Option<Vec<String>> {
        let values = &self.typed.of(option)?.values;
        let texts: Option<Vec<&str>> = values.iter().map(|value| value.to_str()).collect();
        let Some(texts) = texts else {
            self.reject(option, "?", Reason::NotUtf8);
            return None;
        };
        let elements = texts.iter().flat_map(|text| elements(text, &[','])).collect::<Vec<_>>();
        (!elements.is_empty()).then_some(elements)
    }

    /// The elements that `read` accepts; the others are noted as they are.
    pub fn list_of<T>(
        &mut self,
        option: &'static Opt,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Option<Vec<T>> {
        let elements = self.list(option)?;
        Some(self.accept(option, &elements, read, |element| element.to_owned()))
    }

    /// As [`Self::list_of`] for secrets, which may come from a file instead, with commas or line ends
    /// between them.
    pub fn secret_list_of<T>(
        &mut self,
        option: &'static Opt,
        file: &'static Opt,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Option<Vec<T>> {
        self.exclude(option, file);
        let elements = match self.list(option) {
            Some(elements) => elements,
            None => elements(&self.secret_file(file)?, &[',', '\n']),
        };
        Some(self.accept(option, &elements, read, mask))
    }

    /// A password or another secret, exactly as typed, or the file that holds it without its line end.
    pub fn secret(&mut self, option: &'static Opt, file: &'static Opt) -> Option<Secret> {
        self.exclude(option, file);
        if let Some(text) = self.raw(option) {
            return Some(Secret::new(text));
        }
        let text = self.secret_file(file)?;
        Some(Secret::new(text.trim_end_matches(['\r', '\n'])))
    }

    fn accept<T>(
        &mut self,
        option: &'static Opt,
        elements: &[String],
        read: impl Fn(&str) -> Result<T, String>,
        shown: impl Fn(&str) -> String,
    ) -> Vec<T> {
        let mut accepted = Vec::with_capacity(elements.len());
        for element in elements {
            match read(element) {
                Ok(value) => accepted.push(value),
                Err(reason) => self.reject(option, &shown(element), Reason::Text(reason)),
            }
        }
        accepted
    }

    fn raw(&mut self, option: &'static Opt) -> Option<String> {
        let value = self.typed.of(option)?.values.last()?;
        match OsStr::to_str(value) {
            Some(text) => Some(text.to_owned()),
            None => {
                self.reject(option, "?", Reason::NotUtf8);
                None
            }
        }
    }

    fn secret_file(&mut self, option: &'static Opt) -> Option<String> {
        let path = self.path(option)?;
        match read_bounded(&path) {
            Ok(text) => Some(text),
            Err(error) => {
                self.problems.push(Problem::SecretFile { option, path, reason: error.to_string() });
                None
            }
        }
    }
}

/// The boolean words of cli.md 1.3, in any case.
pub fn boolean(text: &str) -> Option<bool> {
    let is_among = |words: &[&str]| words.iter().any(|word| word.eq_ignore_ascii_case(text.trim()));
    if is_among(&TRUE_WORDS) {
        Some(true)
    } else if is_among(&FALSE_WORDS) {
        Some(false)
    } else {
        None
    }
}
