//! A context from a query string (evaluation.md 2.3).
//!
//! Nearly every query is a list of plain keys and `properties[name]`: these are noted as they come, without
//! allocating. Whatever else brackets, numbers and empty keys can mean needs the whole tree; then everything
//! noted is dropped and [`super::tree`] reads the query from the start.

use super::BadContext;
use super::draft::{Draft, Layer, Repeats};
use super::{form, tree};

/// A bracket, plain or encoded alike. Unleash Edge 20.4 knows upper-case hexadecimal digits only, against RFC 3986
/// 6.2.2.1.
const OPEN: [&str; 3] = ["[", "%5B", "%5b"];
const CLOSE: [&str; 3] = ["]", "%5D", "%5d"];
/// Keys that only the tree understands when they stand alone.
const STRUCTURED: [&str; 2] = ["properties", "context"];

/// Notes what a query says.
pub(super) fn read(query: &str, draft: &mut Draft, text: &mut String) -> Result<(), BadContext> {
    draft.restart(Repeats::AreNothing);
    if read_plain(query, draft, text)? == Read::All {
        return Ok(());
    }
    draft.restart(Repeats::LastWins);
    text.clear();
    tree::read(query, draft, text)
}

#[derive(Debug, PartialEq, Eq)]
enum Read {
    All,
    /// There is something in it that is not plain.
    NotPlain,
}

fn read_plain(query: &str, draft: &mut Draft, text: &mut String) -> Result<Read, BadContext> {
    let mut rest = query;
    while !rest.is_empty() {
        let Some((pair, after)) = plain_pair(rest) else { return Ok(Read::NotPlain) };
        rest = after;
        let Some(pair) = pair else { continue };
        let start = text.len();
        let name = form::append_decoded(pair.key, text)?;
        // Found only now if it is encoded: `propert%69es=1`.
        if pair.layer == Layer::Top && STRUCTURED.contains(&name.of_text(text)) {
            text.truncate(start);
            return Ok(Read::NotPlain);
        }
        let value = pair.value.map(|value| form::append_decoded(value, text)).transpose()?;
        draft.note(pair.layer, name, value, text);
    }
    Ok(Read::All)
}

struct Pair<'q> {
    layer: Layer,
    key: &'q str,
    value: Option<&'q str>,
}

/// The first pair and what follows its `&`; no pair if it is empty. `None` if it is not plain.
fn plain_pair(query: &str) -> Option<(Option<Pair<'_>>, &str)> {
    let key_end =
        query.bytes().position(|byte| matches!(byte, b'&' | b'=' | b'[' | b'%')).unwrap_or(query.len());
    let (layer, key, after) = match open_property(query, key_end) {
        Some(inner) => {
            let (key, after) = split_at_close(inner)?;
            (Layer::Properties, key, after)
        }
        None => {
            let (key, after) = top_key(query, key_end)?;
            (Layer::Top, key, after)
        }
    };
    let (value, rest) = value_and_rest(after)?;
    if key.is_empty() && layer == Layer::Top && value.is_none() {
        return Some((None, rest));
    }
    if key.is_empty() || form::number(key).is_some() {
        return None;
    }
    Some((Some(Pair { layer, key, value }), rest))
}

/// What follows `properties[`.
fn open_property(query: &str, key_end: usize) -> Option<&str> {
    let (name, after) = query.split_at_checked(key_end)?;
    if name != "properties" {
        return None;
    }
    OPEN.iter().find_map(|bracket| after.strip_prefix(bracket))
}

/// A key up to `&`, `=` or the end, and from there. `None` if it has an opening bracket.
fn top_key(query: &str, mut key_end: usize) -> Option<(&str, &str)> {
    loop {
        let (key, after) = query.split_at_checked(key_end)?;
        if OPEN.iter().any(|bracket| after.starts_with(bracket)) {
            return None;
        }
        if !after.starts_with('%') {
            return Some((key, after));
        }
        let behind = after.bytes().skip(1).position(|byte| matches!(byte, b'&' | b'=' | b'[' | b'%'));
        key_end = behind.map_or(query.len(), |behind| key_end + 1 + behind);
    }
}

/// A key up to the closing bracket, and what follows it.
fn split_at_close(inner: &str) -> Option<(&str, &str)> {
    let mut from = 0;
    loop {
        let at = from + inner.get(from..)?.bytes().position(|byte| matches!(byte, b']' | b'%'))?;
        let (key, after) = inner.split_at_checked(at)?;
        if let Some(after) = CLOSE.iter().find_map(|bracket| after.strip_prefix(bracket)) {
            return Some((key, after));
        }
        from = at + 1;
    }
}

/// The value after `=`, if there is one, and what follows its `&`. `None` if something else follows the key.
fn value_and_rest(after: &str) -> Option<(Option<&str>, &str)> {
    if after.is_empty() {
        return Some((None, after));
    }
    if let Some(rest) = after.strip_prefix('&') {
        return Some((None, rest));
    }
    let value = after.strip_prefix('=')?;
    let (value, rest) = value.split_once('&').unwrap_or((value, ""));
    Some((Some(value), rest))
}

#[cfg(test)]
mod tests {
    use super::super::{Context, Field};
    use super::*;
    use proptest::prelude::*;

    /// The fields and properties as `name=value`, or the error.
    fn shown(query: &str) -> Result<Vec<String>, BadContext> {
        let context = Context::from_query(query)?;
        let fields = Field::ALL.iter().filter_map(|field| Some((field.name(), context.field(*field)?)));
        Ok(fields
            .map(|(name, value)| format!("{name}:{value}"))
            .chain(context.properties().map(|(name, value)| format!("{name}={value}")))
            .collect())
    }

