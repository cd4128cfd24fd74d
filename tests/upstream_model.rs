//! Whatever a stream brings, loses, doubles, reorders and breaks, and however polls and restarts fall between: once it is
//! quiet, the catalog shows what upstream has.
//!
//! A seeded model: a plain Unleash on one side; on the other the parser, the position, the fold, the rules about polls and the
//! catalog, all real. The wire between them is a list of frames in which the test makes faults.

#[path = "support/model_unleash.rs"]
mod model_unleash;

use std::{sync::Arc, thread};

use brink::{
    features::{
        catalog::Catalog,
        delta::{Asked, Follow, Polled, parse_changes},
        environment::EnvironmentData,
        model::Document,
        parse::parse_document,
    },
    tokens::scope::Projects,
    upstream::stream::{
        position::Position,
        sse::{Item, Parser},
    },
};
use model_unleash::{Unleash, frame};
use rand::{Rng, SeedableRng, rngs::SmallRng, seq::IndexedRandom};

const SEQUENCES: u64 = 10_000;
const STEPS: usize = 10;
const NAMES: [&str; 3] = ["a", "b", "c"];
const PROJECTS: [&str; 2] = ["p1", "p2"];

/// One end of an open connection.
struct Connection {
    parser: Parser,
    /// What the server has sent, faults included.
    sent_up_to: u64,
    /// Frames on their way.
    wire: Vec<String>,
}

/// A poll under way: what upstream answered when it was asked.
struct Poll {
    asked: Asked,
    list: String,
}

struct Model {
    random: SmallRng,
    /// Tells versions of a feature apart.
    counter: u64,
    upstream: Unleash,
    connection: Option<Connection>,
    position: Position,
    follow: Follow,
    catalog: Catalog,
    environment: Arc<str>,
    poll: Option<Poll>,
    /// Something went wrong that the stream does not show: only a poll can.
    hidden: bool,
}

impl Model {
    fn new(seed: u64) -> Self {
        let mut random = SmallRng::seed_from_u64(seed);
        let revision = random.random_range(0..50);
        Self {
            random,
            counter: 0,
            upstream: Unleash::new(revision),
            connection: None,
            position: Position::default(),
            follow: Follow::default(),
            catalog: Catalog::default(),
            environment: Arc::from("dev"),
            poll: None,
            hidden: false,
        }
    }

    fn step(&mut self) {
        match self.random.random_range(0..20) {
            0..6 => self.change(),
            6..9 => self.push(true),
            9..11 => self.deliver(),
            11 => self.cut(),
            12..14 => self.connect(),
            14 => self.begin_poll(),
            15 => self.end_poll(),
            16 => self.position.forget(),
            17 => self.restart(),
            _ => {
                self.push(true);
                self.deliver();
            }
        }
    }

    fn change(&mut self) {
        self.counter += 1;
        let name = *NAMES.choose(&mut self.random).expect("some");
        let project = *PROJECTS.choose(&mut self.random).expect("some");
        match self.random.random_range(0..6) {
            0..3 => {
                let segment = self.random.random_bool(0.5).then(|| self.random.random_range(1..3));
                self.upstream.set(name, project, self.counter, segment);
            }
            3 => self.upstream.remove(name),
            4 => self.upstream.move_to(name, project),
            _ => self.upstream.set_segment(self.random.random_range(1..3), self.counter),
        }
    }

    /// Other ids, mostly smaller ones, and mostly another state.
    fn restart(&mut self) {
        let revision = self.random.random_range(0..60);
        self.hidden = true;
        if self.random.random_bool(0.5) {
            self.upstream.clear();
        }
        self.upstream.restart(revision);
        self.change();
        self.cut();
    }

    fn connect(&mut self) {
        self.cut();
        let id = self.position.begin().map(|id| id.parse().expect("ids are numbers here"));
        let events = self.upstream.since(id);
        // Unleash and Edge say no id with an empty list.
        let last = (!events.is_empty()).then_some(self.upstream.revision);
        let wire = vec![frame("unleash-connected", last, &events)];
        let sent_up_to = self.upstream.revision;
        self.connection = Some(Connection { parser: Parser::new(100_000), sent_up_to, wire });
    }

    fn cut(&mut self) {
        self.connection = None;
    }

