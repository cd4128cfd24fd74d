//! Makes a failing case small: removes features, strategies, constraints, values and context keys for as long
//! as a difference stays.
//!
//! It knows nothing of the document's shape. It tries to remove each element of each list and each key of
//! each object, biggest first; a document that both sides no longer accept shows no difference, so what is
//! required stays. What must not appear is refused by [`is_fair`].

use serde_json::Value;

/// A document and a context that show a difference.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// The features document.
    pub document: Value,
    /// The context.
    pub context: Value,
}

/// The smallest case that still fails, reached by single removals; the case itself if it does not fail alone.
pub fn shrink(mut case: Case, fails: impl Fn(&Case) -> bool) -> Case {
    if !fails(&case) {
        return case;
    }
    loop {
        let before = case.clone();
        while let Some(smaller) = halves(&case).into_iter().find(|smaller| fails(smaller)) {
            case = smaller;
        }
        case = remove_one_by_one(case, &fails);
        if case == before {
            return case;
        }
    }
}

/// Whether both sides may be compared: no list of weights that adds up to 0, and a time of its own.
pub fn is_fair(case: &Case) -> bool {
    case.context.get("currentTime").is_some_and(Value::is_string) && weights_are_positive(&case.document)
}

fn weights_are_positive(value: &Value) -> bool {
    match value {
        Value::Object(object) => {
            let lists =
                object.iter().filter(|(key, _)| *key == "variants").filter_map(|(_, list)| list.as_array());
            let is_positive = |list: &Vec<Value>| {
                let weights: Vec<i64> =
                    list.iter().filter_map(|variant| variant.get("weight")?.as_i64()).collect();
                weights.is_empty() || weights.iter().sum::<i64>() > 0
            };
            lists.into_iter().all(is_positive) && object.values().all(weights_are_positive)
        }
        Value::Array(list) => list.iter().all(weights_are_positive),
        _ => true,
    }
}

/// The case with one half of its features, or the other.
fn halves(case: &Case) -> Vec<Case> {
    let Some(features) = case.document.get("features").and_then(Value::as_array) else { return Vec::new() };
    if features.len() < 2 {
        return Vec::new();
    }
    let (first, second) = features.split_at(features.len() / 2);
    let with = |features: &[Value]| {
        let mut smaller = case.clone();
        smaller.document["features"] = Value::Array(features.to_vec());
        smaller
    };
    vec![with(first), with(second)]
}

fn remove_one_by_one(mut case: Case, fails: &impl Fn(&Case) -> bool) -> Case {
    for part in [Part::Document, Part::Context] {
        let mut at = 0;
        // Paths are listed anew after each removal; those before `at` have been tried.
        while let Some(path) = paths(part.of(&case)).into_iter().nth(at) {
            let mut smaller = case.clone();
            remove(part.of_mut(&mut smaller), &path);
            if is_fair(&smaller) && fails(&smaller) { case = smaller } else { at += 1 }
        }
    }
    case
}

#[derive(Debug, Clone, Copy)]
enum Part {
    Document,
    Context,
}

impl Part {
    fn of(self, case: &Case) -> &Value {
        match self {
            Self::Document => &case.document,
            Self::Context => &case.context,
        }
    }

    fn of_mut(self, case: &mut Case) -> &mut Value {
        match self {
            Self::Document => &mut case.document,
            Self::Context => &mut case.context,
        }
    }
}

/// JSON pointers to everything below a value, the outer before the inner.
pub fn paths(value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![(String::new(), value)];
    while !open.is_empty() {
        let mut inner = Vec::new();
        for (path, value) in open {
            let children: Vec<(String, &Value)> = match value {
                Value::Array(list) => {
                    list.iter().enumerate().map(|(at, child)| (at.to_string(), child)).collect()
                }
                Value::Object(object) => object.iter().map(|(key, child)| (escape(key), child)).collect(),
                _ => Vec::new(),
            };
            inner.extend(children.into_iter().map(|(key, child)| (format!("{path}/{key}"), child)));
        }
        found.extend(inner.iter().map(|(path, _)| path.clone()));
        open = inner;
    }
    found
}

fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// Takes out what the pointer leads to.
pub fn remove(value: &mut Value, path: &str) {
    let Some((parent, key)) = path.rsplit_once('/') else { return };
    match value.pointer_mut(parent) {
        Some(Value::Array(list)) => {
            if let Some(at) = key.parse().ok().filter(|at| *at < list.len()) {
                list.remove(at);
            }
        }
        Some(Value::Object(object)) => {
            object.remove(&key.replace("~1", "/").replace("~0", "~"));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn case(document: Value, context: Value) -> Case {
        Case { document, context }
    }

    #[test]
    fn only_what_makes_it_fail_is_left() {
        let big = case(
            json!({"features": [{"name": "a"}, {"name": "b/c~", "x~/y": [1, 2, 3], "rest": {}}, {"name": "d"}]}),
            json!({"currentTime": "now", "userId": "7", "properties": {"p": "1"}}),
        );
        let fails = |case: &Case| {
            let has_two = case.document.to_string().contains('2');
            has_two && case.context.get("userId").is_some()
        };
        let small = case(json!({"features": [{"x~/y": [2]}]}), json!({"currentTime": "now", "userId": "7"}));
        assert_eq!(shrink(big, fails), small);
    }

    #[test]
    fn what_would_crash_the_reference_is_not_tried() {
        let weights = |weights: &[i64]| {
            let variants: Vec<Value> = weights.iter().map(|weight| json!({"weight": weight})).collect();
            case(json!({"features": [{"strategies": [{"variants": variants}]}]}), json!({"currentTime": ""}))
        };
        assert!(is_fair(&weights(&[])) && is_fair(&weights(&[0, 1])));
        assert!(!is_fair(&weights(&[0])) && !is_fair(&weights(&[0, 0])));
        assert!(!is_fair(&case(json!({}), json!({}))));
    }
}
