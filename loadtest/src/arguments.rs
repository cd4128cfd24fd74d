//! The command line. clap appears here and in the names of cases only.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::case::Case;
use crate::generate::DEFAULT_SEED;
use crate::generate::plan::{self, Plan};
use crate::http::Header;

/// Measures brink from outside: documents, a floor, comparisons, and load.
#[derive(Parser, Debug)]
#[command(name = "brink-loadtest", version)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand, Debug)]
pub enum Command {
    /// Write reproducible documents in the shape of GET /api/client/features.
    Generate(Generate),
    /// Serve one answer with the least possible work, as a floor to compare with.
    Bare(Bare),
    /// Measure bare, brink and a peer side by side with wrk.
    Compare(Compare),
    /// Measure CPU per request of brink with one worker and with two.
    Scale(Scale),
    /// Measure memory and CPU of idle connections.
    Idle(Idle),
    /// Measure what new connections cost, over TCP and over TLS.
    Handshakes(Handshakes),
    /// Measure the time from start to the first answer.
    Startup(Startup),
    /// Send requests on a fixed schedule and report latencies.
    Open(Open),
    /// Measure what reading the metrics costs those who read and those who are measured.
    Scrape(Scrape),
    /// Flood an edge with made-up tokens beside valid traffic, and judge what both see.
    Storm(Storm),
    /// Measure how fast a change reaches subscribers of a stream, and what they cost.
    Subscribers(Subscribers),
}

/// A document, or all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Size {
    Small,
    Large,
    Huge,
    All,
}

impl Size {
    pub fn plans(self) -> Vec<&'static Plan> {
        match self {
            Self::Small => vec![&plan::SMALL],
            Self::Large => vec![&plan::LARGE],
            Self::Huge => vec![&plan::HUGE],
            Self::All => plan::ALL.to_vec(),
        }
    }
}

#[derive(Args, Debug)]
pub struct Generate {
    pub size: Size,
    /// Folder to write into, as small.json and so on [default: the current one].
    #[arg(long, conflicts_with = "out")]
    pub dir: Option<PathBuf>,
    /// File for a single document; - is standard output.
    #[arg(long)]
    pub out: Option<PathBuf>,
    #[arg(long, default_value_t = DEFAULT_SEED)]
    pub seed: u64,
}

#[derive(Args, Debug)]
pub struct Bare {
    /// Port on 127.0.0.1.
    #[arg(long)]
    pub port: u16,
    /// File to answer with.
    #[arg(long, conflicts_with = "bytes")]
    pub body: Option<PathBuf>,
    /// Answer with so many bytes instead.
    #[arg(long, default_value_t = 0)]
    pub bytes: usize,
    /// Status of the answer; 204 and 304 have no body.
    #[arg(long, default_value_t = 200)]
    pub status: u16,
    /// Leave the body out, whatever its size.
    #[arg(long)]
    pub no_content: bool,
}

/// The servers of a measurement.
#[derive(Args, Debug)]
pub struct Servers {
    /// The brink program.
    #[arg(long)]
    pub brink: PathBuf,
    /// Another program with the command line of Unleash Edge.
    #[arg(long)]
    pub peer: Option<PathBuf>,
    /// Ask over HTTPS, with a certificate on ECDSA P-256 made for the run. The bare server stays what it is.
    #[arg(long)]
    pub tls: bool,
}