    /// The server notices what is new, and something may happen to it on the way.
    fn push(&mut self, faults: bool) {
        let Some(connection) = &mut self.connection else { return };
        let events = self.upstream.since(Some(connection.sent_up_to));
        connection.sent_up_to = self.upstream.revision;
        if events.is_empty() {
            connection.wire.push(": keep-alive\n\n".to_owned());
            return;
        }
        let frame = frame("unleash-updated", Some(self.upstream.revision), &events);
        let wire = &mut connection.wire;
        let fault = self.random.random_range(0..12);
        // A lost frame, and one that comes before older ones.
        self.hidden |= faults && (fault == 0 || (fault == 2 && !wire.is_empty()));
        match fault {
            _ if !faults => wire.push(frame),
            0 => {}
            1 => wire.extend([frame.clone(), frame]),
            2 => wire.insert(0, frame),
            3 => wire.push(frame.replace("\"events\":", "\"events\"")),
            // One of a kind that is not known here.
            4 => wire.push(
                frame
                    .replacen("-updated\",\"eventId\"", "-frozen\",\"eventId\"", 1)
                    .replacen("-removed", "-thawed", 1),
            ),
            5 => wire.push(frame.get(..frame.len() / 2).unwrap_or_default().to_owned()),
            _ => wire.push(frame),
        }
    }

    /// Everything on its way arrives, in pieces.
    fn deliver(&mut self) {
        let Some(connection) = &mut self.connection else { return };
        let bytes = std::mem::take(&mut connection.wire).concat().into_bytes();
        let cut = self.random.random_range(0..=bytes.len());
        let mut items = Vec::new();
        for part in [&bytes[..cut], &bytes[cut..]] {
            connection.parser.feed(part, |item| items.push(item)).expect("short");
        }
        for item in items {
            let Item::Event(event) = item else { continue };
            let received = self.position.received(event, &self.known(), parse_changes);
            if let Some(changes) = received.changes {
                match self.follow.changed(changes) {
                    Ok(document) => document.into_iter().for_each(|document| self.apply(document)),
                    Err(_) => return self.begin_again(),
                }
            }
            if received.gap.is_some() {
                return self.begin_again();
            }
        }
    }

    fn begin_again(&mut self) {
        self.position.forget();
        self.cut();
    }

    fn known(&self) -> Arc<EnvironmentData> {
        let empty = || Arc::new(EnvironmentData::empty(Arc::clone(&self.environment)));
        self.catalog.environment("dev").map_or_else(empty, Arc::clone)
    }

    fn apply(&mut self, document: Document) {
        self.catalog.apply(&self.environment, &Projects::All, document);
    }

    fn begin_poll(&mut self) {
        self.poll = Some(Poll { asked: self.follow.asking(), list: self.upstream.list() });
    }

    fn end_poll(&mut self) {
        let Some(Poll { asked, list }) = self.poll.take() else { return };
        let document = parse_document(list.as_bytes(), &self.known()).expect("a good list");
        match self.follow.polled(&document, asked, self.connection.is_some()) {
            Polled::Same | Polled::Late | Polled::Behind | Polled::Ahead => {}
            Polled::Take => self.apply(document),
            Polled::Drift => self.begin_again(),
            Polled::Restart => {
                self.begin_again();
                self.apply(document);
            }
        }
    }

    /// Nothing changes any more and nothing goes wrong. Polls compare, as they do from time to time, but only where nothing else
    /// can show what is wrong.
    fn settle(&mut self) {
        self.poll = None;
        for _ in 0..3 {
            self.push(false);
            self.deliver();
            if self.connection.is_none() {
                self.connect();
                self.deliver();
            }
            if self.hidden {
                self.begin_poll();
                self.end_poll();
            }
        }
    }

    fn check(&self, seed: u64) {
        let expected =
            parse_document(self.upstream.list().as_bytes(), &EnvironmentData::empty(Arc::from("dev")));
        let expected = expected.expect("a good list");
        let known = self.known();
        let features = |list: &[Arc<brink::features::fragment::Fragment>]| -> Vec<String> {
            list.iter().map(|one| one.json.to_string()).collect()
        };
        let segments = |list: &[Arc<brink::features::fragment::SegmentFragment>]| -> Vec<String> {
            list.iter().map(|one| one.json.to_string()).collect()
        };
        assert_eq!(features(&known.features), features(&expected.features), "seed {seed}");
        assert_eq!(segments(&known.segments), segments(&expected.segments), "seed {seed}");
    }
}

fn run(seed: u64) {
    let mut model = Model::new(seed);
    for _ in 0..STEPS {
        model.step();
    }
    model.settle();
    model.check(seed);
}

#[test]
fn once_it_is_quiet_the_catalog_shows_what_upstream_has() {
    thread::scope(|scope| {
        for part in 0..2 {
            scope.spawn(move || (0..SEQUENCES).filter(|seed| seed % 2 == part).for_each(run));
        }
    });
}

/// Without any fault a stream alone keeps the catalog right, polls or not, after every delivery.
#[test]
fn a_stream_without_faults_needs_no_polls() {
    for seed in 0..1_000 {
        let mut model = Model::new(seed);
        for _ in 0..STEPS {
            match model.random.random_range(0..6) {
                0..3 => model.change(),
                3 => model.cut(),
                4 => model.connect(),
                _ => model.push(false),
            }
        }
        if model.connection.is_none() {
            model.connect();
        }
        model.push(false);
        model.deliver();
        model.check(seed);
    }
}
