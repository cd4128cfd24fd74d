//! Both halves of streaming together: an upstream that changes all the time and goes wrong in every way a stream can, the real
//! binary, and 1,000 subscribers that come and go.
//!
//! The promise under test: none misses the last state. Every ten seconds or so upstream is quiet, and then each subscriber
//! has to hold exactly what upstream has for its projects and its prefix, within [`PATIENCE`], and for a while. Streams are
//! never ended by brink, no request is refused, no flag comes before its segment, and nothing is left behind of those who left.
//!
//!     cargo test --test soak -- --nocapture                            # a minute
//!     BRINK_SOAK_SECONDS=3600 cargo test --test soak -- --nocapture    # an hour
//!     BRINK_SOAK_SEED=… cargo test --test soak -- --nocapture          # what happens, not when it meets what

#[path = "support/brink.rs"]
#[allow(dead_code, reason = "each test binary uses another part of it")]
mod brink;
#[path = "soak/content.rs"]
mod content;
#[path = "soak/crowd.rs"]
mod crowd;
#[path = "support/model_unleash.rs"]
mod model_unleash;
#[path = "support/scrape.rs"]
mod scrape;
#[path = "soak/storm.rs"]
mod storm;
#[path = "support/streaming_upstream.rs"]
mod streaming_upstream;
#[path = "soak/subscriber.rs"]
mod subscriber;

use std::{
    env, fs, thread,
    time::{Duration, Instant},
};

use brink::Brink;
use content::{Content, Sight};
use crowd::Crowd;
use model_unleash::Unleash;
use rand::{SeedableRng, rngs::SmallRng};
use scrape::Scrape;
use storm::Storm;
use streaming_upstream::{DELTA, FEATURES, Request, STREAMING, StreamingUpstream};

const SUBSCRIBERS: usize = 1_000;
/// A storm, and what comes until it is quiet.
const STORM: Duration = Duration::from_secs(8);
/// How long the last state may take to everybody: a list to compare with is fetched up to 10 s after a resumption, and then a
/// second and a third one, each a refresh interval later.
const PATIENCE: Duration = Duration::from_secs(25);
/// Everybody has to hold it still, then.
const STAYS: Duration = Duration::from_millis(500);
/// What brink's memory may grow by from the first quiet time to the last.
const GROWTH_KB: u64 = 48 << 10;

const ALL: &str = "*:development.s3cret-for-everything-00001";
const P1: &str = "p1:development.s3cret-for-project-one-0001";
const P2: &str = "p2:development.s3cret-for-project-two-0001";
const SOME: &str = "[]:development.s3cret-for-some-projects-01";

static SIGHTS: [Sight; 7] = [
    Sight { token: ALL, projects: &[], prefix: "" },
    Sight { token: P1, projects: &["p1"], prefix: "" },
    Sight { token: P2, projects: &["p2"], prefix: "" },
    Sight { token: SOME, projects: &["p1", "p3"], prefix: "" },
    Sight { token: ALL, projects: &[], prefix: "a." },
    Sight { token: SOME, projects: &["p1", "p3"], prefix: "b." },
    Sight { token: P2, projects: &["p2"], prefix: "b.1" },
];

#[test]
fn whoever_comes_and_goes_nobody_misses_the_last_state() {
    let seed = variable("BRINK_SOAK_SEED").unwrap_or_else(rand::random);
    let seconds = variable("BRINK_SOAK_SECONDS").unwrap_or(60);
    eprintln!("BRINK_SOAK_SEED={seed} BRINK_SOAK_SECONDS={seconds}");
    let up = StreamingUpstream::start(ALL, Unleash::new(40));
    up.admit(P1, &["p1"]);
    up.admit(P2, &["p2"]);
    up.admit(SOME, &["p1", "p3"]);
    let mut storm = Storm::new(&up, SmallRng::seed_from_u64(seed));
    storm.fill();
    let brink = edge(&up);
    let crowd = Crowd::start(SUBSCRIBERS, &SIGHTS, brink.address, seed.wrapping_add(1));
    let mut soak = Soak { up: &up, brink, crowd, slowest: Duration::ZERO, quiet: 0, rss: Vec::new() };
    let end = Instant::now() + Duration::from_secs(seconds);
    while Instant::now() < end {
        storm.rage(Instant::now() + STORM);
        soak.rest(&storm.lately);
        soak.crowd.storms();
    }
    soak.end(&storm);
}

fn variable(name: &str) -> Option<u64> {
    let text = env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

fn edge(up: &StreamingUpstream) -> Brink {
    let url = up.url();
    let arguments = ["--workers", "2", "edge", "-u", &url, "-t", ALL, "--streaming"];
    let brink = Brink::start(&[&arguments[..], &["--features-refresh-interval-seconds", "1"]].concat());
    for token in [ALL, P1, P2, SOME] {
        brink.get_until(FEATURES, &[("authorization", token)], |answer| answer.status == 200);
    }
    brink
}

struct Soak<'u> {
    up: &'u StreamingUpstream,
    brink: Brink,
    crowd: Crowd,
    /// The longest time until everybody held the last state.
    slowest: Duration,
    /// Quiet times.
    quiet: u32,
    /// Of brink, in kB, at each of them.
    rss: Vec<u64>,
}

