//! From the command line to the measurement, and its outcome to standard output.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use tempfile::TempDir;

use crate::arguments::{self, Command, Leg, Rounds, Servers, Size};
use crate::bare::{Bare, Response};
use crate::case::Case;
use crate::compare::{self, Comparison, Report};
use crate::failure::Failure;
use crate::generate::census::Census;
use crate::generate::plan::Plan;
use crate::generate::{self, DEFAULT_SEED};
use crate::http::Request;
use crate::open::{self, Order};
use crate::processes::{Launch, Program};
use crate::sample::Load;
use crate::subscribers::{Measure, Subject};
use crate::target;
use crate::{handshakes, idle, scrape, startup, storm, subscribers};

/// Carries a command out. A comparison in which a server failed ends with exit code 2.
pub fn run(command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Generate(arguments) => generate(&arguments)?,
        Command::Bare(arguments) => bare(&arguments)?,
        Command::Compare(arguments) => return compare(&arguments),
        Command::Scale(arguments) => return scale(&arguments),
        Command::Idle(arguments) => idle(&arguments)?,
        Command::Handshakes(arguments) => handshakes(&arguments)?,
        Command::Startup(arguments) => startup(&arguments)?,
        Command::Open(arguments) => open(arguments)?,
        Command::Scrape(arguments) => scrape(&arguments)?,
        Command::Storm(arguments) => return storm(&arguments),
        Command::Subscribers(arguments) => subscribers(arguments)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn generate(arguments: &arguments::Generate) -> Result<(), Failure> {
    let plans = arguments.size.plans();
    let Some(out) = &arguments.out else {
        let folder = arguments.dir.as_deref().unwrap_or(Path::new("."));
        fs::create_dir_all(folder).map_err(Failure::io(format!("create {}", folder.display())))?;
        return plans.into_iter().try_for_each(|plan| {
            let path = generate::write_into(folder, plan, arguments.seed)?;
            let text = fs::read_to_string(&path).map_err(Failure::io(format!("read {}", path.display())))?;
            println!("{}: {}", path.display(), Census::of(&text));
            Ok(())
        });
    };
    let [plan] = plans.as_slice() else {
        return Err(Failure::BadArgument {
            argument: "--out",
            problem: "takes one document; use --dir".to_owned(),
        });
    };
    write_out(out, generate::document(plan, arguments.seed).as_bytes())
}

fn write_out(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let written = if path == Path::new("-") { io::stdout().write_all(bytes) } else { fs::write(path, bytes) };
    written.map_err(Failure::io(format!("write {}", path.display())))
}

fn bare(arguments: &arguments::Bare) -> Result<(), Failure> {
    let body = match &arguments.body {
        _ if arguments.no_content => Vec::new(),
        Some(path) => fs::read(path).map_err(Failure::io(format!("read {}", path.display())))?,
        None => vec![b'x'; arguments.bytes],
    };
    let server = Bare::bind(arguments.port, Response::new(arguments.status, body))
        .map_err(Failure::io(format!("listen on port {}", arguments.port)))?;
    let port = server.port().map_err(Failure::io("read the port"))?;
    eprintln!("bare server on http://127.0.0.1:{port}");
    server.run().map_err(Failure::io("wait for events"))
}

fn compare(arguments: &arguments::Compare) -> Result<ExitCode, Failure> {
    let comparison = Comparison {
        launches: launches(&arguments.servers),
        with_bare: true,
        documents: plans(&arguments.documents),
        load: Load {
            server_core: Some(arguments.server_core),
            load_core: Some(arguments.load_core),
            ..unpinned(&arguments.rounds, 1)
        },
        ..of_rounds(&arguments.rounds)
    };
    conclude(&compare::run(&comparison)?, arguments.rounds.json.as_deref())
}

/// Nothing is pinned here: two workers and two threads of wrk share two cores, so requests per
/// second say little and CPU per request is the figure to look at.
fn scale(arguments: &arguments::Scale) -> Result<ExitCode, Failure> {
    let launch =
        |workers| Launch { program: Program::Brink, path: arguments.brink.clone(), workers, tls: false };
    let comparison = Comparison {
        launches: vec![launch(1), launch(2)],
        documents: plans(&arguments.documents),
        load: unpinned(&arguments.rounds, 2),
        ..of_rounds(&arguments.rounds)
    };
    conclude(&compare::run(&comparison)?, arguments.rounds.json.as_deref())
}

fn of_rounds(rounds: &Rounds) -> Comparison {
    let cases = if rounds.cases.is_empty() { Case::STANDARD.to_vec() } else { rounds.cases.clone() };
    Comparison {
        launches: Vec::new(),
        with_bare: false,
        documents: Vec::new(),
        seed: rounds.seed,
        cases,
        rounds: usize::from(rounds.rounds),
        load: unpinned(rounds, 1),
    }
}

fn unpinned(rounds: &Rounds, threads: usize) -> Load {
    let (seconds, connections) = (rounds.seconds, usize::from(rounds.connections));
    Load { seconds, connections, threads, server_core: None, load_core: None }
}

fn plans(sizes: &[Size]) -> Vec<&'static Plan> {
    sizes.iter().flat_map(|size| size.plans()).collect()
}

fn launches(servers: &Servers) -> Vec<Launch> {
    programs(&servers.brink, servers.peer.as_ref(), servers.tls)
}

