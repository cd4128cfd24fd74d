//! Reading of contexts: JSON bodies and query strings make the same context on both sides, or an error.

use brink::evaluate::{BadContext, Context, Field};
use brink_reference::dice::Dice;
use brink_reference::request;
use brink_reference::run::Settings;
use std::collections::BTreeMap;
use unleash_types::client_features::Context as TheirContext;

/// Texts tried per state of a run.
const TEXTS_PER_STATE: u64 = 100;

/// A context in the words of both sides: the named fields, then the properties.
#[derive(Debug, PartialEq, Eq)]
struct Read {
    fields: [Option<String>; 6],
    properties: BTreeMap<String, String>,
}

/// Names that a property could wrongly have been read under.
const CANDIDATES: &[&str] = &[
    "",
    "0",
    "plan",
    "foo",
    "bar",
    "a b",
    "größe",
    "properties",
    "context",
    "properties.plan",
    "userid",
    "random",
    "[",
    "]",
    "[]",
    "[plan]",
    "properties[plan]",
    "plan[x]",
    "Context",
    "7",
    "n",
    "b",
    "z",
    "o",
    "l",
];

fn ours_of(context: &Context, theirs: Option<&Read>) -> Read {
    let fields = [
        Field::UserId,
        Field::SessionId,
        Field::Environment,
        Field::AppName,
        Field::CurrentTime,
        Field::RemoteAddress,
    ];
    let names = theirs.into_iter().flat_map(|read| read.properties.keys().map(String::as_str));
    let names = names.chain(CANDIDATES.iter().copied());
    let property = |name: &str| Some((name.to_owned(), context.property(name)?.to_owned()));
    Read {
        fields: fields.map(|field| context.field(field).map(str::to_owned)),
        properties: names.filter_map(property).collect(),
    }
}

fn theirs(context: TheirContext) -> Read {
    // A property with the name of a field is left over only when the field was given as null; nothing can
    // read it, and brink does not keep it.
    let is_readable =
        |(name, _): &(String, String)| !brink_reference::palette::FIELDS.contains(&name.as_str());
    Read {
        fields: [
            context.user_id,
            context.session_id,
            context.environment,
            context.app_name,
            context.current_time,
            context.remote_address,
        ],
        properties: context.properties.unwrap_or_default().into_iter().filter(is_readable).collect(),
    }
}

/// How a body is refused: 400 for text that is not JSON, 422 for JSON of another shape.
#[derive(Debug, PartialEq, Eq)]
enum Refused {
    Text,
    Shape,
}

/// Whether both sides accept the body; they must read the same, and refuse in the same way.
#[track_caller]
fn check_body(body: &[u8]) -> bool {
    let theirs = serde_json::from_slice(body).map(theirs).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => Refused::Shape,
        _ => Refused::Text,
    });
    let ours = Context::from_json(body);
    let ours = ours.map(|context| ours_of(&context, theirs.as_ref().ok())).map_err(|error| match error {
        BadContext::NotAnObject | BadContext::ContextNotAnObject => Refused::Shape,
        BadContext::NotJson | BadContext::Query | BadContext::ValueTooLong => Refused::Text,
    });
    if is_broken_without_an_object(body) {
        assert!(ours.is_err() && theirs.is_err(), "{ours:?}, {theirs:?}; the body was {body:?}");
    } else {
        assert_eq!(ours, theirs, "ours, theirs; the body was {:?}", String::from_utf8_lossy(body));
    }
    ours.is_ok()
}

/// The reference sees at the first character that it will be no object, and never sees that it is not even
/// JSON. brink reads to the end first, as the contract has it: 400 for what is not JSON.
fn is_broken_without_an_object(body: &[u8]) -> bool {
    !body.trim_ascii_start().starts_with(b"{") && serde_json::from_slice::<serde_json::Value>(body).is_err()
}

/// Whether both sides accept the query; they must read the same.
#[track_caller]
fn check_query(query: &str) -> bool {
    let reader = serde_qs::Config::new().max_depth(5).use_form_encoding(true);
    // It takes encoded brackets in capital letters only; the contract has them alike (http-api.md 10.10).
    let capitals = query.replace("%5b", "%5B").replace("%5d", "%5D");
    let theirs = reader.deserialize_str(&capitals).map(theirs).map_err(|_| ());
    let ours =
        Context::from_query(query).map(|context| ours_of(&context, theirs.as_ref().ok())).map_err(|_| ());
    if is_without_content(query) {
        assert!(ours.is_ok(), "{query:?}");
    } else {
        assert_eq!(ours, theirs, "ours, theirs; the query was {query:?}");
    }
    ours.is_ok()
}

/// Only empty pairs, or one `=`. `serde_qs` refuses the first and finds nothing in the second; the contract has
/// empty pairs skipped, and in `=` a property with an empty name and value.
fn is_without_content(query: &str) -> bool {
    (!query.is_empty() && query.bytes().all(|byte| byte == b'&')) || query.trim_matches('&') == "="
}

