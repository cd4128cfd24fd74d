//! Options that are accepted and have no effect yet, and those that never will.
//!
//! The first kind is said once at start when given; where silence would do harm the program refuses to
//! start instead. When an option is built, its row goes from here. Details of an option (the password of
//! Redis, labels of pushed metrics) are not listed beside it. Ignored for good, as in Unleash Edge 20.4:
//! `sentry-*`, `datadog-url`, `consumption`, `desired-projects`, `prometheus-user-id`, and `delta-diff`.

use super::{
    option::Opt,
    options::{self, edge, program},
    settings::{Config, Mode},
    typed::CommandName,
};

/// Accepted, without effect yet.
static PENDING: &[&Opt] = &[
    &program::DISABLE_METRICS_BATCH_ENDPOINT,
    &program::DISABLE_METRICS_ENDPOINT,
    &program::DISABLE_INSTANCE_DATA_ENDPOINT,
    &program::OTEL_EXPORTER_OTLP_ENDPOINT,
    &program::OTEL_EXPORTER_OTLP_PROTOCOL,
    &program::EDGE_DEFER_TOKEN_VALIDATION,
    &edge::CLIENT_KEEPALIVE_TIMEOUT,
    &edge::METRICS_INTERVAL_SECONDS,
    &edge::BACKUP_FOLDER,
    &edge::BOOTSTRAP_FILE,
    &edge::REDIS_URL,
    &edge::REDIS_HOST,
    &edge::S3_BUCKET_NAME,
    &edge::STREAMING,
    &edge::DELTA,
    &edge::PROMETHEUS_REMOTE_WRITE_URL,
    &edge::UNLEASH_CLIENT_SECRET,
    &edge::UNLEASH_CLIENT_SECRET_FILE,
    &edge::DESIRED_ENVIRONMENTS,
];

/// The long names of the options of `command` that were given and have no effect yet.
pub fn pending(command: CommandName, given: impl Fn(&Opt) -> bool) -> Vec<&'static str> {
    // `offline` has a working option named like a pending one of `edge`: compare rows, not names.
    let is_accepted = |option: &Opt| {
        program::ALL.iter().chain(options::of(command)).any(|known| std::ptr::eq(*known, option))
    };
    let rows = PENDING.iter().filter(|option| is_accepted(option) && given(option));
    rows.map(|option| option.long).collect()
}

/// Why this configuration must not run yet: it asks for something that is not built in and whose silent absence
/// would do harm.
pub fn unsupported(config: &Config) -> Option<String> {
    let what = if matches!(config.mode, Mode::Health(_) | Mode::Ready(_)) {
        return None;
    } else if matches!(config.mode, Mode::Prepare(_)) {
        "offline prepare"
    } else {
        return None;
    };
    Some(format!("{what} is not built in yet"))
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
