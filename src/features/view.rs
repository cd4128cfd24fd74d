//! What one scope is answered: the finished body with its tag and encodings.
//!
//! Made on the sync thread once per change and scope, read by shards. A view is complete and immutable;
//! compressed forms that become ready later make a new view that shares the rest
//! ([`ScopeView::with_compressed`]). If the body came out as before, the new view shares body, tag and
//! compressed forms with the previous one and only refers to the new environment.

use super::body::{Lists, Selection, is_visible};
use super::changes::{History, Step};
use super::compress::Coding;
use super::environment::EnvironmentData;
use super::etag::Etag;
use super::fragment::Fragment;
use crate::tokens::scope::Scope;
use std::ops::Range;
use std::sync::Arc;

/// Room for the keys and the query around the fragments.
const FRAME_BYTES: usize = 256;

/// The answer to one scope.
#[derive(Debug, Clone)]
pub struct ScopeView {
    /// The data the body was made of.
    pub environment: Arc<EnvironmentData>,
    /// The scope it was made for.
    pub scope: Scope,
    /// Tag of the body in all its encodings.
    pub etag: Etag,
    /// The body.
    pub identity: Arc<[u8]>,
    /// The body as gzip; `None` while it is not ready or if it is not worth it.
    pub gzip: Option<Arc<[u8]>>,
    /// The body as brotli; as above.
    pub br: Option<Arc<[u8]>>,
    /// The body as zstd; as above.
    pub zstd: Option<Arc<[u8]>>,
    /// Where the lists stand in the body.
    pub lists: Lists,
    /// How the scope got here.
    pub history: Arc<History>,
    /// Features of the environment that have no project and so are in no client list: worth a warning.
    pub without_project: usize,
}

/// Makes the view of a scope. `previous` is the view of the same scope before the change.
pub fn assemble(
    environment: &Arc<EnvironmentData>,
    scope: &Scope,
    previous: Option<&Arc<ScopeView>>,
) -> Arc<ScopeView> {
    let previous = previous.filter(|previous| previous.scope == *scope);
    if let Some(previous) = previous.filter(|previous| Arc::ptr_eq(&previous.environment, environment)) {
        return Arc::clone(previous);
    }
    let without_project = environment.features.iter().filter(|feature| feature.project.is_none()).count();
    let mut body = Vec::with_capacity(body_bytes_max(environment, scope));
    let lists = select(environment, scope, None).write_visible(&mut body);
    let etag = Etag::of(&body);
    let history = Arc::new(match previous {
        Some(previous) => previous.history.after(&Step {
            before: &previous.environment,
            after: environment,
            projects: &scope.projects,
            etag: &etag,
            body_bytes: body.len(),
        }),
        None => History::begin(environment, &scope.projects, &etag),
    });
    Arc::new(match previous.filter(|previous| *previous.identity == *body) {
        Some(previous) => {
            let environment = Arc::clone(environment);
            ScopeView { environment, without_project, history, ..(**previous).clone() }
        }
        None => ScopeView {
            environment: Arc::clone(environment),
            scope: scope.clone(),
            etag,
            lists,
            history,
            identity: body.into(),
            gzip: None,
            br: None,
            zstd: None,
            without_project,
        },
    })
}

/// Bytes of the body, or a little more; only a query with very long names needs the buffer to grow.
fn body_bytes_max(environment: &EnvironmentData, scope: &Scope) -> usize {
    let shown = environment.features.iter().filter(|feature| is_visible(&scope.projects, feature));
    let features: usize = shown.map(|feature| feature.json.len() + 1).sum();
    let segments: usize = environment.segments.iter().map(|segment| segment.json.len() + 1).sum();
    let meta = environment.meta.as_ref().map_or(0, |meta| meta.json.len());
    FRAME_BYTES + features + segments + meta
}

fn select<'s>(environment: &'s EnvironmentData, scope: &'s Scope, prefix: Option<&'s str>) -> Selection<'s> {
    Selection {
        environment,
        environment_name: scope.environment.as_deref(),
        projects: &scope.projects,
        prefix,
    }
}

impl ScopeView {
    /// Appends the body for `?namePrefix=` to `out` and returns its tag. Runs on a shard: it costs a search,
    /// a copy and a hash of what is answered, and allocates nothing but what `out` needs to grow.
    pub fn with_prefix(&self, prefix: &str, out: &mut Vec<u8>) -> Etag {
        let start = out.len();
        select(&self.environment, &self.scope, Some(prefix)).write_visible(out);
        Etag::of(out.get(start..).unwrap_or_default())
    }

