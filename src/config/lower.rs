//! From what was typed to the checked `Config`: every value, every group and every conflict.
//!
//! All problems are collected and reported at once. Files are opened only where a secret is in one
//! (`--tokens-file` and its like); certificates, backups and bootstrap files are for those who use them.

mod backup;
mod edge;
pub mod files;
mod headers;
mod offline;
mod reader;
mod server;
mod telling;
mod upstream;

use self::reader::Reader;
use super::{
    cli::Line,
    options::{edge as edge_options, probe},
    problem::{Exit, Problem},
    settings::{Config, Mode, Probe},
    typed::CommandName,
};

/// Checks a command line whose variables are filled in.
pub fn lower(line: &Line) -> Result<Config, Exit> {
    let mut reader = Reader::new(&line.typed);
    let config = config(line.command, &mut reader);
    let mut problems = reader.problems;
    if matches!(line.command, CommandName::Health | CommandName::Ready) {
        // A probe listens nowhere: what a server could not start with does not concern it.
        problems.retain(Problem::is_usage);
    }
    match config {
        Some(config) if problems.is_empty() => Ok(config),
        _ => Err(Exit::Rejected { problems, usage: line.usage.clone() }),
    }
}

/// `None` only if a problem was noted.
fn config(command: CommandName, reader: &mut Reader<'_>) -> Option<Config> {
    let instance = server::instance(reader);
    let auth_headers = headers::auth_headers(reader);
    let server = server::server(reader, &auth_headers);
    let tls = server::tls(reader);
    let proxy_trust = server::proxy_trust(reader);
    let endpoints = server::endpoints(reader);
    let backstage = server::backstage(reader, server.interface);
    let stopping = server::stopping(reader);
    let otlp = telling::otlp(reader);
    let log_format = telling::log_format(reader);
    let access_log = telling::access_log(reader);
    let mode = match command {
        CommandName::Edge => {
            edge::edge(reader, &instance, &auth_headers).map(|edge| Mode::Edge(Box::new(edge)))
        }
        CommandName::Offline => Some(Mode::Offline(offline::offline(reader))),
        CommandName::Prepare => {
            offline::prepare(reader, &instance, &auth_headers).map(|prepare| Mode::Prepare(Box::new(prepare)))
        }
        CommandName::Health => Some(Mode::Health(probe(reader))),
        CommandName::Ready => Some(Mode::Ready(probe(reader))),
    };
    if reader.given(&edge_options::DELTA_DIFF) {
        reader.notices.push("--delta-diff (DELTA_DIFF) is ignored".to_owned());
    }
    Some(Config {
        mode: mode?,
        server,
        tls,
        proxy_trust,
        endpoints,
        backstage,
        stopping,
        instance,
        otlp,
        log_format,
        access_log,
        notices: std::mem::take(&mut reader.notices),
    })
}

fn probe(reader: &mut Reader<'_>) -> Probe {
    Probe {
        edge_url: reader.text(&probe::EDGE_URL).unwrap_or_default(),
        ca_certificate_file: reader.path(&probe::CA_CERTIFICATE_FILE),
    }
}
