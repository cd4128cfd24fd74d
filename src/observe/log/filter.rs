//! The filter of `RUST_LOG`, with the targets of Unleash Edge as aliases of ours.
//!
//! A filter that is not understood never stops the program: the parts that are understood count, and if
//! there are none the default does. HTTP clients only warn, whatever the filter says: their debug lines hold
//! whole heads, with our keys in them, and upstream may have put our tokens into one. The TLS library warns of what its
//! peers do, and any stranger could fill the log with that: it is heard only by those who name it.

use tracing_subscriber::{EnvFilter, filter::Directive};

/// Our own lines at info. Libraries only warn: at info they add nothing an operator needs.
const DEFAULT: &str = "info,rustls=error,glommio=warn";
/// The HTTP clients, which say no more than warnings. A target stands for all that begin with it.
const CLIENTS: [&str; 5] = ["h2", "hyper", "tonic", "tower", "ureq"];
/// The TLS library, and its lines that tell of a fault of ours.
const TLS: &str = "rustls";
const TLS_ONLY_FAILS: &str = "rustls=error";
const ALIAS: &str = "unleash_edge";
const OURS: &str = "brink";

/// The filter and the parts that were not understood.
pub fn parse(text: Option<&str>) -> (EnvFilter, Vec<String>) {
    let mut refused = Vec::new();
    let mut directives = Vec::new();
    for part in parts(text.unwrap_or_default()) {
        match translated(part).parse::<Directive>() {
            Ok(directive) if !reaches_clients(part) => directives.push(directive),
            _ => refused.push(part.to_owned()),
        }
    }
    if !directives.is_empty() && !parts(text.unwrap_or_default()).any(|part| part.starts_with(TLS)) {
        directives.extend(TLS_ONLY_FAILS.parse());
    }
    // Starts from a filter without directives of its own; an empty text would mean "error".
    let base = EnvFilter::new(if directives.is_empty() { DEFAULT } else { "off" });
    directives.extend(CLIENTS.iter().filter_map(|client| format!("{client}=warn").parse().ok()));
    (directives.into_iter().fold(base, EnvFilter::add_directive), refused)
}

/// A directive for spans of any target reaches those of the clients, too.
fn reaches_clients(part: &str) -> bool {
    part.starts_with('[') || CLIENTS.iter().any(|client| part.starts_with(client))
}

/// Splits at commas that are not inside of `[span{field=value,...}]`.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0_usize;
    text.split(move |letter| {
        match letter {
            '[' | '{' => depth += 1,
            ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        letter == ',' && depth == 0
    })
    .map(str::trim)
    .filter(|part| !part.is_empty())
}

/// Puts our name in place of a target of Unleash Edge, whatever module it names: theirs are not ours.
fn translated(directive: &str) -> String {
    let ends = directive.find(['=', '[']).unwrap_or(directive.len());
    let (target, rest) = directive.split_at(ends);
    let follows = target.strip_prefix(ALIAS);
    let is_alias = follows.is_some_and(|rest| rest.is_empty() || rest.starts_with(['_', ':']));
    if is_alias { format!("{OURS}{rest}") } else { directive.to_owned() }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn check(text: Option<&str>, expected: &str, expected_refused: &[&str]) {
        let (filter, refused) = parse(text);
        let sorted = |text: &str| text.split(',').map(str::to_owned).collect::<BTreeSet<_>>();
        let expected = format!("{expected},h2=warn,hyper=warn,tonic=warn,tower=warn,ureq=warn");
        assert_eq!(sorted(&filter.to_string()), sorted(&expected), "{text:?}");
        assert_eq!(refused, expected_refused, "{text:?}");
    }

    #[test]
    fn filters() {
        check(None, DEFAULT, &[]);
        check(Some(""), DEFAULT, &[]);
        check(Some(" , "), DEFAULT, &[]);
        check(Some("debug"), "debug,rustls=error", &[]);
        check(Some("off"), "off,rustls=error", &[]);
        check(Some("warn,unleash_edge=debug"), "warn,brink=debug,rustls=error", &[]);
        check(Some("warn,unleash_edge_http::server=trace"), "warn,brink=trace,rustls=error", &[]);
        check(Some("warn,unleash_edges=trace"), "warn,unleash_edges=trace,rustls=error", &[]);
        check(Some("warn,brink::serve=trace"), "warn,brink::serve=trace,rustls=error", &[]);
        check(Some("warn,rustls::server=debug"), "warn,rustls::server=debug", &[]);
    }

    #[test]
    fn parts_that_are_not_understood_are_named_and_dropped() {
        check(Some("warn,brink=loud"), "warn,rustls=error", &["brink=loud"]);
        check(Some("=,brink=loud"), DEFAULT, &["=", "brink=loud"]);
    }

    #[test]
    fn the_http_client_cannot_be_made_to_print_heads() {
        check(Some("trace"), "trace,rustls=error", &[]);
        check(
            Some("warn,ureq=trace,ureq::run=debug"),
            "warn,rustls=error",
            &["ureq=trace", "ureq::run=debug"],
        );
        check(Some("ureq_proto=trace"), DEFAULT, &["ureq_proto=trace"]);
        check(Some("info,[send{id=1}]=trace"), "info,rustls=error", &["[send{id=1}]=trace"]);
        check(
            Some("info,hyper_util=trace,h2::codec=debug"),
            "info,rustls=error",
            &["hyper_util=trace", "h2::codec=debug"],
        );
    }

    #[test]
    fn commas_inside_of_spans_do_not_split() {
        let found: Vec<&str> = parts("a[s{x=1,y=2}]=debug, info").collect();
        assert_eq!(found, ["a[s{x=1,y=2}]=debug", "info"]);
    }
}