fn programs(brink: &Path, peer: Option<&PathBuf>, tls: bool) -> Vec<Launch> {
    let launch = |program, path: &Path| Launch { program, path: path.to_owned(), workers: 1, tls };
    let brink = std::iter::once(launch(Program::Brink, brink));
    brink.chain(peer.map(|path| launch(Program::Peer, path))).collect()
}

fn handshakes(arguments: &arguments::Handshakes) -> Result<(), Failure> {
    let load = handshakes::Load {
        seconds: arguments.seconds,
        clients: usize::from(arguments.clients),
        server_core: arguments.server_core,
    };
    with_document(Size::Small, |document| {
        let launches = |tls| programs(&arguments.brink, arguments.peer.as_ref(), tls);
        [launches(false), launches(true)].concat().iter().try_for_each(|launch| {
            handshakes::measure(launch, document, &load)?.iter().for_each(|outcome| println!("{outcome}"));
            Ok(())
        })
    })
}

fn conclude(report: &Report, json: Option<&Path>) -> Result<ExitCode, Failure> {
    println!("{report}");
    if let Some(path) = json {
        let text = serde_json::to_vec_pretty(report)
            .map_err(|error| Failure::Io { action: "write JSON".to_owned(), source: error.into() })?;
        write_out(path, &text)?;
    }
    Ok(if report.has_faults() { ExitCode::from(2) } else { ExitCode::SUCCESS })
}

fn idle(arguments: &arguments::Idle) -> Result<(), Failure> {
    with_document(arguments.document, |document| {
        launches(&arguments.servers).iter().try_for_each(|launch| {
            println!("{}", idle::measure(launch, document, arguments.connections, arguments.seconds)?);
            Ok(())
        })
    })
}

fn startup(arguments: &arguments::Startup) -> Result<(), Failure> {
    with_document(arguments.document, |document| {
        launches(&arguments.servers).iter().try_for_each(|launch| {
            println!("{}", startup::measure(launch, document, usize::from(arguments.rounds))?);
            Ok(())
        })
    })
}

fn with_document(size: Size, measure: impl Fn(&Path) -> Result<(), Failure>) -> Result<(), Failure> {
    let folder = TempDir::new().map_err(Failure::io("create a folder for documents"))?;
    size.plans().into_iter().try_for_each(|plan| {
        println!("document {}", plan.name);
        measure(&generate::write_into(folder.path(), plan, DEFAULT_SEED)?)
    })
}

fn open(arguments: arguments::Open) -> Result<(), Failure> {
    let target = target::target(&arguments.url)?;
    let order = Order {
        target: target.address,
        request: Request { headers: arguments.headers, ..Request::new(&target.path) },
        fresh: false,
        rate: arguments.rate,
        duration: Duration::from_secs(arguments.seconds),
        count_max: arguments.count,
        connections: usize::from(arguments.connections),
    };
    println!("{}", open::run(&order)?);
    Ok(())
}

fn scrape(arguments: &arguments::Scrape) -> Result<(), Failure> {
    let workers = usize::from(arguments.workers);
    let launch = Launch { program: Program::Brink, path: arguments.brink.clone(), workers, tls: false };
    with_document(Size::Small, |document| {
        let (rate, scrapes) = (arguments.rate, arguments.scrapes);
        println!("{}", scrape::measure(&scrape::Reading { launch: &launch, document, rate, scrapes })?);
        Ok(())
    })
}

fn storm(arguments: &arguments::Storm) -> Result<ExitCode, Failure> {
    let outcome = storm::measure(&storm::Weather {
        brink: arguments.brink.clone(),
        workers: usize::from(arguments.workers),
        connections: usize::from(arguments.connections),
        rate: arguments.rate,
        valid_rate: arguments.valid_rate,
        duration: Duration::from_secs(arguments.seconds),
        upstream_takes: Duration::from_millis(arguments.upstream_ms),
    })?;
    println!("{outcome}");
    Ok(if outcome.is_calm() { ExitCode::SUCCESS } else { ExitCode::from(2) })
}

fn subscribers(arguments: arguments::Subscribers) -> Result<(), Failure> {
    let streams = usize::try_from(arguments.streams).unwrap_or(usize::MAX);
    idle::raise_descriptor_limit(streams)?;
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    let measure = Measure {
        streams,
        seconds: arguments.seconds,
        pause: Duration::from_millis(arguments.pause_millis),
        rate: arguments.rate,
        threads: arguments.threads.unwrap_or_else(cores),
        settle: Duration::from_secs(2),
        subject: subject(arguments)?,
    };
    println!("{}", subscribers::measure(&measure)?);
    Ok(())
}

fn subject(arguments: arguments::Subscribers) -> Result<Subject, Failure> {
    if let Some(url) = &arguments.url {
        let target = target::target(url)?;
        return Ok(Subject::Running {
            address: target.address,
            path: target.path,
            push: arguments.push.unwrap_or_default(),
            probe: arguments.probe,
            token: arguments.token,
            pid: arguments.pid,
        });
    }
    let plans = arguments.document.plans();
    let [plan] = plans.as_slice() else {
        return Err(Failure::BadArgument {
            argument: "--document",
            problem: "takes one document".to_owned(),
        });
    };
    Ok(Subject::Brink {
        path: arguments.brink.unwrap_or_default(),
        workers: arguments.workers,
        streaming: arguments.upstream == Leg::Streaming,
        document: generate::document(plan, DEFAULT_SEED),
    })
}