/// Runs the check on random texts; at least a third of them must be accepted.
fn check_random(salt: u64, check: impl Fn(&mut Dice) -> bool) {
    let settings = Settings::from_environment(300);
    let mut accepted = 0;
    for seed in settings.seeds() {
        let mut dice = Dice::seeded(seed ^ salt);
        accepted += (0..TEXTS_PER_STATE).filter(|_| check(&mut dice)).count() as u64;
    }
    let tried = settings.states * TEXTS_PER_STATE;
    println!("{tried} texts, {accepted} accepted");
    assert!(tried < 1000 || (accepted * 3 > tried && accepted < tried), "{accepted} of {tried}");
}

#[test]
fn random_bodies() {
    check_random(0x1b0d1e5, |dice| check_body(&request::body(dice)));
}

#[test]
fn random_queries() {
    check_random(0x0e41e5, |dice| check_query(&request::query(dice)));
}

#[test]
fn bodies_of_the_contract() {
    for body in [
        r#"{"userId":7}"#,
        r#"{"userId":true}"#,
        r#"{"userId":null,"properties":{"userId":"7"}}"#,
        r#"{"properties":{"userId":7}}"#,
        r#"{"properties":{"n":1,"b":true,"z":null,"o":{},"l":[1]}}"#,
        r#"{"foo":"x","bar":7,"baz":true}"#,
        r#"{"properties":{"foo":"p"},"foo":"t"}"#,
        r#"{"foo":"t","properties":{"foo":"p"}}"#,
        r#"{"properties":{"foo":"p"},"foo":7}"#,
        r#"{"properties":null}"#,
        r#"{"properties":"x"}"#,
        r#"{"context":{"userId":"7"},"userId":"8"}"#,
        r#"{"userId":"8","context":{"context":{"userId":"9"}}}"#,
        r#"{"userId":"a","userId":"b"}"#,
        r#"{"properties":{"plan":"a"},"properties":{"foo":"b"}}"#,
        r#"{"context":{"userId":"a"},"context":{"foo":"b"}}"#,
        r#"{"context":7,"context":{"foo":"b"}}"#,
        r#"{"userId":"a","userId":null,"properties":{"userId":"b"}}"#,
        r#"{"userId":{"a":1},"properties":{"userId":"b"}}"#,
        r#"{"properties":{"plan":"a","plan":null}}"#,
        r#" { } "#,
    ] {
        assert!(check_body(body.as_bytes()), "{body}");
    }
    for body in
        [r#"{"context":null,"userId":"8"}"#, r#"{"context":[]}"#, "", "5", "[]", "null", "\"x\"", "{}x"]
    {
        assert!(!check_body(body.as_bytes()), "{body}");
    }
}

#[test]
fn depth_of_bodies() {
    for depth in [1, 5, 100, 124, 125, 126, 127, 128, 129, 200] {
        let lists = format!("{{\"foo\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
        check_body(lists.as_bytes());
        let objects =
            format!("{{\"userId\":\"7\",\"foo\":{}1{}}}", "{\"a\":".repeat(depth), "}".repeat(depth));
        check_body(objects.as_bytes());
        let inner = format!("{{\"properties\":{{\"foo\":{}{}}}}}", "[".repeat(depth), "]".repeat(depth));
        check_body(inner.as_bytes());
        let context = format!("{{\"context\":{{\"foo\":{}{}}}}}", "[".repeat(depth), "]".repeat(depth));
        check_body(context.as_bytes());
    }
}

#[test]
fn queries_of_the_contract() {
    for query in [
        "",
        "&",
        "userId=7",
        "userId=",
        "userId",
        "userId=7&userId=8",
        "userId[0]=7",
        "userId[a]=7",
        "properties[plan]=team",
        "properties%5Bplan%5D=team",
        "properties%5bplan%5d=team",
        "plan=team",
        "plan=a&properties[plan]=b",
        "properties[plan]=b&plan=a",
        "plan=a&plan=b",
        "properties[plan]=a&properties[plan]=b",
        "plan[x]=1",
        "properties[plan][x]=1",
        "properties[plan]=",
        "properties[plan]",
        "properties[0]=z",
        "properties[]=z",
        "properties=z",
        "properties[userId]=7",
        "userId&properties[userId]=7",
        "properties.plan=x",
        "context[userId]=9&userId=3",
        "=3",
        "=",
        "a+b=c+d",
        "userId==3",
        "userId=%zz",
        "userId=%",
        "userId=%4",
        "currentTime=2022-01-01T00:00:00+02:00",
        "&&userId=7&&",
        "a[b][c][d][e][f][g]=1",
        "properties[a][b][c][d][e][f][g]=1",
        "userId=a;plan=b",
    ] {
        assert!(check_query(query), "{query}");
    }
    for query in [
        "context=5",
        "context=",
        "context",
        "properties[a=1",
        "properties[a]b=1",
        "properties[x[y]]=1",
        "userId=7&userId[]=8",
        "userId=%ff",
        "a%5Bb=c%26d",
    ] {
        assert!(!check_query(query), "{query}");
    }
}
