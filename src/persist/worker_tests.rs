//! The worker against a store that does as it is told: what is written, and above all what is not.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crossbeam_channel::unbounded;

use super::*;
use crate::{
    features::catalog::Catalog,
    persist::{
        exchange::{Link, Restored, link},
        store::{Found, Limits},
    },
    tokens::scope::{Projects, Scope},
};

const TOKENS: &str =
    r#"[{"token":"*:dev.s","type":"backend","environment":"dev","projects":["*"],"status":"Validated"}]"#;
const IDS: &str = r#"{"dev":42}"#;

/// A features document with one environment that has one feature.
fn features(environment: &str, name: &str) -> String {
    format!(
        r#"[["{environment}",{{"version":2,"features":[{{"name":"{name}","enabled":true,"project":"p"}}],"query":{{"projects":["*"],"environment":"{environment}","inlineSegmentConstraints":false}}}}]]"#
    )
}

#[derive(Default)]
struct Shelf {
    documents: BTreeMap<Document, String>,
    bad: Vec<(Document, String)>,
    /// Cannot be read.
    stuck: BTreeSet<Document>,
    refuses_writes: bool,
    saved: Vec<Document>,
}

#[derive(Clone, Default)]
struct FakeStore(Arc<Mutex<Shelf>>);

impl FakeStore {
    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn holding(documents: &[(Document, &str)]) -> Self {
        let store = Self::default();
        store
            .shelf()
            .documents
            .extend(documents.iter().map(|(document, text)| (*document, (*text).to_owned())));
        store
    }

    fn text(&self, document: Document) -> Option<String> {
        self.shelf().documents.get(&document).cloned()
    }

    fn saved(&self) -> Vec<Document> {
        std::mem::take(&mut self.shelf().saved)
    }
}

fn broken() -> StoreError {
    StoreError::File { path: "fake".into(), cause: io::Error::other("broken") }
}

impl Store for FakeStore {
    fn name(&self) -> String {
        "fake".to_owned()
    }

    fn limits(&self) -> Limits {
        Limits { reading: Duration::from_secs(1), writing: Duration::from_secs(1) }
    }

    fn load(&mut self, document: Document, _: Instant) -> Result<Option<Found>, StoreError> {
        if self.shelf().stuck.contains(&document) {
            return Err(broken());
        }
        Ok(self.text(document).map(|text| Found { bytes: text.into_bytes(), written: None }))
    }

    fn save(&mut self, document: Document, bytes: &[u8], _: Instant) -> Result<(), StoreError> {
        let mut shelf = self.shelf();
        if shelf.refuses_writes {
            return Err(broken());
        }
        shelf.saved.push(document);
        shelf.documents.insert(document, String::from_utf8(bytes.to_vec()).expect("text"));
        Ok(())
    }

    fn keep_bad(
        &mut self,
        document: Document,
        bytes: &[u8],
        _: Instant,
    ) -> Result<Option<String>, StoreError> {
        self.shelf().bad.push((document, String::from_utf8(bytes.to_vec()).expect("text")));
        Ok(Some("elsewhere".to_owned()))
    }
}

fn worker(store: &FakeStore) -> (Worker, Link, Sender<Order>) {
    let (near, far) = link();
    let (order, orders) = unbounded();
    (Worker::new(Box::new(store.clone()), far, orders, 7), near, order)
}

/// What the worker reported; `None` if the store could not be read.
fn report(link: &Link) -> Option<Restored> {
    match link.reports.try_recv().expect("a report") {
        Report::Restored(restored) => Some(*restored),
        Report::Unreachable => None,
    }
}

/// What sync would offer with these tokens and these features.
fn backup(restores: u64, tokens: &str, features: &str) -> Backup {
    let mut catalog = Catalog::default();
    for (name, document) in format::read_features(features.as_bytes()).expect("features").environments {
        catalog.apply(&name, &Projects::All, document);
    }
    Backup {
        restores,
        tokens: format::read_tokens(tokens.as_bytes()).expect("tokens").into(),
        environments: catalog.environments().cloned().collect(),
        loaded: vec![Scope { environment: Some("dev".into()), projects: Projects::from_names(["p"]) }],
        event_ids: [("dev".into(), 42)].into(),
    }
}