#[derive(Args, Debug)]
pub struct Rounds {
    /// Seconds of each round.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub seconds: u64,
    /// Rounds of which the median counts.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=100))]
    pub rounds: u16,
    /// Connections of wrk.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..))]
    pub connections: u16,
    /// Cases to measure [default: all but br].
    #[arg(long, value_delimiter = ',')]
    pub cases: Vec<Case>,
    #[arg(long, default_value_t = DEFAULT_SEED)]
    pub seed: u64,
    /// Write all figures as JSON, too.
    #[arg(long)]
    pub json: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub struct Compare {
    #[command(flatten)]
    pub servers: Servers,
    #[command(flatten)]
    pub rounds: Rounds,
    /// Documents to serve.
    #[arg(long, value_delimiter = ',', default_value = "all")]
    pub documents: Vec<Size>,
    /// Core of the servers.
    #[arg(long, default_value_t = 0)]
    pub server_core: usize,
    /// Core of wrk.
    #[arg(long, default_value_t = 1)]
    pub load_core: usize,
}

#[derive(Args, Debug)]
pub struct Scale {
    /// The brink program.
    #[arg(long)]
    pub brink: PathBuf,
    #[command(flatten)]
    pub rounds: Rounds,
    /// Documents to serve.
    #[arg(long, value_delimiter = ',', default_value = "small,large")]
    pub documents: Vec<Size>,
}

#[derive(Args, Debug)]
pub struct Idle {
    #[command(flatten)]
    pub servers: Servers,
    #[arg(long, default_value_t = 10_000)]
    pub connections: usize,
    /// Seconds over which CPU is counted, without and with connections.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub seconds: u64,
    /// Document that each connection asks for once.
    #[arg(long, default_value = "large")]
    pub document: Size,
}

#[derive(Args, Debug)]
pub struct Handshakes {
    /// The brink program.
    #[arg(long)]
    pub brink: PathBuf,
    /// Another program with the command line of Unleash Edge.
    #[arg(long)]
    pub peer: Option<PathBuf>,
    /// Seconds for each kind of connection.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub seconds: u64,
    /// Clients that connect again and again, each a thread.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub clients: u16,
    /// Core of the servers.
    #[arg(long, default_value_t = 0)]
    pub server_core: usize,
}

#[derive(Args, Debug)]
pub struct Startup {
    #[command(flatten)]
    pub servers: Servers,
    /// Number of starts.
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub rounds: u16,
    #[arg(long, default_value = "large")]
    pub document: Size,
}

#[derive(Args, Debug)]
pub struct Open {
    /// http:// address of a loopback host, with port and path.
    #[arg(long)]
    pub url: String,
    /// Requests per second.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub rate: u32,
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub seconds: u64,
    /// Stop after so many requests, if that comes first.
    #[arg(long)]
    pub count: Option<u64>,
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub connections: u16,
    /// `Name: value`, any number of times.
    #[arg(long = "header", short = 'H', value_parser = header)]
    pub headers: Vec<Header>,
}

#[derive(Args, Debug)]
pub struct Scrape {
    /// The brink program.
    #[arg(long)]
    pub brink: PathBuf,
    /// Shards that are asked.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub workers: u16,
    /// Requests per second meanwhile.
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub rate: u32,
    /// Scrapes under load, and as many without.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub scrapes: u32,
}

#[derive(Args, Debug)]
pub struct Storm {
    /// The brink to flood.
    #[arg(long)]
    pub brink: PathBuf,
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub workers: u16,
    /// Connections that bring made-up tokens.
    #[arg(long, default_value_t = 150, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub connections: u16,
    /// Made-up tokens per second, a new one with each request.
    #[arg(long, default_value_t = 5_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub rate: u32,
    /// Valid requests per second beside them.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub valid_rate: u32,
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(2..=3600))]
    pub seconds: u64,
    /// Milliseconds that upstream takes to validate.
    #[arg(long, default_value_t = 20)]
    pub upstream_ms: u64,
}

#[derive(Args, Debug)]
pub struct Subscribers {
    /// The brink program, started as an edge of a small upstream that this command brings along.
    #[arg(long, required_unless_present = "url", conflicts_with = "url")]
    pub brink: Option<PathBuf>,
    /// Worker threads of brink.
    #[arg(long, default_value_t = 2)]
    pub workers: usize,
    /// How brink learns of changes.
    #[arg(long, default_value = "streaming")]
    pub upstream: Leg,
    /// The document with the flag that changes.
    #[arg(long, default_value = "small")]
    pub document: Size,
    /// Instead of brink: http:// address of the stream of a server that runs already.
    #[arg(long, requires = "push")]
    pub url: Option<String>,
    /// Path at which that server takes an event, by POST, and sends it to all streams.
    #[arg(long)]
    pub push: Option<String>,
    /// Path of that server which other requests ask for.
    #[arg(long, default_value = "/")]
    pub probe: String,
    /// Token for that server.
    #[arg(long)]
    pub token: Option<String>,
    /// Process of that server, to read its memory.
    #[arg(long)]
    pub pid: Option<u32>,
    #[arg(long, default_value_t = 5_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub streams: u32,
    /// Seconds without changes, and again with them.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub seconds: u64,
    /// Milliseconds from one change to the next.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..=60_000))]
    pub pause_millis: u64,
    /// Other requests per second; 0 is none.
    #[arg(long, default_value_t = 200)]
    pub rate: u32,
    /// Threads of the subscribers [default: one per core].
    #[arg(long)]
    pub threads: Option<usize>,
}

/// How changes come from upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Leg {
    Polling,
    Streaming,
}

fn header(text: &str) -> Result<Header, &'static str> {
    text.parse()
}
