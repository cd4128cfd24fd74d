//! What the upstream knows: its features, its tokens, and the fault that is being played.
//!
//! Its features carry a number that only grows, in the name of a flag. It is the order by which the judge tells newer
//! data from older; revisions are none, since an upstream may begin again at 1.

use std::{
    collections::BTreeMap,
    net::{Shutdown, TcpStream},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde_json::{Value, json};

use crate::{
    act::{Act, Fault},
    judge::Judge,
};

/// The start-up token.
pub const STARTUP: &str = "*:development.s3cret-of-the-edge-0001";
/// A backend token of an SDK.
pub const CLIENT: &str = "default:development.s3cret-of-sdk-0002";
/// A frontend token.
pub const BROWSER: &str = "*:development.s3cret-of-browser-03";
/// How the tokens of strangers begin: SDKs that show up in the middle of a fault. All of them are valid.
pub const STRANGER: &str = "*:development.s3cret-of-stranger-";
/// A flag that is always there, unless there are none.
pub const STEADY: &str = "steady";

/// Number of other flags.
const FLAGS: usize = 12;

/// Shared by the threads of an upstream and the lane.
pub struct World {
    state: Mutex<State>,
    /// Is told what brink has proved to have.
    pub judge: Arc<Judge>,
}

struct State {
    fault: Fault,
    /// Of the newest features.
    number: u64,
    revision: u64,
    /// There are no features.
    is_empty: bool,
    met: Met,
    /// Open connections; a connection's thread takes its own out.
    connections: BTreeMap<usize, TcpStream>,
    is_over: bool,
}

/// Requests since the fault began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Met {
    /// For features.
    pub features: usize,
    /// About tokens.
    pub validate: usize,
}

/// Features under a number.
pub struct Document {
    pub tag: String,
    pub body: String,
}

impl World {
    pub fn new(judge: &Arc<Judge>) -> Self {
        let state = State {
            fault: Fault::NONE,
            number: 1,
            revision: 1,
            is_empty: false,
            met: Met::default(),
            connections: BTreeMap::new(),
            is_over: false,
        };
        Self { state: Mutex::new(state), judge: Arc::clone(judge) }
    }

    /// From now on everything goes like this. There are new features at the same moment, whose number is returned.
    pub fn begin(&self, fault: Fault) -> u64 {
        let mut state = self.lock();
        state.met = Met::default();
        state.fault = fault;
        state.number += 1;
        state.revision = if fault.features == Act::SmallerRevision { 1 } else { state.revision + 1 };
        state.is_empty = fault.features == Act::NoFeatures;
        self.judge.is_empty_at(state.is_empty.then_some(state.number));
        state.number
    }

    pub fn fault(&self) -> Fault {
        self.lock().fault
    }

    pub fn met(&self) -> Met {
        self.lock().met
    }

    /// A request has come in: how it is to be answered, and which of its sort it is, counted from 1.
    pub fn meet(&self, path: Path) -> (Act, usize) {
        let mut state = self.lock();
        let fault = state.fault;
        let Met { features, validate } = &mut state.met;
        match path {
            Path::Features => (fault.features, count(features)),
            Path::Validate => (fault.validate, count(validate)),
            Path::Other => (fault.others, 1),
        }
    }

    /// The newest features.
    pub fn document(&self) -> Document {
        let state = self.lock();
        let State { number, revision, is_empty, .. } = *state;
        let body = if is_empty { body(None, revision) } else { body(Some(number), revision) };
        Document { tag: format!("\"76d8bb0e:{revision}:v1-{number}\""), body }
    }

    /// Features as they were at the beginning.
    pub fn oldest(&self) -> Document {
        Document { tag: "\"76d8bb0e:1:v1-1\"".into(), body: body(Some(1), 1) }
    }

    /// Keeps a connection, to be cut, under the number that is returned. `None` if it is over.
    pub fn admit(&self, stream: &TcpStream) -> Option<usize> {
        let mut state = self.lock();
        if state.is_over {
            return None;
        }
        let number = state.connections.last_key_value().map_or(0, |(number, _)| number + 1);
        state.connections.insert(number, stream.try_clone().ok()?);
        Some(number)
    }

    pub fn dismiss(&self, number: usize) {
        self.lock().connections.remove(&number);
    }

    /// Cuts all connections.
    pub fn cut(&self) {
        self.lock().connections.values().for_each(cut);
    }

    /// The game is over.
    pub fn end(&self) {
        self.lock().is_over = true;
        self.cut();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a request is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Path {
    Features,
    Validate,
    Other,
}

impl Path {
    pub fn of(target: &str) -> Self {
        match target {
            _ if target.ends_with("/api/client/features") => Self::Features,
            _ if target.ends_with("/edge/validate") => Self::Validate,
            _ => Self::Other,
        }
    }
}

/// The number in a tag.
pub fn number_of(tag: &str) -> Option<u64> {
    tag.trim_end_matches('"').rsplit_once("-")?.1.parse().ok()
}

/// What is known of a token.
pub fn record_of(token: &str) -> Option<Value> {
    let (kind, projects) = match token {
        STARTUP => ("client", "*"),
        CLIENT => ("client", "default"),
        BROWSER => ("frontend", "*"),
        _ if token.starts_with(STRANGER) => ("client", "*"),
        _ => return None,
    };
    Some(json!({"token": token, "type": kind, "environment": "development", "projects": [projects]}))
}

/// Ends a connection in both directions.
pub fn cut(stream: &TcpStream) {
    let _ = stream.shutdown(Shutdown::Both);
}

fn count(counter: &mut usize) -> usize {
    *counter += 1;
    *counter
}

fn body(number: Option<u64>, revision: u64) -> String {
    let flag = |name: String| {
        json!({"name": name, "type": "release", "enabled": true, "project": "default", "stale": false,
               "strategies": [{"name": "default", "constraints": [], "parameters": {}}], "variants": []})
    };
    let features: Vec<Value> = number.map_or_else(Vec::new, |number| {
        let others = (0..FLAGS).map(|at| flag(format!("flag-{at:02}")));
        [flag(format!("at-{number:06}")), flag(STEADY.to_owned())].into_iter().chain(others).collect()
    });
    let meta = json!({"revisionId": revision, "etag": format!("\"76d8bb0e:{revision}:v1\""), "queryHash": "76d8bb0e"});
    json!({"version": 2, "features": features, "query": {"environment": "development"}, "meta": meta})
        .to_string()
}
