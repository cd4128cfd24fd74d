//! Every option of every command, as tables (cli.md 2, 3, 4 and 6).
//!
//! A name appears once, here: the clap definition, the variables, the help and the error texts are all
//! made from these rows. Options of the whole program are accepted before and after the command.

pub mod edge;
pub mod offline;
pub mod probe;
pub mod program;

use super::{option::Opt, typed::CommandName};

/// The options of one command besides those of the whole program.
pub fn of(command: CommandName) -> &'static [&'static Opt] {
    match command {
        CommandName::Edge => edge::ALL,
        CommandName::Offline => offline::ALL,
        CommandName::Prepare => offline::PREPARE,
        CommandName::Health | CommandName::Ready => probe::ALL,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    const COMMANDS: [CommandName; 5] = [
        CommandName::Edge,
        CommandName::Offline,
        CommandName::Prepare,
        CommandName::Health,
        CommandName::Ready,
    ];

    #[test]
    fn names_are_unique_within_a_command() {
        for command in COMMANDS {
            let mut seen = HashSet::new();
            for option in program::ALL.iter().chain(of(command)) {
                assert!(seen.insert(option.long), "{command:?}: {}", option.long);
            }
        }
    }

    #[test]
    fn every_listed_option_has_a_help_text() {
        for option in COMMANDS.iter().flat_map(|command| of(*command)).chain(program::ALL) {
            let variable_only = option.kind == crate::config::option::Kind::Variable;
            assert_eq!(option.help.is_empty(), variable_only, "{}", option.long);
        }
    }
}
