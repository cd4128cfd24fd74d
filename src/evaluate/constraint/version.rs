//! Semantic versions 2.0, read strictly and compared by precedence: the build part does not count.

use std::cmp::Ordering;

/// A version, borrowed from its text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Version<'a> {
    /// Major, minor, patch.
    numbers: [u64; 3],
    /// What follows `-`: empty for a release.
    pre_release: &'a str,
}

impl<'a> Version<'a> {
    /// `None` if the text is no version.
    pub(super) fn read(text: &'a str) -> Option<Self> {
        let (text, build) = split(text, '+');
        let (release, pre_release) = split(text, '-');
        let good_parts = build.is_none_or(|build| build.split('.').all(is_part))
            && pre_release.is_none_or(|pre_release| pre_release.split('.').all(is_pre_release_part));
        let mut numbers = release.split('.').map(number);
        let numbers = [numbers.next()??, numbers.next()??, numbers.next().filter(|_| good_parts)??];
        let is_complete = release.split('.').count() == 3;
        is_complete.then_some(Self { numbers, pre_release: pre_release.unwrap_or_default() })
    }

    /// The order of semver 2.0, section 11.
    pub(super) fn precedence(&self, other: &Self) -> Ordering {
        self.numbers.cmp(&other.numbers).then_with(|| match (self.pre_release, other.pre_release) {
            ("", "") => Ordering::Equal,
            ("", _) => Ordering::Greater,
            (_, "") => Ordering::Less,
            (one, other) => compare_pre_releases(one, other),
        })
    }
}

fn split(text: &str, at: char) -> (&str, Option<&str>) {
    text.split_once(at).map_or((text, None), |(head, tail)| (head, Some(tail)))
}

/// Digits without a leading zero.
fn number(text: &str) -> Option<u64> {
    (is_numeric(text) && !has_leading_zero(text)).then(|| text.parse().ok()).flatten()
}

fn is_numeric(part: &str) -> bool {
    !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit())
}

fn has_leading_zero(part: &str) -> bool {
    part.len() > 1 && part.starts_with('0')
}

fn is_part(part: &str) -> bool {
    !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn is_pre_release_part(part: &str) -> bool {
    is_part(part) && !(is_numeric(part) && has_leading_zero(part))
}

/// Part by part; if all are equal, the longer list is the greater.
fn compare_pre_releases(one: &str, other: &str) -> Ordering {
    let (mut ones, mut others) = (one.split('.'), other.split('.'));
    loop {
        let ordering = match (ones.next(), others.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(one), Some(other)) => compare_parts(one, other),
        };
        if ordering.is_ne() {
            return ordering;
        }
    }
}

/// Numbers by value (they have no leading zeros, so the longer one is greater) and before words.
fn compare_parts(one: &str, other: &str) -> Ordering {
    match (is_numeric(one), is_numeric(other)) {
        (true, true) => one.len().cmp(&other.len()).then_with(|| one.cmp(other)),
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
        (false, false) => one.cmp(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strictly_read() {
        for good in [
            "1.2.3",
            "0.0.0",
            "1.2.3-alpha.10",
            "1.2.3-0a",
            "1.2.3+01",
            "1.2.3-a-b+c-d.1",
            "18446744073709551615.0.0",
        ] {
            assert!(Version::read(good).is_some(), "{good}");
        }
        for bad in [
            "",
            "1",
            "1.2",
            "1.2.3.4",
            "01.2.3",
            "v1.2.3",
            "1.2.x",
            "1.2.3-",
            "1.2.3-01",
            "1.2.3+",
            "1.2.3-a..b",
            " 1.2.3",
            "1.2.3 ",
            "+1.2.3",
            "1.+2.3",
            "18446744073709551616.0.0",
            "1.2.3-\u{e9}",
            "1..3",
            "1.2.3+a+b",
        ] {
            assert!(Version::read(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn ordered_by_precedence() {
        let rising = [
            "1.0.0-1",
            "1.0.0-2",
            "1.0.0-10",
            "1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-alpha.beta",
            "1.0.0-beta",
            "1.0.0-beta.2",
            "1.0.0-beta.11",
            "1.0.0-rc.1",
            "1.0.0",
            "1.0.1",
            "1.10.0",
            "2.0.0-a",
        ];
        for (at, one) in rising.iter().enumerate() {
            for (other_at, other) in rising.iter().enumerate() {
                let (one, other) = (Version::read(one).expect("good"), Version::read(other).expect("good"));
                assert_eq!(one.precedence(&other), at.cmp(&other_at), "{one:?} {other:?}");
            }
        }
        let built = Version::read("1.0.0+b").expect("good");
        assert!(built.precedence(&Version::read("1.0.0+a").expect("good")).is_eq());
    }
}
