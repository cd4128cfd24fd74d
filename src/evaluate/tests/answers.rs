//! The bytes of answers, and whose features they show (evaluation.md 13).

use super::*;

fn sample() -> Engine {
    let red = json!([{"name": "red", "weight": 1, "payload": {"type": "string", "value": "red text"}}]);
    let only_7 = json!([{"name": "userWithId", "parameters": {"userIds": "7"}}]);
    engine(json!([
        {"name": "é", "enabled": true, "project": "p2"},
        {"name": "b", "enabled": true, "project": "p1", "variants": red, "impressionData": true},
        {"name": "a", "enabled": true, "project": "p1", "strategies": only_7, "variants": red},
        {"name": "Z", "enabled": false},
        {"name": "c\"", "enabled": true, "strategies": only_7, "project": "p2"},
    ]))
}

fn object(name: &str, enabled: bool, variant: &str, impression: bool) -> String {
    format!(
        r#"{{"name":"{name}","enabled":{enabled},"variant":{variant},"impression_data":{impression},"impressionData":{impression}}}"#
    )
}

const DISABLED: &str = r#"{"name":"disabled","enabled":false,"payload":null}"#;
const RED: &str = r#"{"name":"red","enabled":true,"payload":{"type":"string","value":"red text"}}"#;

#[derive(Clone, Copy, Debug)]
enum Path {
    Enabled,
    All,
    One(&'static str),
}

fn answer(engine: &Engine, path: Path, query: &str, projects: &Projects) -> Option<String> {
    let context = context(query);
    let ask = Ask { context: &context, projects, now_unix_ms: NOW_UNIX_MS, seed: 1 };
    let (mut scratch, mut out) = (Scratch::default(), b"head".to_vec());
    let used = match path {
        Path::Enabled => Some(engine.write_enabled(&ask, &mut scratch, &mut out)),
        Path::All => Some(engine.write_all(&ask, &mut scratch, &mut out)),
        Path::One(name) => engine.write_one(name, &ask, &mut scratch, &mut out),
    };
    let text = String::from_utf8(out).expect("UTF-8");
    let body = text.strip_prefix("head").expect("what was there before").to_owned();
    assert_eq!(used.is_none(), body.is_empty());
    used.map(|_| body)
}

#[track_caller]
fn check(path: Path, query: &str, projects: &[&str], expected: Option<&[String]>) {
    let body = answer(&sample(), path, query, &Projects::from_names(projects));
    let expected = expected.map(|objects| match path {
        Path::One(_) => objects.concat(),
        Path::Enabled | Path::All => format!(r#"{{"toggles":[{}]}}"#, objects.join(",")),
    });
    assert_eq!(body, expected, "{path:?} {query} {projects:?}");
}

#[test]
fn lists() {
    let (a, b, c, e, z) = (
        object("a", true, RED, false),
        object("b", true, RED, true),
        object("c\\\"", true, DISABLED, false),
        object("é", true, DISABLED, false),
        object("Z", false, DISABLED, false),
    );
    let (a_off, c_off) = (object("a", false, DISABLED, false), object("c\\\"", false, DISABLED, false));
    let all = [z.clone(), a.clone(), b.clone(), c.clone(), e.clone()];
    for projects in [&["*"][..], &[], &["p1", "p2", "default"]] {
        check(Path::All, "userId=7", projects, Some(&all));
        check(Path::Enabled, "userId=7", projects, Some(&all[1..]));
        check(Path::Enabled, "", projects, Some(&[b.clone(), e.clone()]));
        check(
            Path::All,
            "",
            projects,
            Some(&[z.clone(), a_off.clone(), b.clone(), c_off.clone(), e.clone()]),
        );
    }
    check(Path::Enabled, "userId=7", &["p1"], Some(&[a.clone(), b.clone()]));
    check(Path::All, "", &["p1"], Some(&[a_off, b.clone()]));
    check(Path::All, "", &["default", "x"], Some(std::slice::from_ref(&z)));
    check(Path::Enabled, "", &["default"], Some(&[]));
    check(Path::All, "", &["nowhere"], Some(&[]));
}

#[test]
fn one() {
    let a = object("a", true, RED, false);
    check(Path::One("a"), "userId=7", &["*"], Some(std::slice::from_ref(&a)));
    check(Path::One("a"), "userId=7", &["p1"], Some(&[a]));
    check(Path::One("a"), "", &["*"], Some(&[object("a", false, DISABLED, false)]));
    check(Path::One("b"), "", &["*"], Some(&[object("b", true, RED, true)]));
    check(Path::One("Z"), "", &["default"], Some(&[object("Z", false, DISABLED, false)]));
    check(Path::One("a"), "", &["p2"], None);
    check(Path::One("a"), "", &[], None);
    check(Path::One("missing"), "", &["*"], None);
    check(Path::One("A"), "", &["*"], None);
}

#[test]
fn an_empty_environment() {
    let engine = engine(json!([]));
    for path in [Path::Enabled, Path::All] {
        for projects in [Projects::All, Projects::from_names(["p"]), Projects::from_names::<&str>([])] {
            assert_eq!(answer(&engine, path, "", &projects).as_deref(), Some(r#"{"toggles":[]}"#));
        }
    }
    assert_eq!(engine.names().count(), 0);
    assert_eq!(
        answer(&Engine::default(), Path::All, "", &Projects::All).as_deref(),
        Some(r#"{"toggles":[]}"#)
    );
}

#[test]
fn runs_of_settled_features_stand_where_they_belong() {
    let open = json!([{"name": "userWithId", "parameters": {"userIds": "7"}}]);
    // Every order of a settled on, a settled off and an open feature.
    for orders in ["abc", "acb", "bac", "bca", "cab", "cba", "aabbcc", "cabcab", "a", "b", "c", "aca", "cac"]
    {
        let features = orders.chars().enumerate().map(|(at, kind)| {
            let strategies = if kind == 'c' { open.clone() } else { json!([]) };
            json!({"name": format!("{at}{kind}"), "enabled": kind != 'b', "strategies": strategies})
        });
        let engine = engine(features.collect());
        let shown = |path, query| {
            let body: Value =
                serde_json::from_str(&answer(&engine, path, query, &Projects::All).expect("a list"))
                    .expect("JSON");
            let names = body["toggles"].as_array().into_iter().flatten();
            names
                .map(|toggle| toggle["name"].as_str().expect("a name").chars().last().expect("a kind"))
                .collect::<String>()
        };
        assert_eq!(shown(Path::All, ""), orders);
        assert_eq!(shown(Path::Enabled, "userId=7"), orders.replace('b', ""));
        assert_eq!(shown(Path::Enabled, ""), orders.replace(['b', 'c'], ""));
    }
}
