//! Input made to hurt: nothing panics, and nothing takes more than time in line with its size. What would be
//! quadratic takes minutes here.

use super::*;
use crate::evaluate::BadContext;
use crate::features::fragment::Fragment;
use proptest::prelude::*;

const MANY: usize = 20_000;

fn evaluate(context: &Context) -> String {
    let engine = with_strategies(json!([
        {"name": "flexibleRollout", "parameters": {"rollout": "50", "stickiness": "k7"}},
        {"name": "default", "constraints": [{"contextName": "k9", "operator": "REGEX", "value": "(x+x+)+y"}]},
    ]));
    let ask = Ask { context, projects: &Projects::All, now_unix_ms: NOW_UNIX_MS, seed: 1 };
    let mut out = Vec::new();
    engine.write_all(&ask, &mut Scratch::default(), &mut out);
    String::from_utf8(out).expect("UTF-8")
}

#[track_caller]
fn check_json(body: String, properties: usize) {
    let context = Context::from_json(body.as_bytes()).expect("a good body");
    assert_eq!(context.properties().count(), properties);
    evaluate(&context);
}

#[track_caller]
fn check_query(query: String, properties: Result<usize, BadContext>) {
    let context = Context::from_query(&query);
    assert_eq!(context.map(|context| context.properties().count()), properties);
}

fn repeated(of: impl Fn(usize) -> String, separator: &str) -> String {
    (0..MANY).map(of).collect::<Vec<_>>().join(separator)
}

#[test]
fn bodies_with_many_keys() {
    check_json(format!("{{{}}}", repeated(|at| format!(r#""k{at}":"v""#), ",")), MANY);
    check_json(format!("{{{}}}", repeated(|_| r#""k":"v""#.to_owned(), ",")), 1);
    check_json(format!("{{{}}}", repeated(|at| format!(r#""properties":{{"a{at}":1}}"#), ",")), 1);
    check_json(format!(r#"{{"x":"y",{}}}"#, repeated(|_| r#""context":{"a":"b"}"#.to_owned(), ",")), 1);
    check_json(format!(r#"{{"x":[{}]}}"#, repeated(|_| r#"{"a":"b"}"#.to_owned(), ",")), 0);
}

#[test]
fn queries_with_many_keys() {
    check_query(repeated(|at| format!("k{at}=v"), "&"), Ok(MANY));
    check_query(repeated(|_| "k=v".to_owned(), "&"), Ok(0));
    check_query(repeated(|at| format!("properties[k{at}]=v"), "&"), Ok(MANY));
    check_query(repeated(|at| format!("properties%5Bk{at}%5D=v"), "&"), Ok(MANY));
    check_query(repeated(|_| "a[b][c][d][e][f][g]=v".to_owned(), "&"), Ok(0));
    check_query(repeated(|_| "a[]=v".to_owned(), "&"), Ok(0));
    check_query("[".repeat(MANY), Err(BadContext::Query));
    check_query("properties[".repeat(MANY), Err(BadContext::Query));
    check_query("a[b]".repeat(MANY), Err(BadContext::Query));
    check_query("%".repeat(MANY) + "=1", Ok(1));
    check_query("&".repeat(MANY), Ok(0));
}

#[test]
fn a_long_value_and_a_pattern_that_explodes_elsewhere() {
    let value = "x".repeat(crate::evaluate::VALUE_BYTES_MAX);
    let context = Context::from_query(&format!("k9={value}&k7={value}")).expect("a good query");
    assert!(evaluate(&context).contains(r#""name":"g""#));
}

#[test]
fn a_fragment_that_is_not_what_it_should_be_is_off() {
    let mut fragment = Fragment::parse(r#"{"name":"g","enabled":true}"#).expect("a good feature");
    fragment.json = r#"{"name":"g","enabled":"#.into();
    let environment =
        EnvironmentData { features: [Arc::new(fragment)].into(), ..EnvironmentData::empty("e".into()) };
    let engine = Engine::compile(&environment, None);
    assert_eq!(engine.malformed().len(), 1);
    assert!(!is_on(&engine, "g", ""));
}

#[test]
fn a_scratch_serves_engines_of_any_size_in_turn() {
    let small = engine(json!([]));
    let large = with_strategies(
        json!([{"name": "default", "constraints": [{"contextName": "plan", "operator": "REGEX", "value": "^a"}]}]),
    );
    let context = context("plan=ab");
    let ask = Ask { context: &context, projects: &Projects::All, now_unix_ms: NOW_UNIX_MS, seed: 1 };
    let mut scratch = Scratch::default();
    for _ in 0..3 {
        for (engine, features) in [(&small, 0), (&large, 1)] {
            let mut out = Vec::new();
            engine.write_enabled(&ask, &mut scratch, &mut out);
            let body: Value = serde_json::from_slice(&out).expect("JSON");
            assert_eq!(body["toggles"].as_array().map(Vec::len), Some(features));
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_are_a_context_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        if let Ok(context) = Context::from_json(&bytes) {
            evaluate(&context);
        }
        if let Ok(context) = Context::from_query(&String::from_utf8_lossy(&bytes)) {
            evaluate(&context);
        }
    }

    #[test]
    fn any_json_is_read_as_its_tree_says(value in any_json()) {
        let body = value.to_string();
        let read = Context::from_json(body.as_bytes());
        match &value {
            Value::Object(members) => match members.get("context") {
                None | Some(Value::Object(_)) => prop_assert!(read.is_ok()),
                Some(_) => prop_assert_eq!(read.err(), Some(BadContext::ContextNotAnObject)),
            },
            _ => prop_assert_eq!(read.err(), Some(BadContext::NotAnObject)),
        }
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let key = prop_oneof![
        Just("context".to_owned()),
        Just("properties".to_owned()),
        Just("userId".to_owned()),
        ".{0,3}"
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,4}".prop_map(Value::from)
    ];
    leaf.prop_recursive(3, 20, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(key.clone(), inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}