    /// Where the features with such names stand in the body, without brackets. Costs a look at each feature, unless
    /// the prefix is empty.
    pub(super) fn place_of(&self, prefix: &str) -> Range<usize> {
        let (start, end) = (self.lists.features.start + 1, self.lists.features.end - 1);
        if prefix.is_empty() {
            return start..end;
        }
        // Each with the comma behind it; the last of all has none.
        let bytes = |features: &[Arc<Fragment>]| {
            let shown = features.iter().filter(|feature| is_visible(&self.scope.projects, feature));
            shown.map(|feature| feature.json.len() + 1).sum::<usize>()
        };
        let run = self.environment.starting_with(prefix);
        let before = self.environment.features.partition_point(|feature| *feature.name < *prefix);
        let start = start + bytes(self.environment.features.get(..before).unwrap_or_default());
        match bytes(run) {
            0 => start.min(end)..start.min(end),
            length => start..start + length - 1,
        }
    }

    /// The feature of this name if the scope sees it (http-api.md 10.2).
    pub fn feature(&self, name: &str) -> Option<&Fragment> {
        let feature = self.environment.find(name)?;
        is_visible(&self.scope.projects, feature).then_some(&**feature)
    }

    /// The body in this coding, if it is ready.
    pub fn encoded(&self, coding: Coding) -> Option<&Arc<[u8]>> {
        match coding {
            Coding::Gzip => self.gzip.as_ref(),
            Coding::Brotli => self.br.as_ref(),
            Coding::Zstd => self.zstd.as_ref(),
        }
    }

    /// The same view with a compressed form more (or less).
    pub fn with_compressed(&self, coding: Coding, body: Option<Arc<[u8]>>) -> Self {
        let mut view = self.clone();
        match coding {
            Coding::Gzip => view.gzip = body,
            Coding::Brotli => view.br = body,
            Coding::Zstd => view.zstd = body,
        }
        view
    }
}

