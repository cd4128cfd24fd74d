//! What the publisher hands out, when it orders which form, and when it frees a snapshot.

use std::{io::Read, time::Duration};

use proptest::prelude::*;

use super::*;
use crate::{
    features::{catalog::Catalog, parse::parse_document},
    tokens::{
        key::KeyHasher,
        scope::Projects,
        table::{Row, Standing, TokenKind},
    },
};

/// Longer than compressing a few kilobytes can take.
const PATIENCE: Duration = Duration::from_secs(20);

fn scope(projects: &[&str]) -> Scope {
    Scope { environment: Some("development".into()), projects: Projects::from_names(projects) }
}

fn all() -> Scope {
    scope(&["*"])
}

fn one() -> Scope {
    scope(&["p1"])
}

/// A table with one token per scope.
fn table(scopes: &[Scope]) -> Arc<TokenTable> {
    let hasher = KeyHasher::new([7; 16]);
    Arc::new(TokenTable::build(scopes.iter().enumerate().map(|(at, scope)| Row {
        key: hasher.key(&at.to_le_bytes()),
        kind: TokenKind::Backend,
        standing: Standing::Validated,
        scope,
    })))
}

/// Ten features of each of two projects; the numbers change the bodies of `p1` and `p2`.
fn environment(p1: usize, p2: usize) -> Arc<EnvironmentData> {
    let features: Vec<String> = (0..20)
        .map(|at| {
            let (project, change) = if at % 2 == 0 { ("p1", p1) } else { ("p2", p2) };
            format!(
                r#"{{"name":"feature-{at}","enabled":true,"project":"{project}","description":"{change}"}}"#
            )
        })
        .collect();
    of_document(&features.join(","))
}

