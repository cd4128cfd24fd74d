//! Options that are accepted and have no effect yet, and those that never will.
//!
//! The first kind is said once at start when given. When an option is built, its row goes from here. Details of an option (the password of
//! Redis) are not listed beside it. Ignored for good, as in Unleash Edge 20.4:
//! `sentry-*`, `datadog-url`, `consumption`, `prometheus-user-id`, and `delta-diff`.

use super::{
    option::Opt,
    options::{self, edge, program},
    typed::CommandName,
};

/// Accepted, without effect yet.
static PENDING: &[&Opt] = &[&edge::STREAMING, &edge::DELTA];

/// The long names of the options of `command` that were given and have no effect yet.
pub fn pending(command: CommandName, given: impl Fn(&Opt) -> bool) -> Vec<&'static str> {
    // `offline` has a working option named like a pending one of `edge`: compare rows, not names.
    let is_accepted = |option: &Opt| {
        program::ALL.iter().chain(options::of(command)).any(|known| std::ptr::eq(*known, option))
    };
    let rows = PENDING.iter().filter(|option| is_accepted(option) && given(option));
    rows.map(|option| option.long).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readme_names_what_has_no_effect_yet() {
        let readme = include_str!("../../README.md");
        let (_, section) = readme.split_once("## What works now").unwrap();
        let (section, _) = section.split_once("\n## ").unwrap();
        for option in PENDING {
            let name = option.long.trim_end_matches("-file");
            let known = section.contains(&format!("`--{name}"))
                || section.contains(&format!("`{}`", option.variable_name()))
                || (name.starts_with("disable-") && section.contains("`--disable-…`"));
            assert!(known, "--{}", option.long);
        }
    }
}