#[cfg(test)]
mod tests {
    use super::super::body::write_everything;
    use super::super::compress::compress;
    use super::super::samples::{environment, features, scope, wire};
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    const DOCUMENT: &str = r#"{"version":2,
        "features":[
            {"name":"checkout","type":"release","enabled":true,"stale":false,"impressionData":false,"project":"p1",
             "strategies":[{"name":"flexibleRollout","segments":[1],"constraints":[],
                            "parameters":{"stickiness":"default","rollout":"50","groupId":"checkout"}}],"variants":[]},
            {"name":"Basket","enabled":false,"project":"p2","strategies":[{"name":"default","segments":[7]}]},
            {"name":"lost","enabled":true}],
        "segments":[{"id":7,"constraints":[]},
                    {"id":1,"constraints":[{"values":["eu"],"contextName":"region","operator":"IN"}]}],
        "query":{"environment":"other"},
        "meta":{"etag":"\"76d8bb0e:21\"","revisionId":21,"queryHash":"76d8bb0e"}}"#;

    const CHECKOUT: &str = r#"{"name":"checkout","type":"release","enabled":true,"stale":false,"impressionData":false,"project":"p1","strategies":[{"name":"flexibleRollout","segments":[1],"constraints":[],"parameters":{"groupId":"checkout","rollout":"50","stickiness":"default"},"variants":[]}],"variants":[]}"#;
    const BASKET: &str = r#"{"name":"Basket","enabled":false,"project":"p2","strategies":[{"name":"default","segments":[7],"variants":[]}]}"#;
    const LOST: &str = r#"{"name":"lost","enabled":true}"#;
    const REGION: &str = r#"{"id":1,"constraints":[{"contextName":"region","operator":"IN","caseInsensitive":false,"inverted":false,"values":["eu"]}]}"#;
    const META: &str = r#"{"etag":"\"76d8bb0e:21\"","revisionId":21,"queryHash":"76d8bb0e"}"#;

    fn text(body: &[u8]) -> &str {
        std::str::from_utf8(body).expect("bodies are UTF-8")
    }

    fn body(text: &str, scope: &Scope) -> String {
        self::text(&assemble(&environment(text), scope, None).identity).to_owned()
    }

    #[test]
    fn golden_body_for_all_projects() {
        let expected = format!(
            r#"{{"version":2,"features":[{BASKET},{CHECKOUT}],"segments":[{REGION},{{"id":7,"constraints":[]}}],"query":{{"projects":["*"],"environment":"development","inlineSegmentConstraints":false}},"meta":{META}}}"#
        );
        assert_eq!(body(DOCUMENT, &scope(&["*"])), expected);
    }

    #[test]
    fn golden_body_for_one_project_shows_its_segments_only() {
        let expected = format!(
            r#"{{"version":2,"features":[{CHECKOUT}],"segments":[{REGION}],"query":{{"projects":["p1"],"environment":"development","inlineSegmentConstraints":false}},"meta":{META}}}"#
        );
        assert_eq!(body(DOCUMENT, &scope(&["p1"])), expected);
    }

    #[test]
    fn golden_body_of_nothing() {
        assert_eq!(
            body(
                r#"{"version":2,"features":[]}"#,
                &Scope { environment: None, projects: scope(&[]).projects }
            ),
            r#"{"version":2,"features":[],"query":{"projects":[],"inlineSegmentConstraints":false}}"#
        );
    }

    #[test]
    fn golden_body_of_everything() {
        let mut out = Vec::new();
        write_everything(&environment(DOCUMENT), &mut out);
        let expected = format!(
            r#"{{"version":2,"features":[{BASKET},{CHECKOUT},{LOST}],"segments":[{REGION},{{"id":7,"constraints":[]}}],"query":{{"projects":["*"],"environment":"development","inlineSegmentConstraints":false}},"meta":{META}}}"#
        );
        assert_eq!(text(&out), expected);
    }

    #[test]
    fn golden_body_with_a_prefix() {
        let view = assemble(&environment(DOCUMENT), &scope(&["p2", "p1"]), None);
        let mut out = b"head ".to_vec();
        let etag = view.with_prefix("c\"", &mut out);
        let expected = format!(
            r#"{{"version":2,"features":[],"query":{{"projects":["p1","p2"],"namePrefix":"c\"","environment":"development","inlineSegmentConstraints":false}},"meta":{META}}}"#
        );
        assert_eq!(text(&out), format!("head {expected}"));
        assert_eq!(etag, Etag::of(expected.as_bytes()));
    }

    #[test]
    fn a_feature_without_a_project_is_hidden_and_counted() {
        for projects in [&["*"][..], &[], &["default"]] {
            let view = assemble(&environment(DOCUMENT), &scope(projects), None);
            assert_eq!(view.without_project, 1);
            assert!(view.feature("lost").is_none());
        }
    }

    #[test]
    fn one_feature_is_looked_up_in_the_scope() {
        let view = assemble(&environment(DOCUMENT), &scope(&["p1"]), None);
        assert_eq!(view.feature("checkout").map(|feature| &*feature.json), Some(CHECKOUT));
        for name in ["Basket", "check", "checkouts", "", "CHECKOUT"] {
            assert!(view.feature(name).is_none(), "{name}");
        }
    }

    #[test]
    fn a_view_whose_body_stays_keeps_its_tag_and_encodings() {
        let view = assemble(&environment(DOCUMENT), &scope(&["p1"]), None);
        let view = Arc::new(view.with_compressed(Coding::Gzip, compress(Coding::Gzip, &view.identity)));
        assert!(view.encoded(Coding::Gzip).is_some() && view.encoded(Coding::Zstd).is_none());
        let elsewhere = environment(&DOCUMENT.replace(r#""enabled":false"#, r#""enabled":true"#));
        let next = assemble(&elsewhere, &scope(&["p1"]), Some(&view));
        assert!(Arc::ptr_eq(&next.identity, &view.identity));
        assert!(next.gzip.as_ref().zip(view.gzip.as_ref()).is_some_and(|(next, old)| Arc::ptr_eq(next, old)));
        assert!(Arc::ptr_eq(&next.environment, &elsewhere));
        assert!(Arc::ptr_eq(&assemble(&elsewhere, &scope(&["p1"]), Some(&next)), &next));
    }

    #[test]
    fn a_view_whose_body_changes_starts_anew() {
        let view = assemble(&environment(DOCUMENT), &scope(&["*"]), None);
        let view = Arc::new(view.with_compressed(Coding::Zstd, Some(Arc::from(&b"old"[..]))));
        let changed = environment(&DOCUMENT.replace(r#""enabled":false"#, r#""enabled":true"#));
        let next = assemble(&changed, &scope(&["*"]), Some(&view));
        assert_ne!(next.etag, view.etag);
        assert_eq!(next.etag, Etag::of(&next.identity));
        assert_eq!(next.zstd, None);
        // The view of another scope is of no use, even for the same data.
        let other = assemble(&view.environment, &scope(&["p1"]), Some(&view));
        assert_eq!(other.scope, scope(&["p1"]));
        assert_eq!(other.zstd, None);
    }

    #[test]
    fn many_segments_are_marked_too() {
        let segments: Vec<Value> = (0..3000).map(|id| json!({"id": id, "constraints": []})).collect();
        let strategy = json!({"name": "s", "segments": [5, 2999, 5000]});
        let feature = json!({"name": "f", "enabled": true, "project": "p", "strategies": [strategy]});
        let wire = json!({"version": 2, "features": [feature], "segments": segments}).to_string();
        let body: Value = serde_json::from_str(&body(&wire, &scope(&["*"]))).expect("JSON");
        assert_eq!(body["segments"], json!([{"id": 5, "constraints": []}, {"id": 2999, "constraints": []}]));
    }

    /// The body as it would come out of a parsed document: filter, then drop what is not referred to.
    fn naive(environment: &EnvironmentData, scope: &Scope, prefix: &str) -> Value {
        let mut all = Vec::new();
        write_everything(environment, &mut all);
        let mut all: Value = serde_json::from_slice(&all).expect("JSON");
        let is_shown = |feature: &Value| {
            let name_fits = feature["name"].as_str().is_some_and(|name| name.starts_with(prefix));
            name_fits && feature["project"].as_str().is_some_and(|project| scope.projects.sees(project))
        };
        let features: Vec<Value> =
            all["features"].as_array().expect("a list").iter().filter(|f| is_shown(f)).cloned().collect();
        let is_referred = |segment: &&Value| {
            let ids = |feature: &Value| {
                feature["strategies"][0]["segments"].as_array().cloned().unwrap_or_default()
            };
            features.iter().any(|feature| ids(feature).contains(&segment["id"]))
        };
        let segments: Vec<Value> =
            all["segments"].as_array().into_iter().flatten().filter(is_referred).cloned().collect();
        all["features"] = features.into();
        all["query"] = json!({"projects": scope.projects.names(), "namePrefix": prefix,
                              "environment": "development", "inlineSegmentConstraints": false});
        let members = all.as_object_mut().expect("an object");
        members.remove("segments");
        if !segments.is_empty() {
            members.insert("segments".to_owned(), segments.into());
        }
        all
    }

    fn any_scope() -> impl Strategy<Value = Scope> {
        prop::sample::select(vec![
            vec!["*"],
            vec![],
            vec!["p1"],
            vec!["p1", "p2"],
            vec!["default"],
            vec!["nowhere"],
        ])
        .prop_map(|projects| scope(&projects))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]

        #[test]
        fn a_prefix_body_equals_the_naive_filter(
            features in features(),
            scope in any_scope(),
            prefix in prop_oneof!["[a-cA]{0,2}", Just("b/\"".to_owned()), Just("é".to_owned()), ".{0,3}"],
        ) {
            let environment = environment(&wire(&features));
            let view = assemble(&environment, &scope, None);
            let mut out = Vec::new();
            let etag = view.with_prefix(&prefix, &mut out);
            let body: Value = serde_json::from_slice(&out).expect("JSON");
            prop_assert_eq!(body, naive(&environment, &scope, &prefix));
            prop_assert_eq!(etag, Etag::of(&out));
        }

        #[test]
        fn assembling_twice_gives_the_same(features in features(), scope in any_scope()) {
            let (one, two) = (environment(&wire(&features)), environment(&wire(&features)));
            let (one, two) = (assemble(&one, &scope, None), assemble(&two, &scope, None));
            prop_assert_eq!(&one.identity, &two.identity);
            prop_assert_eq!(one.etag, two.etag);
            prop_assert!(one.identity.len() <= body_bytes_max(&one.environment, &scope));
        }

        #[test]
        fn a_backup_of_everything_loses_nothing(features in features()) {
            let before = environment(&wire(&features));
            let mut out = Vec::new();
            write_everything(&before, &mut out);
            let after = environment(text(&out));
            let json = |environment: &EnvironmentData| -> Vec<Box<str>> {
                environment.features.iter().map(|feature| feature.json.clone()).collect()
            };
            prop_assert_eq!(json(&before), json(&after));
            prop_assert_eq!(&before.meta, &after.meta);
        }

        #[test]
        fn a_served_body_parses_to_the_same_body(features in features()) {
            let first = assemble(&environment(&wire(&features)), &scope(&["*"]), None);
            let again = assemble(&environment(text(&first.identity)), &scope(&["*"]), None);
            prop_assert_eq!(text(&first.identity), text(&again.identity));
        }
    }
}
