//! The command line as clap sees it: names, help and usage; no value is parsed here.
//!
//! Made from the tables in `options`. clap splits the words and complains about unknown ones; every value
//! comes out as typed, because checks must treat variables alike and report all mistakes at once, which
//! clap does not. Options of the whole program are given to the program and to each command, so that they
//! may stand in both places; the later one wins, and a short name that a command uses itself is its own.

mod markdown;

use std::{ffi::OsString, path::Path};

use clap::{Arg, ArgAction, ArgMatches, Command, builder::OsStringValueParser, error::ErrorKind};

use super::{
    option::{Kind, Opt},
    options::{self, program},
    problem::Exit,
    typed::{CommandName, Typed},
};
use crate::tokens::token::Token;

const PROGRAM_HEADING: &str = "Options of the whole program";

/// A command line that could be read.
pub struct Line {
    /// The command.
    pub command: CommandName,
    /// What was given on the command line.
    pub typed: Typed,
    /// `Usage: ...` of the command, for error texts.
    pub usage: String,
}

/// Reads `args`, of which the first is the name of the program.
pub fn read(args: impl Iterator<Item = OsString>) -> Result<Line, Exit> {
    let args: Vec<OsString> = args.collect();
    let program = program_name(args.first());
    let mut root = definition(&program);
    let matches = root.try_get_matches_from_mut(args.iter()).map_err(|error| unreadable(&error, &args))?;
    let levels = levels(&matches);
    if levels.iter().any(|level| given(level, &program::MARKDOWN_HELP)) {
        return Err(Exit::Answer { text: markdown::page(&definition("unleash-edge")) });
    }
    let Some(command) = levels.last().and_then(|level| command_of(level.path)) else {
        return Err(Exit::Unreadable { text: root.render_help().to_string() });
    };
    let mut typed = Typed::default();
    for level in &levels {
        for option in program::ALL.iter().chain(options::of(command)) {
            typed.set(option, values(level, option));
        }
    }
    Ok(Line { command, typed, usage: format!("Usage: {}", usage(&program, command)) })
}

/// One command on the way from the program to the innermost command.
struct Level<'a> {
    path: &'static str,
    matches: &'a ArgMatches,
}

fn levels(root: &ArgMatches) -> Vec<Level<'_>> {
    let mut levels = vec![Level { path: "", matches: root }];
    let mut inner = root.subcommand();
    while let Some((name, matches)) = inner {
        let path = match name {
            "edge" => "edge",
            "offline" => "offline",
            "prepare" => "offline prepare",
            "health" => "health",
            _ => "ready",
        };
        levels.push(Level { path, matches });
        inner = matches.subcommand();
    }
    levels
}

fn command_of(path: &str) -> Option<CommandName> {
    match path {
        "edge" => Some(CommandName::Edge),
        "offline" => Some(CommandName::Offline),
        "offline prepare" => Some(CommandName::Prepare),
        "health" => Some(CommandName::Health),
        "ready" => Some(CommandName::Ready),
        _ => None,
    }
}

fn given(level: &Level<'_>, option: &'static Opt) -> bool {
    values(level, option).iter().any(|value| value == "true")
}

/// The values at this level; none if the option is unknown there or not given.
fn values(level: &Level<'_>, option: &'static Opt) -> Vec<OsString> {
    match level.matches.try_get_many::<OsString>(option.long) {
        Ok(Some(values)) => values.cloned().collect(),
        Ok(None) | Err(_) => Vec::new(),
    }
}

/// The file name of the program as it was called.
fn program_name(first: Option<&OsString>) -> String {
    let file_name = first.and_then(|path| Path::new(path).file_name());
    file_name.map_or_else(|| "brink".to_owned(), |name| name.to_string_lossy().into_owned())
}

