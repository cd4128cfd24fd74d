//! brink's side: documents through the catalog, contexts through its reader, answers from its engine.

use crate::answer::Answer;
use brink::evaluate::{Ask, Context, Engine, Scratch, Used};
use brink::features::catalog::Catalog;
use brink::features::environment::EnvironmentData;
use brink::features::parse::parse_document;
use brink::tokens::scope::Projects;
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Arc;

const ENVIRONMENT: &str = "development";

/// A catalog of one environment and the engine of its latest state.
#[derive(Debug)]
pub struct Subject {
    catalog: Catalog,
    engine: Engine,
    scratch: Scratch,
}

/// What comes in with a request besides the context.
#[derive(Debug, Clone, Copy)]
pub struct Circumstances<'a> {
    /// The projects of the token.
    pub projects: &'a Projects,
    /// The clock, in milliseconds since 1970 UTC.
    pub now_unix_ms: i64,
    /// Where draws come from.
    pub seed: u64,
}

/// Which of the lists is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum List {
    /// Features that are on.
    Enabled,
    /// All features.
    All,
}

impl Subject {
    /// Before the first document.
    pub fn empty() -> Self {
        let environment = Arc::new(EnvironmentData::empty(ENVIRONMENT.into()));
        let engine = Engine::compile(&environment, None);
        Self { catalog: Catalog::default(), engine, scratch: Scratch::default() }
    }

    /// Compiles a document from scratch; an error if brink refuses it.
    pub fn compile(document: &Value) -> Result<Self, String> {
        let mut subject = Self::empty();
        subject.apply(document, &Projects::All)?;
        Ok(subject)
    }

    /// Merges a document into what is there and compiles the engine from the previous one.
    pub fn apply(&mut self, document: &Value, projects: &Projects) -> Result<(), String> {
        let name: Arc<str> = ENVIRONMENT.into();
        let unknown = Arc::new(EnvironmentData::empty(Arc::clone(&name)));
        let known = self.catalog.environment(&name).unwrap_or(&unknown);
        let parsed =
            parse_document(document.to_string().as_bytes(), known).map_err(|error| error.to_string())?;
        self.catalog.apply(&name, projects, parsed);
        if let Some(environment) = self.catalog.environment(&name) {
            self.engine = Engine::compile(environment, Some(&self.engine));
        }
        Ok(())
    }

    /// The same environment compiled with no engine before it.
    pub fn from_scratch(&self) -> Self {
        let unknown = Arc::new(EnvironmentData::empty(ENVIRONMENT.into()));
        let environment = self.catalog.environment(ENVIRONMENT).unwrap_or(&unknown);
        let engine = Engine::compile(environment, None);
        Self { catalog: Catalog::default(), engine, scratch: Scratch::default() }
    }

    /// The segments the catalog holds: those of the latest document, and older ones still referred to.
    pub fn segments(&self) -> Vec<Value> {
        let environment = self.catalog.environment(ENVIRONMENT);
        let segments = environment.map(|environment| environment.segments.iter()).into_iter().flatten();
        segments.map(|segment| serde_json::from_str(&segment.json).expect("a fragment is JSON")).collect()
    }

    /// Names of all features, in the engine's order.
    pub fn names(&self) -> Vec<String> {
        self.engine.names().map(str::to_owned).collect()
    }

    /// Names of the malformed features.
    pub fn malformed(&self) -> BTreeSet<String> {
        self.engine.malformed().iter().map(|malformed| malformed.feature.to_string()).collect()
    }

    /// One feature, and what its answer depended on.
    pub fn resolve(
        &mut self,
        name: &str,
        context: &Context,
        circumstances: Circumstances<'_>,
    ) -> Option<(Answer, Used)> {
        let ask = circumstances.ask(context);
        let resolved = self.engine.resolve(name, &ask, &mut self.scratch)?;
        let payload = resolved.variant.and_then(|variant| variant.payload);
        let answer = Answer {
            enabled: resolved.enabled,
            variant: resolved.variant.map_or("disabled", |variant| variant.name).to_owned(),
            variant_enabled: resolved.variant.is_some(),
            payload: payload.map(|(kind, value)| (kind.to_owned(), value.to_owned())),
            impression_data: resolved.impression_data,
            project: resolved.project.to_owned(),
        };
        Some((answer, resolved.used))
    }

    /// The bytes of a list.
    pub fn list(
        &mut self,
        list: List,
        context: &Context,
        circumstances: Circumstances<'_>,
    ) -> (Vec<u8>, Used) {
        let ask = circumstances.ask(context);
        let mut out = Vec::new();
        let used = match list {
            List::Enabled => self.engine.write_enabled(&ask, &mut self.scratch, &mut out),
            List::All => self.engine.write_all(&ask, &mut self.scratch, &mut out),
        };
        (out, used)
    }

    /// The bytes of one feature, if the token sees it.
    pub fn one(
        &mut self,
        name: &str,
        context: &Context,
        circumstances: Circumstances<'_>,
    ) -> Option<Vec<u8>> {
        let ask = circumstances.ask(context);
        let mut out = Vec::new();
        self.engine.write_one(name, &ask, &mut self.scratch, &mut out).map(|_| out)
    }
}

impl<'a> Circumstances<'a> {
    fn ask(&self, context: &'a Context) -> Ask<'a> {
        Ask { context, projects: self.projects, now_unix_ms: self.now_unix_ms, seed: self.seed }
    }
}
