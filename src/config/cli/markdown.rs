//! The help of all commands as one markdown page (`--markdown-help`, cli.md 5).
//!
//! Made from the clap definition, so that it lists exactly what is accepted. Hidden options are left out,
//! and options of the whole program are listed once, under the program.

use clap::{Arg, Command};

use super::PROGRAM_HEADING;

/// The page for the program `root`.
pub fn page(root: &Command) -> String {
    let name = root.get_bin_name().unwrap_or(root.get_name());
    let mut sections = Vec::new();
    collect(root, name, &mut sections);
    let overview: String = sections
        .iter()
        .map(|(path, _)| format!("* [`{path}`\u{21b4}](#{})\n", path.replace(' ', "-")))
        .collect();
    let bodies: String = sections.iter().map(|(path, command)| section(path, command)).collect();
    format!(
        "# Command-Line Help for `{name}`\n\n\
         This document contains the help content for the `{name}` command-line program.\n\n\
         **Command Overview:**\n\n{overview}\n{bodies}"
    )
}

fn collect<'a>(command: &'a Command, path: &str, sections: &mut Vec<(String, &'a Command)>) {
    sections.push((path.to_owned(), command));
    for inner in command.get_subcommands().filter(|inner| inner.get_name() != "help") {
        collect(inner, &format!("{path} {}", inner.get_name()), sections);
    }
}

fn section(path: &str, command: &Command) -> String {
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ");
    let subcommands: String = command.get_subcommands().map(subcommand).collect();
    let options: String =
        command.get_arguments().filter(|argument| is_listed(argument)).map(bullet).collect();
    let mut text = format!("## `{path}`\n\n{about}\n\n**Usage:** `{usage}`\n\n");
    if !subcommands.is_empty() {
        text.push_str(&format!("###### **Subcommands:**\n\n{subcommands}\n"));
    }
    if !options.is_empty() {
        text.push_str(&format!("###### **Options:**\n\n{options}\n"));
    }
    text
}

fn is_listed(argument: &Arg) -> bool {
    !argument.is_hide_set() && argument.get_help_heading() != Some(PROGRAM_HEADING)
}

fn subcommand(command: &Command) -> String {
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    format!("* `{}` \u{2014} {about}\n", command.get_name())
}

fn bullet(argument: &Arg) -> String {
    let short = argument.get_short().map(|letter| format!("`-{letter}`, ")).unwrap_or_default();
    let long = argument.get_long().unwrap_or_default();
    let value = match argument.get_value_names().and_then(<[_]>::first) {
        Some(name) if !argument.is_require_equals_set() => format!(" <{name}>"),
        _ => String::new(),
    };
    let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
    format!("* {short}`--{long}{value}` \u{2014} {help}\n")
}
