//! The parameters of a query string, in order, undecoded.
//!
//! Splits at `&` and the first `=` and nothing else: what a key means, nesting in brackets and repeated keys are
//! the service's business. Keys and values are decoded on demand, because a route wants few of them.

use std::borrow::Cow;

use super::percent::decode_form;

/// One parameter as it was sent. `a` and `a=` are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parameter<'q> {
    /// Before the first `=`.
    pub raw_key: &'q str,
    /// After it, or empty.
    pub raw_value: &'q str,
}

impl<'q> Parameter<'q> {
    /// The decoded key, `None` if it is not UTF-8.
    pub fn key(&self) -> Option<Cow<'q, str>> {
        decode_form(self.raw_key)
    }

    /// The decoded value, `None` if it is not UTF-8.
    pub fn value(&self) -> Option<Cow<'q, str>> {
        decode_form(self.raw_value)
    }
}

/// The parameters of a query string without its `?`. Empty ones (`a&&b`) are skipped.
pub fn parameters(query: &str) -> impl Iterator<Item = Parameter<'_>> {
    query.split('&').filter(|parameter| !parameter.is_empty()).map(|parameter| {
        let (raw_key, raw_value) = parameter.split_once('=').unwrap_or((parameter, ""));
        Parameter { raw_key, raw_value }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(query: &str, expected: &[(Option<&str>, Option<&str>)]) {
        let found: Vec<_> = parameters(query).map(|parameter| (parameter.key(), parameter.value())).collect();
        let found: Vec<_> = found.iter().map(|(key, value)| (key.as_deref(), value.as_deref())).collect();
        assert_eq!(found, expected, "{query:?}");
    }

    #[test]
    fn parameters_are_split_then_decoded() {
        check("", &[]);
        check("&&", &[]);
        check("userId=7", &[(Some("userId"), Some("7"))]);
        check("a=1&b=2&a=3", &[(Some("a"), Some("1")), (Some("b"), Some("2")), (Some("a"), Some("3"))]);
        check("a&b=&=c", &[(Some("a"), Some("")), (Some("b"), Some("")), (Some(""), Some("c"))]);
        check("a=b=c", &[(Some("a"), Some("b=c"))]);
        check("a=1+2%263%3D4", &[(Some("a"), Some("1 2&3=4"))]);
        check("properties%5Bx%5D=y&properties[z]=%zz", &[
            (Some("properties[x]"), Some("y")),
            (Some("properties[z]"), Some("%zz")),
        ]);
        check("a=%ff&%ff=b", &[(Some("a"), None), (None, Some("b"))]);
        check("a;b=1", &[(Some("a;b"), Some("1"))]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn parameters_joined_again_are_the_query(query in "[a-c=&%+\u{e9}]{0,40}") {
            let keep = |part: &&str| !part.is_empty();
            let expected: Vec<_> = query.split('&').filter(keep).map(|part| part.trim_end_matches('=').to_string()).collect();
            let joined: Vec<_> = parameters(&query)
                .map(|found| format!("{}={}", found.raw_key, found.raw_value).trim_end_matches('=').to_string())
                .collect();
            prop_assert_eq!(joined, expected);
        }
    }
}
