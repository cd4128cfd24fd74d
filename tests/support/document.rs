//! Snapshots of one environment and one scope, with a document of any size. Needs `edge` beside it.

use std::sync::Arc;

use brink::{
    features::{
        catalog::Catalog,
        compress::{Coding, compress},
        environment::EnvironmentData,
        parse::parse_document,
        view::{ScopeView, assemble},
    },
    messages::Ask,
    serve::{Desk, Edge},
    snapshot::{ScopeState, Snapshot},
    tokens::{
        scope::{Projects, Scope},
        table::{Row, Standing, TokenKind, TokenTable},
    },
};
use brink_shards::{Service, loopback::Loopback};
use crossbeam_channel::{Receiver, Sender};

use crate::edge::{connect, hasher};

/// Valid, and sees everything.
pub const TOKEN: &str = "*:development.all-projects";
/// Known as refused.
pub const REFUSED: &str = "*:development.refused";

/// A connection to an edge that serves a document of about this size, gzip form included. The desk is made by `desk`.
pub fn connect_to(bytes: usize, desk: impl FnOnce(Sender<Ask>) -> Desk) -> (Loopback<Edge>, Receiver<Ask>) {
    let (mut connection, asks) = connect(desk);
    connection.service.apply(Arc::new(snapshot(bytes)));
    (connection, asks)
}

/// A snapshot with [`TOKEN`] and [`REFUSED`], and a body of about this size.
fn snapshot(bytes: usize) -> Snapshot {
    let view = view(bytes);
    let row = |text: &str, standing| Row {
        key: hasher().key(text.as_bytes()),
        kind: TokenKind::Backend,
        standing,
        scope: &view.scope,
    };
    let table = TokenTable::build([row(TOKEN, Standing::Validated), row(REFUSED, Standing::Refused)]);
    let scopes = Box::new([ScopeState::Serving(Arc::clone(&view))]);
    Snapshot { tokens: Arc::new(table), scopes, frontends: Box::default(), ready: true }
}

/// The view of all projects of a document of about this size.
pub fn view(bytes: usize) -> Arc<ScopeView> {
    let scope = Scope { environment: Some("development".into()), projects: Projects::All };
    let view = assemble(&environment(bytes), &scope, None);
    let gzip = compress(Coding::Gzip, &view.identity);
    Arc::new(view.with_compressed(Coding::Gzip, gzip))
}

/// Features until the document has about this size; every tenth name begins with `team-3.`.
fn environment(bytes: usize) -> Arc<EnvironmentData> {
    let name: Arc<str> = "development".into();
    let mut text = String::from(r#"{"version":2,"features":["#);
    for at in 0.. {
        let team = at % 10;
        text.push_str(&format!(
            r#"{{"name":"team-{team}.flag-{at}","enabled":true,"project":"p{team}","description":"Number {at} of many","strategies":[{{"name":"flexibleRollout","constraints":[],"parameters":{{"groupId":"flag-{at}","rollout":"{}","stickiness":"default"}},"variants":[]}}],"variants":[]}}"#,
            at % 100
        ));
        if text.len() >= bytes {
            break;
        }
        text.push(',');
    }
    text.push_str("]}");
    let document = parse_document(text.as_bytes(), &EnvironmentData::empty(Arc::clone(&name)));
    let mut catalog = Catalog::default();
    catalog.apply(&name, &Projects::All, document.expect("a good document"));
    Arc::clone(catalog.environment("development").expect("just applied"))
}