fn definition(program: &str) -> Command {
    let prepare = command(program, CommandName::Prepare, "Write a bootstrap file from what upstream serves");
    Command::new("brink")
        .bin_name(program)
        .version(env!("CARGO_PKG_VERSION"))
        .about("Serves Unleash feature flags close to where they are used")
        .override_usage(format!("{program} [OPTIONS] <COMMAND>"))
        .args(program::ALL.iter().copied().filter_map(|option| argument(option, "")))
        .subcommand(command(program, CommandName::Edge, "Serve what upstream serves, and keep it fresh"))
        .subcommand(
            command(program, CommandName::Offline, "Serve a file")
                .disable_help_subcommand(true)
                .subcommand(prepare),
        )
        .subcommand(command(program, CommandName::Health, "Ask a running program whether it is alive"))
        .subcommand(command(program, CommandName::Ready, "Ask a running program whether it is ready"))
}

fn command(program: &str, name: CommandName, about: &'static str) -> Command {
    let own = options::of(name);
    let taken: String =
        own.iter().flat_map(|option| option.short.into_iter().chain(option.short_alias)).collect();
    let shared = program::ALL
        .iter()
        .copied()
        .filter_map(|option| argument(option, &taken).map(|argument| argument.help_heading(PROGRAM_HEADING)));
    Command::new(word(name))
        .about(about)
        .override_usage(usage(program, name))
        .args(own.iter().copied().filter_map(|option| argument(option, "")))
        .args(shared)
}

fn word(name: CommandName) -> &'static str {
    match name {
        CommandName::Edge => "edge",
        CommandName::Offline => "offline",
        CommandName::Prepare => "prepare",
        CommandName::Health => "health",
        CommandName::Ready => "ready",
    }
}

fn usage(program: &str, name: CommandName) -> String {
    match name {
        CommandName::Edge => format!("{program} edge [OPTIONS] --upstream-url <UPSTREAM_URL>"),
        CommandName::Prepare => {
            format!("{program} offline prepare [OPTIONS] --upstream-url <UPSTREAM_URL> --tokens <TOKENS>")
        }
        CommandName::Offline | CommandName::Health | CommandName::Ready => {
            format!("{program} {} [OPTIONS]", word(name))
        }
    }
}

/// The clap form of `option`, without the short names in `taken`; nothing for a mere variable.
fn argument(option: &'static Opt, taken: &str) -> Option<Arg> {
    let free = |letter: &char| !taken.contains(*letter);
    let argument = Arg::new(option.long).value_parser(OsStringValueParser::new()).hide(option.hidden);
    let argument = match option.kind {
        Kind::Variable => return None,
        Kind::Positional => return Some(argument.value_name(option.variable_name()).help(option.help)),
        Kind::Flag => {
            argument.num_args(0..=1).require_equals(true).default_missing_value("true").value_name("BOOL")
        }
        Kind::Value | Kind::Choice(_) => argument.value_name(option.variable_name()),
        Kind::List => argument.value_name(option.variable_name()).action(ArgAction::Append),
    };
    let mut argument = argument
        .long(option.long)
        .aliases(option.aliases.iter().copied())
        .help(help(option, " "))
        .long_help(help(option, "\n\n"));
    if let Some(letter) = option.short.filter(free) {
        argument = argument.short(letter);
    }
    if let Some(letter) = option.short_alias.filter(free) {
        argument = argument.short_alias(letter);
    }
    Some(argument)
}

/// The sentence, the variable, the default and the words, in the manner of clap.
fn help(option: &Opt, separator: &str) -> String {
    let mut text = format!("{}{separator}[env: {}]", option.help, option.variable_name());
    if !option.default.is_empty() {
        text.push_str(&format!(" [default: {}]", option.default));
    }
    if let Kind::Choice(words) = option.kind {
        text.push_str(&format!(" [possible values: {}]", words.join(", ")));
    }
    text
}

fn unreadable(error: &clap::Error, args: &[OsString]) -> Exit {
    let text = error.render().to_string();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Exit::Answer { text },
        _ => Exit::Unreadable { text: without_tokens(text, args) },
    }
}

/// Masks arguments that look like tokens: a list written with blanks instead of commas is the usual
/// mistake, and clap quotes its second word.
fn without_tokens(text: String, args: &[OsString]) -> String {
    let words = args.iter().filter_map(|arg| arg.to_str()).flat_map(|arg| arg.split([',', '=']));
    words
        .map(str::trim)
        .filter_map(|word| Token::parse(word).ok())
        .fold(text, |text, token| text.replace(token.text(), &token.to_string()))
}
