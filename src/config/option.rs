//! One command-line option as a table row: its spellings, its kind, its default and its help.
//!
//! Rows are constants in `options`; `cli` turns them into a clap definition, `typed` looks their
//! variables up, `lower` reads their values. A row knows no parser library and no checked type, so that
//! flag, variable, default and error text can never disagree.

/// What may be written after an option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A boolean: presence, or `--flag=true|false`.
    Flag,
    /// One value.
    Value,
    /// One of a few words.
    Choice(&'static [&'static str]),
    /// Comma separated, repeated, or both.
    List,
    /// One value without an option name; it has no variable.
    Positional,
    /// Only a variable, no option (`EDGE_HOSTING` and its like).
    Variable,
}

/// One option of the command line and its environment variable.
#[derive(Debug, PartialEq, Eq)]
pub struct Opt {
    /// Long name without dashes; also the identity of the option.
    pub long: &'static str,
    /// Short name, where one is documented.
    pub short: Option<char>,
    /// Short name of older releases: accepted, not listed.
    pub short_alias: Option<char>,
    /// Long names of older releases: accepted as flags and as variables, not listed.
    pub aliases: &'static [&'static str],
    /// What may follow.
    pub kind: Kind,
    /// Default as it would be typed; empty where there is none.
    pub default: &'static str,
    /// One sentence without a full stop.
    pub help: &'static str,
    /// Not listed in any help.
    pub hidden: bool,
}

impl Opt {
    /// A boolean flag, off unless given.
    pub const fn flag(long: &'static str, help: &'static str) -> Self {
        Self::new(long, Kind::Flag, help)
    }

    /// An option with one value.
    pub const fn value(long: &'static str, help: &'static str) -> Self {
        Self::new(long, Kind::Value, help)
    }

    /// An option with a list of values.
    pub const fn list(long: &'static str, help: &'static str) -> Self {
        Self::new(long, Kind::List, help)
    }

    /// An option with one of `words`; the first one is the default.
    pub const fn choice(long: &'static str, words: &'static [&'static str], help: &'static str) -> Self {
        let mut option = Self::new(long, Kind::Choice(words), help);
        if let Some(first) = words.first() {
            option.default = first;
        }
        option
    }

    /// A setting that exists as a variable only; `long` still spells its name.
    pub const fn variable(long: &'static str) -> Self {
        Self::new(long, Kind::Variable, "")
    }

    /// A value without an option name.
    pub const fn positional(long: &'static str, help: &'static str) -> Self {
        Self::new(long, Kind::Positional, help)
    }

    const fn new(long: &'static str, kind: Kind, help: &'static str) -> Self {
        Self { long, short: None, short_alias: None, aliases: &[], kind, default: "", help, hidden: false }
    }

    /// Adds the short name.
    pub const fn short(mut self, letter: char) -> Self {
        self.short = Some(letter);
        self
    }

    /// Adds a short name that is accepted but not listed.
    pub const fn short_alias(mut self, letter: char) -> Self {
        self.short_alias = Some(letter);
        self
    }

    /// Adds long names that are accepted but not listed.
    pub const fn aliases(mut self, names: &'static [&'static str]) -> Self {
        self.aliases = names;
        self
    }

    /// Sets the default, as it would be typed.
    pub const fn default(mut self, text: &'static str) -> Self {
        self.default = text;
        self
    }

    /// Leaves the option out of every help text.
    pub const fn hidden(mut self) -> Self {
        self.hidden = true;
        self
    }

    /// The environment variable: the long name in upper case with `_` (cli.md 1.2).
    pub fn variable_name(&self) -> String {
        variable_of(self.long)
    }

    /// The variable and those of the aliases, the real one first.
    pub fn variable_names(&self) -> impl Iterator<Item = String> {
        let named = self.kind != Kind::Positional;
        let aliases = self.aliases.iter().copied().map(variable_of);
        std::iter::once(self.variable_name()).chain(aliases).filter(move |_| named)
    }

    /// The option as error texts write it: `--port <PORT>`, `--strict`, `[PEM_FILE]`.
    pub fn signature(&self) -> String {
        match self.kind {
            Kind::Flag => format!("--{}", self.long),
            Kind::Positional => format!("[{}]", self.variable_name()),
            Kind::Variable => self.variable_name(),
            Kind::Value | Kind::Choice(_) | Kind::List => {
                format!("--{} <{}>", self.long, self.variable_name())
            }
        }
    }
}

fn variable_of(long: &str) -> String {
    long.to_ascii_uppercase().replace('-', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_follows_the_long_name() {
        static OPTION: Opt = Opt::value("cors-max-age", "x").aliases(&["cors_age"]);
        assert_eq!(OPTION.variable_names().collect::<Vec<_>>(), ["CORS_MAX_AGE", "CORS_AGE"]);
        assert_eq!(OPTION.signature(), "--cors-max-age <CORS_MAX_AGE>");
        assert_eq!(Opt::flag("strict", "x").signature(), "--strict");
        assert_eq!(Opt::positional("pem-file", "x").signature(), "[PEM_FILE]");
        assert_eq!(Opt::positional("pem-file", "x").variable_names().count(), 0);
    }
}
