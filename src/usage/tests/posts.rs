//! What is read from posts, and what is refused.

use serde_json::{Value, json};

use super::{absorbed, counts, json, metrics, poster, sent};
use crate::usage::{
    Bucket, Dropped, Reason, SdkType,
    post::{BadBody, Poster, Toggles},
};

const T0: &str = "2026-11-21T02:10:00Z";

/// All entries that are sent, as (flag, application, yes, no, variants).
#[track_caller]
fn check(posts: &[String], expected: Value) {
    let mut bucket = Bucket::default();
    for post in posts {
        metrics(&mut bucket, post).expect(post);
    }
    let sent = if bucket.is_empty() { json!({"metrics": []}) } else { sent(bucket) };
    let rows = sent["metrics"].as_array().expect("a list").iter();
    let rows: Vec<Value> = rows
        .map(|row| json!([row["featureName"], row["appName"], row["yes"], row["no"], row["variants"]]))
        .collect();
    assert_eq!(Value::from(rows), expected, "{posts:?}");
}

#[test]
fn counts_are_summed_by_application_flag_and_hour() {
    let post = |toggles: &str| counts("a", T0, toggles);
    check(&[post(r#""x":{"yes":1,"no":2}"#)], json!([["x", "a", 1, 2, {}]]));
    check(&[post(r#""x":{"yes":1,"no":2}"#), post(r#""x":{"no":3,"yes":4}"#)], json!([["x", "a", 5, 5, {}]]));
    let other = counts("b", T0, r#""x":{"yes":1,"no":0}"#);
    check(&[post(r#""x":{"yes":1,"no":2}"#), other], json!([["x", "a", 1, 2, {}], ["x", "b", 1, 0, {}]]));
    let later = counts("a", "2026-11-21T03:00:00Z", r#""x":{"yes":1,"no":0}"#);
    check(&[later, post(r#""x":{"yes":1,"no":2}"#)], json!([["x", "a", 1, 2, {}], ["x", "a", 1, 0, {}]]));
    check(
        &[post(r#""x":{"yes":1,"no":0,"variants":{"b":1,"a":1}},"y":{"yes":0,"no":1,"variants":null}"#)],
        json!([["x", "a", 1, 0, {"a": 1, "b": 1}], ["y", "a", 0, 1, {}]]),
    );
    check(&[post(r#""a\"b\u00fc":{"yes":1,"no":0,"more":[1]}"#)], json!([["a\"bü", "a", 1, 0, {}]]));
}

#[test]
fn what_was_not_evaluated_leaves_nothing() {
    let nothing = json!([]);
    check(&[counts("a", T0, r#""x":{"yes":0,"no":0,"variants":{"v":1}}"#)], nothing.clone());
    check(&[counts("a", T0, "")], nothing.clone());
    check(&[r#"{"appName":"a","bucket":null}"#.to_owned()], nothing.clone());
    check(&[r#"{"appName":"a"}"#.to_owned()], nothing);
}

#[test]
fn bodies_that_are_refused_leave_nothing() {
    #[track_caller]
    fn check(body: &str, expected: Result<(), BadBody>) {
        let mut bucket = Bucket::default();
        let taken = metrics(&mut bucket, body);
        assert!(bucket.is_empty(), "{body}");
        match (taken, expected) {
            (Err(BadBody::NotJson(_)), Err(BadBody::NotJson(_))) => {}
            (Err(BadBody::WrongShape(text)), Err(BadBody::WrongShape(part))) => {
                assert!(text.contains(&part), "{text} of {body}");
            }
            (taken, _) => panic!("{taken:?} of {body}"),
        }
    }
    let not_json = Err(BadBody::NotJson(String::new()));
    let wrong = |part: &str| Err(BadBody::WrongShape(part.to_owned()));
    check("", not_json.clone());
    check("{", not_json.clone());
    check("nonsense", not_json.clone());
    check(r#"{"appName":"a"} x"#, not_json);
    check("[]", wrong("invalid"));
    check("{}", wrong("missing field `appName`"));
    check(r#"{"appName":7}"#, wrong("invalid type: integer `7`"));
    check(r#"{"appName":"a","bucket":[]}"#, wrong("invalid type: sequence"));
    check(
        r#"{"appName":"a","bucket":{"stop":"2026-11-21T02:10:00Z","toggles":{}}}"#,
        wrong("missing field `start`"),
    );
    check(
        r#"{"appName":"a","bucket":{"start":"2026-11-21T02:10:00Z","toggles":{}}}"#,
        wrong("missing field `stop`"),
    );
    check(&counts("a", "soon", ""), wrong("RFC 3339"));
    check(&counts("a", T0, r#""x":{"yes":1,"no":0},"y":{"yes":1}"#), wrong("missing field `no`"));
    check(&counts("a", T0, r#""x":{"yes":1,"no":0},"y":{"yes":-1,"no":0}"#), wrong("invalid"));
    check(&counts("a", T0, r#""x":{"yes":1,"yes":1,"no":0}"#), wrong("duplicate field `yes`"));
    check(&counts("a", T0, r#""x":{"yes":1,"no":0,"variants":[]}"#), wrong("invalid type"));
    let long = format!(r#"{{"appName":["{}"]}}"#, "x".repeat(9_000));
    check(&long, wrong("invalid type"));
    let Err(BadBody::WrongShape(text)) = metrics(&mut Bucket::default(), &counts("a", &"ü".repeat(900), ""))
    else {
        panic!("no date");
    };
    assert!(text.len() <= 300, "{} bytes", text.len());
}

#[test]
fn times_far_off_are_left_out_and_counted() {
    let mut bucket = Bucket::default();
    metrics(&mut bucket, &counts("a", "1999-12-31T23:00:00Z", r#""x":{"yes":1,"no":0}"#)).expect("old");
    assert!(bucket.drops().is_empty());
    for start in ["1969-12-31T23:00:00Z", "2026-11-23T02:10:00Z"] {
        metrics(&mut bucket, &counts("a", start, r#""x":{"yes":1,"no":2},"y":{"yes":0,"no":0}"#))
            .expect("a post");
    }
    assert_eq!(bucket.drops().of(Reason::Timestamp), Dropped { elements: 2, evaluations: 6 });
    assert_eq!(bucket.entries(), 1);
}

#[test]
fn the_earliest_report_describes_the_entry() {
    let post = |minute: u32, version: &str| {
        let start = format!("2026-11-21T02:{minute:02}:00Z");
        let body = counts("a", &start, r#""x":{"yes":1,"no":0}"#);
        body.replacen('{', &format!(r#"{{"sdkVersion":"{version}","sdkType":"frontend","#), 1)
    };
    let mut bucket = Bucket::default();
    for (minute, version) in [(30, "second"), (10, "first"), (50, "third"), (10, "again")] {
        metrics(&mut bucket, &post(minute, version)).expect("a post");
    }
    let sent = sent(bucket);
    let metric = &sent["metrics"][0];
    assert_eq!((&metric["yes"], &metric["timestamp"]), (&4.into(), &"2026-11-21T02:10:00Z".into()));
    assert_eq!((&metric["sdkVersion"], &metric["sdkType"]), (&"first".into(), &"frontend".into()));
}

#[test]
fn registrations_are_of_the_token_and_keep_the_newest() {
    let mut bucket = Bucket::default();
    let projects = crate::tokens::scope::Projects::from_names(["p2", "p1"]);
    let poster = Poster { projects: &projects, sdk_type: SdkType::Frontend, ..poster("development") };
    for (interval, more) in [(1, ""), (2, r#","environment":"elsewhere","projects":["x"]"#), (3, "")] {
        let body = format!(
            r#"{{"appName":"web","interval":{interval},"started":"{T0}","strategies":["s","default"]{more}}}"#
        );
        bucket.take_registration(body.as_bytes(), &poster).expect("a registration");
    }
    let typed = format!(
        r#"{{"appName":"web","instanceId":"i","sdkType":"backend","interval":9,"started":"{T0}","strategies":[],
        "connectVia":[{{"appName":"far","instanceId":"1"}}]}}"#
    );
    bucket.take_registration(typed.as_bytes(), &poster).expect("a registration");
    let sent = sent(bucket);
    let of = |at: usize, key: &str| sent["applications"][at][key].clone();
    assert_eq!(sent["applications"].as_array().map(Vec::len), Some(2), "{sent}");
    assert_eq!((of(0, "instanceId"), of(0, "interval")), (json!("default"), json!(3)));
    assert_eq!((of(0, "environment"), of(0, "projects")), (json!("development"), json!(["p1", "p2"])));
    assert_eq!((of(0, "sdkType"), of(1, "sdkType")), (json!("frontend"), json!("backend")));
    assert_eq!(of(0, "strategies"), json!(["s", "default"]));
    let via =
        [json!({"appName": "far", "instanceId": "1"}), json!({"appName": "my-edge", "instanceId": "01M7"})];
    assert_eq!(of(1, "connectVia"), json!(via));
}

#[test]
fn registrations_that_are_refused() {
    let check = |body: &str, part: &str| {
        let mut bucket = Bucket::default();
        let refused = bucket.take_registration(body.as_bytes(), &poster("development"));
        let Err(BadBody::WrongShape(text)) = refused else { panic!("{refused:?} of {body}") };
        assert!(text.contains(part), "{text}");
        assert!(bucket.is_empty());
    };
    check("{}", "missing field `appName`");
    check(r#"{"appName":"a"}"#, "missing field `interval`");
    check(r#"{"appName":"a","interval":1,"started":"x","strategies":[]}"#, "RFC 3339");
    check(r#"{"appName":"a","interval":1,"started":"2026-01-01T00:00:00Z"}"#, "missing field `strategies`");
    let typed =
        r#"{"appName":"a","interval":1,"started":"2026-01-01T00:00:00Z","strategies":[],"sdkType":"x"}"#;
    check(typed, "unknown variant `x`");
}

fn bulk(environment: &str, body: &Value) -> Bucket {
    let mut bucket = Bucket::default();
    bucket.take_bulk(body.to_string().as_bytes(), &poster(environment)).expect("a bulk post");
    bucket
}

#[test]
fn an_edge_below_reports_for_the_environment_of_its_token() {
    let metric = |environment: &str, yes: u64| {
        json!({"featureName": "x", "appName": "a", "environment": environment, "timestamp": T0, "yes": yes, "no": 0,
            "variants": {"v": yes}})
    };
    let application = |environment: Value| {
        json!({"appName": "a", "instanceId": environment, "environment": environment, "interval": 1, "started": T0,
            "strategies": []})
    };
    let bucket = bulk(
        "development",
        &json!({
            "applications": [application(Value::Null), application(json!("production"))],
            "metrics": [metric("development", 1), metric("production", 2), metric("production", 0), metric("development", 4)],
            "seenTokens": ["*:development.s1", "nonsense", "*:production.s2", "*:development.s1"],
        }),
    );
    assert_eq!(bucket.drops().of(Reason::ForeignEnvironment), Dropped { elements: 1, evaluations: 2 });
    assert_eq!(bucket.drops().total().elements, 1);
    let mut ledger = absorbed(bucket);
    assert_eq!(
        ledger.environments().iter().map(|name| &**name).collect::<Vec<_>>(),
        ["development", "production"]
    );
    assert_eq!(ledger.token_seen("development"), None, "another's token is not ours to use");
    let mut body = |environment| json(&ledger.take(environment).expect("something").body());
    let (development, production) = (body("development"), body("production"));
    assert_eq!(development["metrics"][0]["yes"], 5);
    assert_eq!(development["metrics"][0]["variants"], json!({"v": 5}));
    assert_eq!(development["applications"][0]["environment"], "development");
    assert_eq!(development["applications"][0]["connectVia"][0]["appName"], "my-edge");
    assert!(development["applications"][0]["projects"].is_null());
    assert_eq!(development["seenTokens"], json!(["*:development.s1"]));
    assert_eq!(
        (&production["metrics"], &production["seenTokens"]),
        (&json!([]), &json!(["*:production.s2"]))
    );
}

#[test]
fn impact_metrics_merge_by_labels_after_their_origin_is_set() {
    let post = |kind: &str, value: f64, labels: &str| {
        format!(
            r#"{{"appName":"a","impactMetrics":[{{"type":"{kind}","name":"m","help":"h","samples":[
                {{"value":{value},"labels":{labels}}},{{"value":{value}}}]}}]}}"#
        )
    };
    let check = |kind: &str, expected: Value| {
        let mut bucket = Bucket::default();
        for (value, labels) in [(1.5, "{}"), (2.0, r#"{"origin":"x"}"#), (4.0, r#"{"k":"v"}"#), (3.0, "null")]
        {
            metrics(&mut bucket, &post(kind, value, labels)).expect("a post");
        }
        let sent = sent(bucket);
        let samples = sent["impactMetrics"][0]["samples"].as_array().expect("samples").iter();
        let values: Vec<Value> = samples.map(|sample| json!([sample["labels"], sample["value"]])).collect();
        assert_eq!(Value::from(values), expected, "{kind}");
    };
    let (plain, labelled) = (json!({"origin": "edge"}), json!({"k": "v", "origin": "edge"}));
    check("counter", json!([[labelled, 4.0], [plain, 17.0]]));
    check("gauge", json!([[labelled, 4.0], [plain, 3.0]]));
}

#[test]
fn impact_metrics_of_two_kinds_do_not_mix() {
    let post = |kind: &str, app: &str| {
        format!(
            r#"{{"appName":"{app}","impactMetrics":[{{"type":"{kind}","name":"m","help":"h","samples":[{{"value":1}}]}}]}}"#
        )
    };
    let mut bucket = Bucket::default();
    for body in [post("counter", "a"), post("gauge", "a"), post("gauge", "b")] {
        metrics(&mut bucket, &body).expect("a post");
    }
    assert_eq!(bucket.drops().of(Reason::KindConflict), Dropped { elements: 1, evaluations: 0 });
    let sent = sent(bucket);
    let kinds: Vec<&Value> =
        sent["impactMetrics"].as_array().expect("two").iter().map(|one| &one["type"]).collect();
    assert_eq!(kinds, ["counter", "gauge"]);
}

#[test]
fn impact_metrics_that_are_refused() {
    let check = |metric: &str| {
        let body = format!(r#"{{"appName":"a","impactMetrics":[{metric}]}}"#);
        let refused = metrics(&mut Bucket::default(), &body);
        assert!(matches!(refused, Err(BadBody::WrongShape(_))), "{refused:?} of {metric}");
    };
    check(r#"{"name":"m","help":"h","samples":[]}"#);
    check(r#"{"type":"summary","name":"m","help":"h","samples":[]}"#);
    check(r#"{"type":"counter","name":"m","help":"h"}"#);
    check(r#"{"type":"counter","name":"m","help":"h","samples":[{"value":"1"}]}"#);
    check(r#"{"type":"counter","name":"m","help":"h","samples":[{"value":1,"labels":{"a":1}}]}"#);
    check(
        r#"{"type":"histogram","name":"m","help":"h","samples":[{"count":1,"sum":1,"buckets":[{"le":"Inf","count":1}]}]}"#,
    );
}

#[test]
fn documents_of_edges_below_are_passed_on_as_they_came() {
    let mut bucket = Bucket::default();
    let document = r#"{"identifier":"e1", "appName":"child","new":{"a":1.50}}"#;
    bucket.take_instance(br#"{"identifier":"e1","old":true}"#).expect("a document");
    bucket.take_instance(format!(" {document}\n").as_bytes()).expect("a document");
    bucket.take_instance(br#"{"identifier":"e0"}"#).expect("a document");
    for refused in [&b"{}"[..], b"[]", b"", br#"{"identifier":7}"#] {
        assert!(bucket.take_instance(refused).is_err());
    }
    let mut ledger = absorbed(bucket);
    let children = ledger.take_children();
    assert_eq!(
        serde_json::to_string(&children).expect("JSON"),
        format!(r#"[{{"identifier":"e0"}},{document}]"#)
    );
    assert!(ledger.take_children().is_empty());

    let mut newer = Bucket::default();
    newer.take_instance(br#"{"identifier":"e1","newer":true}"#).expect("a document");
    ledger.absorb(newer);
    ledger.put_back_children(children);
    let children = serde_json::to_string(&ledger.take_children()).expect("JSON");
    assert_eq!(children, r#"[{"identifier":"e0"},{"identifier":"e1","newer":true}]"#);
    assert_eq!(ledger.bytes(), 0);
}

#[test]
fn memory_for_toggles_is_used_again() {
    let (mut bucket, mut memory) = (Bucket::default(), Toggles::default());
    for body in
        [counts("a", T0, r#""x":{"yes":1,"no":0,"variants":{"v":1}}"#), "{".to_owned(), counts("a", T0, "")]
    {
        let _ = bucket.take_metrics(body.as_bytes(), &poster("development"), &mut memory);
    }
    assert_eq!(bucket.increments().map(|one| one.yes).sum::<u64>(), 1);
}