#[test]
fn everything_is_written_and_read_again() {
    let store = FakeStore::default();
    let (mut one, link, _order) = worker(&store);
    one.read();
    assert!(report(&link).expect("readable").environments.is_empty());
    one.take(backup(1, TOKENS, &features("dev", "a")));
    one.write(Due::ALL);
    assert_eq!(store.saved(), [Document::Tokens, Document::EventIds, Document::Features, Document::Note]);
    assert_eq!(store.text(Document::Tokens).as_deref(), Some(TOKENS));
    assert_eq!(store.text(Document::Features), Some(features("dev", "a")));
    assert_eq!(store.text(Document::EventIds).as_deref(), Some(IDS));

    let (mut other, link, _order) = worker(&store);
    other.read();
    let restored = report(&link).expect("readable");
    assert_eq!((restored.tokens.len(), restored.event_ids), (1, [("dev".into(), 42)].into()));
    assert!(restored.age.is_some_and(|age| age < Duration::from_secs(60)), "{:?}", restored.age);
    let [environment] = &restored.environments[..] else { panic!("{:?}", restored.environments) };
    assert_eq!((&*environment.name, &environment.loaded[..]), ("dev", &[Projects::from_names(["p"])][..]));
}

#[test]
fn without_a_note_a_backup_is_good_for_its_tokens() {
    let check = |tokens: &str, expected: &[&[&str]]| {
        let store = FakeStore::holding(&[
            (Document::Tokens, tokens),
            (Document::Features, &features("dev", "a")),
            (Document::Note, r#"{"written_at":1,"features":"of-another","loaded":{"dev":[["x"]]}}"#),
        ]);
        let (mut worker, link, _order) = worker(&store);
        worker.read();
        let restored = report(&link).expect("readable");
        let loaded: Vec<Vec<&str>> = restored.environments[0].loaded.iter().map(Projects::names).collect();
        assert_eq!((loaded, restored.age), (expected.iter().map(|list| list.to_vec()).collect(), None));
    };
    check(TOKENS, &[&["*"]]);
    check("[]", &[&["*"]]);
    check(
        r#"[{"token":"[]:dev.x","type":"client","projects":["p2","p1"]},{"token":"*:prod.x","type":"client","projects":["*"]},
            {"token":"*:dev.y","type":"frontend","projects":["*"]}]"#,
        &[&["p1", "p2"]],
    );
}

#[test]
fn what_has_not_changed_is_not_written_again_but_for_tokens_now_and_then() {
    let store = FakeStore::default();
    let (mut worker, _link, _order) = worker(&store);
    worker.read();
    worker.take(backup(1, TOKENS, &features("dev", "a")));
    worker.write(Due::ALL);
    store.saved();
    worker.take(backup(1, TOKENS, &features("dev", "a")));
    worker.write(Due { tokens_anyway: false, ..Due::ALL });
    assert_eq!(store.saved(), []);
    worker.write(Due { tokens_anyway: true, ..Due::default() });
    assert_eq!(store.saved(), [Document::Tokens]);
    worker.take(backup(1, TOKENS, &features("dev", "b")));
    worker.write(Due { features: true, ..Due::default() });
    assert_eq!(store.saved(), [Document::Features, Document::Note]);
}

#[test]
fn what_was_read_is_not_written_back() {
    let store = FakeStore::default();
    let (mut first, _link, _order) = worker(&store);
    first.read();
    first.take(backup(1, TOKENS, &features("dev", "a")));
    first.write(Due::ALL);
    store.saved();
    let (mut second, _link, _order) = worker(&store);
    second.read();
    let same = backup(1, TOKENS, &features("dev", "a"));
    second.take(same.clone());
    second.write(Due { tokens_anyway: false, ..Due::ALL });
    assert_eq!(store.saved(), []);
    let everything = vec![Scope { environment: Some("dev".into()), projects: Projects::All }];
    second.take(Backup { loaded: everything, ..same });
    second.write(Due { tokens_anyway: false, ..Due::ALL });
    assert_eq!(store.saved(), [Document::Note], "only what is known about it has changed");
}

#[test]
fn a_store_that_could_not_be_read_is_not_written() {
    let good = features("dev", "good");
    let store = FakeStore::holding(&[(Document::Tokens, TOKENS), (Document::Features, &good)]);
    store.shelf().stuck.extend(Document::ALL);
    let (mut worker, link, _order) = worker(&store);
    worker.read();
    assert!(report(&link).is_none());
    let poor = || backup(0, "[]", &features("prod", "poor"));
    worker.take(poor());
    worker.write(Due::ALL);
    worker.flush();
    assert_eq!(store.saved(), []);

    store.shelf().stuck.clear();
    worker.read();
    assert_eq!(report(&link).expect("readable").environments.len(), 1);
    worker.take(poor());
    worker.write(Due::ALL);
    assert_eq!(store.saved(), [], "sync has not taken in what was found");
    worker.take(backup(1, TOKENS, &good));
    worker.write(Due::ALL);
    assert_eq!(store.saved().len(), 4);
}

