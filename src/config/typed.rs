//! What was given: the values as typed, from the command line or the environment, by option.
//!
//! Precedence is decided here (command line, then variable; cli.md 1.2) and nothing is parsed. A variable
//! that is set but blank counts as not set. Defaults are not filled in: `given` means given.

use std::{
    collections::HashMap,
    ffi::{OsStr, OsString},
};

use super::option::Opt;

/// Looks a variable up; passed in so that parsing stays free of the process environment.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// The commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommandName {
    /// `edge`
    Edge,
    /// `offline`
    Offline,
    /// `offline prepare`
    Prepare,
    /// `health`
    Health,
    /// `ready`
    Ready,
}

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// An option on the command line.
    CommandLine,
    /// This environment variable.
    Variable(String),
}

/// The values of one option; at least one.
pub struct Given {
    /// Where they came from; one option has one origin.
    pub origin: Origin,
    /// As typed. A variable yields exactly one.
    pub values: Vec<OsString>,
}

/// Everything that was given for one command.
#[derive(Default)]
pub struct Typed {
    given: HashMap<&'static str, Given>,
}

impl Typed {
    /// Notes values of the command line; they replace what was noted for the option before.
    pub fn set(&mut self, option: &'static Opt, values: Vec<OsString>) {
        if !values.is_empty() {
            self.given.insert(option.long, Given { origin: Origin::CommandLine, values });
        }
    }

    /// Takes the variables of all `options` that the command line does not give.
    pub fn fill_from(&mut self, options: &[&'static Opt], environment: Environment<'_>) {
        for option in options {
            if self.given.contains_key(option.long) {
                continue;
            }
            let found = option.variable_names().find_map(|name| {
                let value = environment(&name).filter(|value| !is_blank(value))?;
                Some(Given { origin: Origin::Variable(name), values: vec![value] })
            });
            if let Some(given) = found {
                self.given.insert(option.long, given);
            }
        }
    }

    /// The values of `option`, if it was given.
    pub fn of(&self, option: &Opt) -> Option<&Given> {
        self.given.get(option.long)
    }
}

fn is_blank(value: &OsStr) -> bool {
    value.to_str().is_some_and(|text| text.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_wins_and_blank_variables_do_not_count() {
        static A: Opt = Opt::value("a", "x").aliases(&["old-a"]);
        let environment = |name: &str| match name {
            "A" => Some(OsString::from("  ")),
            "OLD_A" => Some(OsString::from("old")),
            _ => None,
        };
        let mut typed = Typed::default();
        typed.fill_from(&[&A], &environment);
        assert_eq!(typed.of(&A).map(|given| given.origin.clone()), Some(Origin::Variable("OLD_A".into())));
        typed.set(&A, vec!["new".into()]);
        typed.fill_from(&[&A], &environment);
        assert_eq!(typed.of(&A).map(|given| given.values.clone()), Some(vec!["new".into()]));
    }
}