    #[track_caller]
    fn check(query: &str, expected: &[&str]) {
        assert_eq!(shown(query), Ok(expected.iter().map(|text| (*text).to_owned()).collect()), "{query}");
    }

    #[test]
    fn reads_as_the_contract_says() {
        check("userId=7", &["userId:7"]);
        check("userId=", &["userId:"]);
        check("userId", &[]);
        check("userId&properties[userId]=8", &[]);
        check("userId=7&userId=8", &[]);
        check("userId=7&userId=8&properties[userId]=9", &[]);
        check("userId[0]=7", &[]);
        check("userId[a]=7", &[]);
        check("properties[plan]=team", &["plan=team"]);
        check("properties%5Bplan%5D=team", &["plan=team"]);
        check("properties%5Bplan]=team", &["plan=team"]);
        check("properties%5bplan%5d=team", &["plan=team"]);
        check("properties[plan%5D=team&properties%5bcountry]=NO", &["country=NO", "plan=team"]);
        check("context%5buserId%5d=9&userId=3", &["userId:9"]);
        check("plan=team", &["plan=team"]);
        check("plan=a&properties[plan]=b", &["plan=a"]);
        check("properties[plan]=b&plan=a", &["plan=a"]);
        check("plan=a&plan=b", &[]);
        check("plan=a&plan=b&properties[plan]=c", &["plan=c"]);
        check("properties[plan]=a&properties[plan]=b", &[]);
        check("plan[x]=1", &[]);
        check("properties[plan][x]=1", &[]);
        check("properties[plan]=", &["plan="]);
        check("properties[plan]", &[]);
        check("properties[0]=z", &[]);
        check("properties[]=z", &[]);
        check("properties=z", &[]);
        check("properties[userId]=7", &["userId:7"]);
        check("properties.plan=x", &["properties.plan=x"]);
        check("context[userId]=9&userId=3", &["userId:9"]);
        check("=3", &["=3"]);
        check("=", &["="]);
        check("a+b=c+d", &["a b=c d"]);
        check("userId==3", &["userId:=3"]);
        check("userId=%zz", &["userId:%zz"]);
        check("currentTime=2022-01-01T00:00:00+02:00", &["currentTime:2022-01-01T00:00:00 02:00"]);
        check("userid=7", &["userid=7"]);
        check("", &[]);
        check("&&a=1&", &["a=1"]);
        check("context[properties][plan]=a&plan=b", &["plan=a"]);
        check("context[context][a]=b", &[]);
    }

    #[test]
    fn odd_keys() {
        check("7=a", &["7=a"]);
        check("007=a", &["7=a"]);
        check("properties[5x]=a", &["5x=a"]);
        check("a]=1", &["a]=1"]);
        check("a%5D=1", &["a]=1"]);
        check("a=%5b%5d", &["a=[]"]);
        check("[a]=1", &["a=1"]);
        check("a=1&=3", &["=3", "a=1"]);
        check("properties[a&b=c]=1", &["a&b=c=1"]);
        check("propert%69es=1", &[]);
        check("a=%5B%5D", &["a=[]"]);
        check("properties[0]=a&properties[x]=b", &["0=a", "x=b"]);
        check("a[b][c][d][e][f][g][h]=i&x=1", &["x=1"]);
    }

    #[test]
    fn errors() {
        for query in [
            "properties[a=1",
            "properties[a]b=1",
            "properties[x[y]]=1",
            "userId=7&userId[]=8",
            "userId=7&userId[a]=8",
            "userId=%ff",
            "%ff=1",
            "properties[%ff]=1",
            "x[a]=%ff",
            "a[",
            "a%5b=1",
            "a%5B=1",
            "a[][b]=1",
            "a[b]=1&a[]=2",
            "a[]=1&a[b]=2",
            "=3&a=1",
            "=3&=4",
            "[]=1",
            "properties[5]=a",
            "a[1]=x",
        ] {
            assert_eq!(shown(query), Err(BadContext::Query), "{query}");
        }
        for query in ["context=5", "context=", "context", "context[]=1", "context[0]=1"] {
            assert_eq!(shown(query), Err(BadContext::ContextNotAnObject), "{query}");
        }
    }

    fn piece() -> impl Strategy<Value = &'static str> {
        prop::sample::select(vec![
            "a",
            "b",
            "userId",
            "properties",
            "properties[",
            "[",
            "]",
            "%5B",
            "%5D",
            "%5b",
            "%5d",
            "&",
            "=",
            "%",
            "%41",
            "+",
            "7",
            "\u{e9}",
        ])
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]

        /// What the short way reads, the tree reads alike.
        #[test]
        fn short_and_long_way_agree(pieces in prop::collection::vec(piece(), 0..12)) {
            let query = pieces.concat();
            let (mut draft, mut text) = (Draft::default(), String::new());
            draft.restart(Repeats::LastWins);
            let long = tree::read(&query, &mut draft, &mut text).map(|()| {
                let mut context = Context { text: text.clone(), draft, ..Context::default() };
                context.settle().expect("short values");
                let properties: Vec<_> = context.properties().map(|(name, value)| format!("{name}={value}")).collect();
                (context.field(Field::UserId).map(str::to_owned), properties)
            });
            let short = Context::from_query(&query).map(|context| {
                let properties: Vec<_> = context.properties().map(|(name, value)| format!("{name}={value}")).collect();
                (context.field(Field::UserId).map(str::to_owned), properties)
            });
            prop_assert_eq!(short, long, "{}", query);
        }
    }
}