#[test]
fn documents_that_can_be_read_are_not_held_up_by_others() {
    let good = features("dev", "good");
    let store = FakeStore::holding(&[(Document::Tokens, TOKENS), (Document::Features, &good)]);
    store.shelf().stuck.insert(Document::Features);
    let (mut worker, link, _order) = worker(&store);
    worker.read();
    assert_eq!(report(&link).expect("the tokens").tokens.len(), 1);
    assert!(report(&link).is_none());
    worker.take(backup(1, TOKENS, &features("prod", "poor")));
    worker.write(Due::ALL);
    assert_eq!(store.saved(), [Document::Tokens]);

    store.shelf().stuck.clear();
    worker.read();
    let second = report(&link).expect("the rest");
    assert_eq!((second.tokens.len(), second.environments.len()), (0, 1));
    worker.take(backup(1, TOKENS, &features("prod", "poor")));
    worker.write(Due::ALL);
    assert_eq!(store.saved(), []);
    worker.take(backup(2, TOKENS, &good));
    worker.write(Due::ALL);
    assert_eq!(store.text(Document::Features), Some(good));
}

#[test]
fn nothing_is_written_in_the_place_of_nothing() {
    let empty = || Backup { event_ids: BTreeMap::new(), ..backup(1, "[]", "[]") };
    let store = FakeStore::default();
    let (mut fresh, _link, _order) = worker(&store);
    fresh.read();
    fresh.take(empty());
    fresh.flush();
    assert_eq!(store.saved(), []);

    // This one had something, so upstream has taken it away.
    let store =
        FakeStore::holding(&[(Document::Tokens, TOKENS), (Document::Features, &features("dev", "a"))]);
    let (mut bereft, _link, _order) = worker(&store);
    bereft.read();
    bereft.take(empty());
    bereft.flush();
    assert_eq!(store.text(Document::Tokens).as_deref(), Some("[]"));
    assert_eq!(store.text(Document::Features).as_deref(), Some("[]"));
}

#[test]
fn nonsense_is_put_away_and_the_rest_is_used() {
    let half = r#"[["dev",{"features":[]}],["prod",{"version":2,"features":[]}]]"#;
    for (document, text, tokens, environments, ids) in [
        (Document::Features, "[[", 1, 0, 1),
        (Document::Features, half, 1, 1, 1),
        (Document::Features, "", 1, 0, 1),
        (Document::Tokens, "{]", 0, 1, 1),
        (Document::EventIds, "7", 1, 1, 0),
    ] {
        let good = features("dev", "a");
        let store = FakeStore::holding(&[
            (Document::Tokens, TOKENS),
            (Document::Features, &good),
            (Document::EventIds, IDS),
        ]);
        store.shelf().documents.insert(document, text.to_owned());
        let (mut worker, link, _order) = worker(&store);
        worker.read();
        let restored = report(&link).expect("readable");
        let found = (restored.tokens.len(), restored.environments.len(), restored.event_ids.len());
        assert_eq!(found, (tokens, environments, ids), "{text:?}");
        assert_eq!(store.shelf().bad, [(document, text.to_owned())]);
        worker.take(backup(1, TOKENS, &good));
        worker.write(Due::ALL);
        assert!(store.saved().contains(&document), "a good one takes its place");
    }
}

#[test]
fn a_failed_write_is_tried_again_with_what_is_newest_then() {
    let store = FakeStore::default();
    let (mut worker, _link, _order) = worker(&store);
    worker.read();
    store.shelf().refuses_writes = true;
    worker.take(backup(1, TOKENS, &features("dev", "a")));
    worker.write(Due::ALL);
    assert!(worker.cannot_write && worker.rhythm.next() > Instant::now());
    worker.take(backup(1, TOKENS, &features("dev", "b")));
    store.shelf().refuses_writes = false;
    worker.flush();
    assert!(!worker.cannot_write);
    assert_eq!(store.text(Document::Features), Some(features("dev", "b")));
}

#[test]
fn the_thread_reads_writes_at_the_end_and_ends() {
    let store = FakeStore::holding(&[(Document::Tokens, TOKENS)]);
    let (persist, start) = crate::persist::start(Box::new(store.clone()), 7).expect("a thread");
    let first = start.link.reports.recv_timeout(Duration::from_secs(20)).expect("a report");
    assert!(matches!(first, Report::Restored(restored) if restored.tokens.len() == 1));
    start.link.offer(backup(1, TOKENS, &features("dev", "a")));
    drop(start);
    assert!(persist.stop());
    assert_eq!(store.text(Document::Features), Some(features("dev", "a")));
}