fn of_document(features: &str) -> Arc<EnvironmentData> {
    let name: Arc<str> = "development".into();
    let text = format!(r#"{{"version":2,"features":[{features}]}}"#);
    let document = parse_document(text.as_bytes(), &EnvironmentData::empty(Arc::clone(&name)));
    let mut catalog = Catalog::default();
    catalog.apply(&name, &Projects::All, document.expect("a good document"));
    Arc::clone(catalog.environment("development").expect("just applied"))
}

/// A publisher, and the snapshots it has handed out.
struct Bench {
    publisher: Publisher,
    sent: Receiver<Arc<Snapshot>>,
}

impl Bench {
    fn new() -> Self {
        let (sender, sent) = unbounded();
        let sink = Box::new(move |snapshot: &Arc<Snapshot>| {
            check_complete(snapshot);
            sender.send(Arc::clone(snapshot)).expect("the test listens");
        });
        Self { publisher: Publisher::new(sink).expect("a thread can be started"), sent }
    }

    /// Publishes data for these scopes.
    fn publish(&mut self, scopes: &[Scope], environment: &Arc<EnvironmentData>) {
        self.publisher.publish(table(scopes), true, |_| DataState::Loaded(Arc::clone(environment)));
    }

    fn next_form(&self) -> Form {
        self.publisher.made().recv_timeout(PATIENCE).expect("a form was ordered")
    }

    /// Takes in forms until none is on its way; returns which came.
    fn settle(&mut self) -> Vec<(Scope, Coding)> {
        let mut came = Vec::new();
        while !self.ordered().is_empty() {
            let form = self.next_form();
            came.push((form.scope.clone(), form.coding));
            self.publisher.accept(form);
        }
        came.sort();
        came
    }

    /// What is on its way.
    fn ordered(&self) -> Vec<(Scope, Coding)> {
        let mut ordered: Vec<_> = self.publisher.forms.ordered.iter().cloned().collect();
        ordered.sort();
        ordered
    }

    /// The newest snapshot; the others are let go.
    fn newest(&self) -> Arc<Snapshot> {
        self.sent.try_iter().last().expect("something was published")
    }

    fn view(&self, scope: &Scope) -> Arc<ScopeView> {
        view(&self.publisher.current, scope)
    }
}

fn view(snapshot: &Snapshot, scope: &Scope) -> Arc<ScopeView> {
    let views = snapshot.scopes.iter().filter_map(|state| match state {
        ScopeState::Serving(view) => Some(view),
        _ => None,
    });
    views.into_iter().find(|view| view.scope == *scope).map(Arc::clone).expect("the scope is served")
}

/// Every scope of the table has its state, and every form is one of the body it stands beside.
fn check_complete(snapshot: &Snapshot) {
    assert_eq!(snapshot.scopes.len(), snapshot.tokens.scopes().len());
    for (state, scope) in snapshot.scopes.iter().zip(snapshot.tokens.scopes()) {
        let ScopeState::Serving(view) = state else { continue };
        assert_eq!(view.scope, *scope);
        assert_eq!(view.etag, Etag::of(&view.identity));
        for coding in Coding::ALL {
            if let Some(body) = view.encoded(coding) {
                assert!(restore(coding, body) == *view.identity, "{coding:?} of another body");
            }
        }
    }
}

fn restore(coding: Coding, mut body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    match coding {
        Coding::Gzip => drop(flate2::read::GzDecoder::new(body).read_to_end(&mut out).expect("gzip")),
        Coding::Brotli => brotli::BrotliDecompress(&mut body, &mut out).expect("brotli"),
        Coding::Zstd => out = zstd::decode_all(body).expect("zstd"),
    }
    out
}

#[test]
fn gzip_is_made_once_for_every_scope() {
    let mut bench = Bench::new();
    let data = environment(0, 0);
    let wanted = [(one(), Coding::Gzip), (all(), Coding::Gzip)];
    let mut wanted = wanted.to_vec();
    wanted.sort();
    bench.publish(&[all(), one()], &data);
    assert!(bench.view(&all()).gzip.is_none(), "the body does not wait for its forms");
    assert_eq!(bench.ordered(), wanted);
    bench.publish(&[all(), one()], &data);
    assert_eq!(bench.settle(), wanted, "once, though it was published twice");
    let newest = bench.newest();
    assert!(view(&newest, &all()).gzip.is_some() && view(&newest, &one()).gzip.is_some());
    bench.publish(&[all(), one()], &data);
    assert!(bench.ordered().is_empty());
    assert!(bench.view(&all()).gzip.is_some(), "forms of an unchanged body stay");
}

#[test]
fn other_forms_are_made_on_demand_and_again_after_each_change() {
    let mut bench = Bench::new();
    bench.publish(&[all(), one()], &environment(0, 0));
    bench.settle();
    bench.publisher.demand(all(), Coding::Brotli);
    bench.publisher.demand(all(), Coding::Brotli);
    assert_eq!(bench.settle(), [(all(), Coding::Brotli)]);
    assert!(bench.view(&all()).br.is_some() && bench.view(&one()).br.is_none());
    for change in 1..4 {
        bench.publish(&[all(), one()], &environment(change, 0));
        assert!(bench.view(&all()).br.is_none());
        let mut wanted = vec![(all(), Coding::Gzip), (all(), Coding::Brotli), (one(), Coding::Gzip)];
        wanted.sort();
        assert_eq!(bench.settle(), wanted);
    }
    assert!(bench.view(&all()).zstd.is_none());
}

#[test]
fn a_change_elsewhere_keeps_the_forms_of_a_body_that_stays() {
    let mut bench = Bench::new();
    bench.publish(&[all(), one()], &environment(0, 0));
    bench.settle();
    bench.publish(&[all(), one()], &environment(0, 1));
    assert_eq!(bench.ordered(), [(all(), Coding::Gzip)]);
    assert!(bench.view(&one()).gzip.is_some());
    bench.settle();
}

#[test]
fn a_form_that_comes_after_its_scope_moved_on_is_dropped_and_made_again() {
    let mut bench = Bench::new();
    bench.publish(&[all()], &environment(0, 0));
    let late = bench.next_form();
    bench.publish(&[all()], &environment(1, 0));
    bench.publish(&[all()], &environment(2, 0));
    assert!(bench.publisher.made().try_recv().is_err(), "one order at a time");
    bench.newest();
    bench.publisher.accept(late);
    assert!(bench.sent.is_empty(), "nothing to publish");
    assert_eq!(bench.ordered(), [(all(), Coding::Gzip)]);
    assert_eq!(bench.settle(), [(all(), Coding::Gzip)]);
    assert!(bench.view(&all()).gzip.is_some());
    assert_eq!(bench.sent.len(), 1);
}

#[test]
fn a_body_that_did_not_shrink_is_not_tried_again_until_it_changes() {
    let mut bench = Bench::new();
    bench.publish(&[all()], &environment(0, 0));
    let form = bench.next_form();
    bench.newest();
    bench.publisher.accept(Form { body: None, ..form });
    assert!(bench.sent.is_empty(), "nothing to publish");
    bench.publish(&[all()], &environment(0, 0));
    bench.publisher.demand(all(), Coding::Gzip);
    assert!(bench.ordered().is_empty());
    bench.publish(&[all()], &environment(1, 0));
    assert_eq!(bench.settle(), [(all(), Coding::Gzip)]);
    assert!(bench.view(&all()).gzip.is_some());
}

#[test]
fn a_small_body_is_left_as_it_is() {
    let mut bench = Bench::new();
    bench.publish(&[all()], &of_document(r#"{"name":"a","enabled":true,"project":"p1"}"#));
    bench.publisher.demand(all(), Coding::Brotli);
    assert!(bench.ordered().is_empty());
}

#[test]
fn a_scope_that_leaves_takes_its_wishes_along_and_its_late_form_is_ignored() {
    let mut bench = Bench::new();
    bench.publish(&[all(), one()], &environment(0, 0));
    bench.settle();
    bench.publisher.demand(one(), Coding::Zstd);
    bench.publish(&[all()], &environment(0, 0));
    let late = bench.next_form();
    bench.newest();
    bench.publisher.accept(late);
    assert!(bench.sent.is_empty() && bench.ordered().is_empty());
    assert!(bench.publisher.forms.wanted.is_empty());
    bench.publish(&[all(), one()], &environment(0, 0));
    assert_eq!(bench.settle(), [(one(), Coding::Gzip)]);
    bench.publisher.demand(scope(&["nobody"]), Coding::Zstd);
    assert!(bench.ordered().is_empty());
}

#[test]
fn a_scope_without_data_has_its_state() {
    let mut bench = Bench::new();
    let scopes = [all(), one(), scope(&["p2"]), scope(&["p3"])];
    let data = environment(0, 0);
    bench.publisher.publish(table(&scopes), false, |scope| match scope.projects.names()[0] {
        "*" => DataState::Loaded(Arc::clone(&data)),
        "p1" => DataState::Loading,
        "p2" => DataState::Fetching,
        _ => DataState::Uncovered,
    });
    assert_eq!(bench.settle(), [(all(), Coding::Gzip)]);
    let newest = bench.newest();
    assert!(!newest.ready);
    assert!(matches!(
        &*newest.scopes,
        [ScopeState::Serving(_), ScopeState::Loading, ScopeState::Fetching, ScopeState::Uncovered]
    ));
}

#[test]
fn a_retired_snapshot_is_freed_when_nobody_holds_it_and_not_before() {
    let mut bench = Bench::new();
    bench.publish(&[all()], &environment(0, 0));
    let held = bench.newest();
    let watched = Arc::downgrade(&held);
    for change in 1..4 {
        bench.publish(&[all()], &environment(change, 0));
        bench.newest();
        assert!(bench.publisher.sweep(), "one is held");
    }
    assert_eq!(bench.publisher.retired.len(), 1, "those nobody holds are gone");
    drop(held);
    assert!(watched.upgrade().is_some(), "the holder lets go, the publisher frees");
    assert!(!bench.publisher.sweep());
    assert!(watched.upgrade().is_none());
    assert!(Arc::strong_count(&bench.publisher.current) == 1);
}

/// Something that happens to a publisher.
#[derive(Debug, Clone)]
enum Event {
    /// Data with these two changes, for the scopes whose bit is set.
    Publish(usize, usize, u8),
    Demand(usize, Coding),
    /// The next form comes, if there is one on its way.
    Form,
    Sweep,
}

fn event() -> impl Strategy<Value = Event> {
    let coding = prop::sample::select(Coding::ALL.to_vec());
    prop_oneof![
        2 => (0..3_usize, 0..3_usize, any::<u8>()).prop_map(|(p1, p2, bits)| Event::Publish(p1, p2, bits)),
        2 => (0..3_usize, coding).prop_map(|(scope, coding)| Event::Demand(scope, coding)),
        3 => Just(Event::Form),
        1 => Just(Event::Sweep),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// The sink checks each snapshot by itself; here, that the last one is right and nothing is forgotten.
    #[test]
    fn whatever_happens_every_snapshot_is_complete_and_every_form_comes(
        events in prop::collection::vec(event(), 1..24)
    ) {
        let scopes = [all(), one(), scope(&["p2"])];
        let mut bench = Bench::new();
        let mut data = environment(0, 0);
        let mut published: Vec<Scope> = Vec::new();
        let mut demanded = HashSet::new();
        for event in events {
            match event {
                Event::Publish(p1, p2, bits) => {
                    data = environment(p1, p2);
                    let is_in = |at: &usize| bits >> at & 1 == 1;
                    published = (0..3).filter(is_in).map(|at| scopes[at].clone()).collect();
                    demanded.retain(|(scope, _)| published.contains(scope));
                    bench.publish(&published, &data);
                }
                Event::Demand(at, coding) => {
                    demanded.insert((scopes[at].clone(), coding));
                    bench.publisher.demand(scopes[at].clone(), coding);
                }
                Event::Form if !bench.ordered().is_empty() => {
                    let form = bench.next_form();
                    bench.publisher.accept(form);
                }
                Event::Form => {}
                Event::Sweep => drop(bench.publisher.sweep()),
            }
        }
        bench.settle();
        for scope in &published {
            let view = bench.view(scope);
            prop_assert!(view.identity == assemble(&data, scope, None).identity);
            for coding in Coding::ALL {
                let is_due = coding == Coding::Gzip || demanded.contains(&(scope.clone(), coding));
                prop_assert!(!is_due || view.encoded(coding).is_some(), "{coding:?} of {scope:?}");
            }
        }
        bench.sent.try_iter().for_each(drop);
        prop_assert!(!bench.publisher.sweep());
    }
}
