//! The command line as tables: what is typed and set, and what comes out (cli.md 1 to 5, 7 and 11).

mod accepted;
mod rejected;
mod scopes;

use std::{collections::HashMap, ffi::OsString};

use super::{Config, Exit, parse};

/// Splits at blanks; `\u{a0}` in a row stands for a blank within one argument.
fn words(line: &str) -> impl Iterator<Item = OsString> {
    line.split_ascii_whitespace().map(|word| OsString::from(word.replace('\u{a0}', " ")))
}

/// Parses `brink LINE` with `NAME=value` variables, one per element.
fn run(line: &str, variables: &[&str]) -> Result<Config, Exit> {
    let variables: HashMap<&str, &str> =
        variables.iter().map(|variable| variable.split_once('=').expect("NAME=value")).collect();
    let args = std::iter::once(OsString::from("/usr/bin/brink")).chain(words(line));
    parse(args, &|name| variables.get(name).map(OsString::from))
}