impl Soak<'_> {
    /// Nothing changes any more: waits until everybody holds the last state.
    fn rest(&mut self, lately: &[&str]) {
        let mut list = String::new();
        self.up.change(|unleash| list = unleash.list());
        let list = serde_json::from_str(&list).expect("what we have written");
        let everything = Content::read(&list).expect("a good list");
        self.crowd.rests(SIGHTS.iter().map(|sight| everything.seen_by(sight)).collect());
        let begun = Instant::now();
        self.settle(begun, lately, &everything);
        let took = begun.elapsed();
        thread::sleep(STAYS);
        let again = self.crowd.report().expect("all have reported before");
        assert_eq!(
            again.wrong,
            0,
            "it did not last, after {lately:?}: {:#?}\n{}",
            again.samples,
            self.tell(&everything)
        );
        self.count(again.streams);
        self.slowest = self.slowest.max(took);
        self.quiet += 1;
        self.rss.push(self.brink.rss_kb());
        eprintln!(
            "quiet {}: {took:.1?} after {lately:?}; {} streams, {} kB",
            self.quiet,
            again.streams,
            self.rss.last().copied().unwrap_or_default()
        );
    }

    fn settle(&self, begun: Instant, lately: &[&str], everything: &Content) {
        loop {
            let report = self.crowd.report();
            if report.as_ref().is_some_and(|report| report.wrong == 0) {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "after {lately:?}: {report:#?}\n{}", self.tell(everything));
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// What brink counts is what there is.
    fn count(&self, streams: usize) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let page = self.brink.get("/internal-backstage/metrics", &[]).text();
            let counted = Scrape::read(&page).sum("connected_streaming_clients", &[]);
            if counted == streams as f64 {
                break;
            }
            assert!(Instant::now() < deadline, "{counted} streams are counted, {streams} are open");
            thread::sleep(Duration::from_millis(50));
        }
        let open = fs::read_dir(format!("/proc/{}/fd", self.brink.id())).expect("it runs").count();
        assert!(open < SUBSCRIBERS + 150, "{open} descriptors");
    }

    fn end(self, storm: &Storm<'_>) {
        let Self { mut brink, crowd, slowest, quiet, rss, .. } = self;
        let diary = crowd.end();
        let log = brink.log();
        let (first, last) =
            (rss.first().copied().unwrap_or_default(), rss.last().copied().unwrap_or_default());
        eprintln!(
            "{quiet} quiet times, the last state was everywhere after {slowest:.1?} at most; {} changes; {}\n\
             {} streams opened, {} of them resumed; {} messages, {} of them hydrations; {} polls; memory {first} kB, then {last} kB",
            storm.changes,
            storm.describe(),
            diary.streams,
            diary.resumed,
            diary.messages,
            diary.hydrations,
            diary.polls
        );
        let wrong = &diary.wrong;
        assert!(wrong.is_empty(), "{} faults, the first: {:#?}", wrong.len(), &wrong[..wrong.len().min(5)]);
        assert!(last < first + GROWTH_KB, "memory grows: {rss:?}");
        assert!(!log.contains("panicked"), "{log}");
        brink.signal("TERM");
        assert_eq!(brink.wait(), Some(0));
    }

    /// On which side it went wrong.
    fn tell(&self, everything: &Content) -> String {
        let served = self.brink.get(FEATURES, &[("authorization", ALL)]).json();
        let served = Content::read(&served).map(|served| served.difference(&everything.seen_by(&SIGHTS[0])));
        let asked: Vec<String> =
            [STREAMING, DELTA, FEATURES].iter().flat_map(|path| self.asked(path)).collect();
        let page = self.brink.get("/internal-backstage/metrics", &[]).text();
        let figures: Vec<&str> = page.lines().filter(|line| line.contains("_stream")).collect();
        let log = self.brink.log();
        let lines: Vec<&str> = log.lines().collect();
        format!(
            "brink serves wrongly: {served:?}\n{} streams upstream; asked for:\n{}\n{}\n{}",
            self.up.open_streams(),
            asked.join("\n"),
            figures.join("\n"),
            lines[lines.len().saturating_sub(40)..].join("\n")
        )
    }

    /// The last requests to upstream.
    fn asked(&self, path: &str) -> Vec<String> {
        let requests = self.up.requests(path);
        let last = &requests[requests.len().saturating_sub(5)..];
        let ids = |one: &Request| {
            ["last-event-id", "if-none-match"].map(|name| one.header(name).map(str::to_owned))
        };
        last.iter().map(|one| format!("{path} {:?} {:.1?} ago", ids(one), one.at.elapsed())).collect()
    }
}
