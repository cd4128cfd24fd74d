//! Servers side by side in one run: bare, brink, and a peer if there is one.
//!
//! All servers of a document run at the same time, and their rounds are interleaved (bare, brink,
//! peer, bare, brink, peer, ...), so that a machine that speeds up or slows down does so for all of
//! them. Figures are medians over the rounds. A server that is not being asked is idle.

mod report;

use std::path::Path;

pub use report::{Report, Row};
use tempfile::TempDir;

use crate::case::{Case, Learnt};
use crate::failure::Failure;
use crate::generate::plan::Plan;
use crate::generate::{self};
use crate::processes::{Launch, Program, Server};
use crate::sample::{self, Load, Sample};
use crate::wrk;

/// What to compare.
pub struct Comparison {
    /// The first one sets the size that the bare server answers with.
    pub launches: Vec<Launch>,
    pub with_bare: bool,
    pub documents: Vec<&'static Plan>,
    pub seed: u64,
    pub cases: Vec<Case>,
    pub rounds: usize,
    pub load: Load,
}

/// A server in one case.
struct Contender<'a> {
    label: String,
    server: &'a Server,
    learnt: Learnt,
    samples: Vec<Sample>,
}

/// Measures everything, one document after the other.
pub fn run(comparison: &Comparison) -> Result<Report, Failure> {
    wrk::require()?;
    let folder = TempDir::new().map_err(Failure::io("create a folder for documents"))?;
    let mut rows = Vec::new();
    for plan in &comparison.documents {
        let document = generate::write_into(folder.path(), plan, comparison.seed)?;
        rows.extend(one_document(comparison, plan.name, &document)?);
    }
    Ok(Report::new(comparison, rows))
}

fn one_document(comparison: &Comparison, name: &'static str, document: &Path) -> Result<Vec<Row>, Failure> {
    let start = |launch| Server::start(launch, document, comparison.load.server_core);
    let servers = comparison.launches.iter().map(start).collect::<Result<Vec<_>, _>>()?;
    let mut rows = Vec::new();
    for &case in &comparison.cases {
        eprintln!("measuring {name}, {}", case.name());
        rows.extend(one_case(comparison, name, case, &servers)?);
    }
    Ok(rows)
}

/// A server that does not answer the case as it should gets a row that says so; the others are
/// measured all the same.
fn one_case(
    comparison: &Comparison,
    document: &'static str,
    case: Case,
    servers: &[Server],
) -> Result<Vec<Row>, Failure> {
    let mut rows = Vec::new();
    let mut contenders = Vec::new();
    for (launch, server) in comparison.launches.iter().zip(servers) {
        match case.learn(server) {
            Ok(learnt) => {
                contenders.push(Contender { label: launch.label(), server, learnt, samples: vec![] })
            }
            Err(failure) => rows.push(Row::missing(document, case, launch.label(), failure.to_string())),
        }
    }
    let Some(first) = contenders.first() else { return Ok(rows) };
    let bare = bare_like(comparison, case, &first.learnt)?;
    if let Some((server, learnt)) = &bare {
        let label = Program::Bare.name().to_owned();
        contenders.insert(0, Contender { label, server, learnt: learnt.clone(), samples: vec![] });
    }
    measure_rounds(comparison, case, &mut contenders)?;
    let floor = bare.is_some().then(|| contenders.first()).flatten();
    let floor_micros = floor.map(|bare| sample::medians(&bare.samples).cpu_micros);
    let measured = contenders.iter().map(|contender| {
        let body_bytes = contender.learnt.answer.body_bytes;
        Row::measured(document, case, contender.label.clone(), body_bytes, &contender.samples, floor_micros)
    });
    Ok(measured.chain(rows).collect())
}

/// A bare server with an answer of the same size, unless none is wanted.
fn bare_like(
    comparison: &Comparison,
    case: Case,
    model: &Learnt,
) -> Result<Option<(Server, Learnt)>, Failure> {
    if !comparison.with_bare {
        return Ok(None);
    }
    let server = Server::start_bare(case.status(), model.answer.body_bytes, comparison.load.server_core)?;
    let answer =
        crate::probe::ask(server.endpoint(), &model.request).map_err(Failure::io("ask the bare server"))?;
    Ok(Some((server, Learnt { request: model.request.clone(), answer })))
}

fn measure_rounds(
    comparison: &Comparison,
    case: Case,
    contenders: &mut [Contender<'_>],
) -> Result<(), Failure> {
    let warm_up = Load { seconds: 1, ..comparison.load.clone() };
    for contender in contenders.iter() {
        sample::measure(contender.server, case, &contender.learnt, &warm_up)?;
    }
    for _ in 0..comparison.rounds {
        for contender in contenders.iter_mut() {
            let sample = sample::measure(contender.server, case, &contender.learnt, &comparison.load)?;
            contender.samples.push(sample);
        }
    }
    Ok(())
}
