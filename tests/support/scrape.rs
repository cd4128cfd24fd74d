//! Reads the text format 0.0.4 of Prometheus, strictly: whatever a scraper would refuse or misread fails the test.
//!
//! Our own, since the parser crates at hand split labels at commas and braces inside of values, or are not under a licence
//! that fits.
#![allow(dead_code, reason = "each user needs another part of it")]

use std::collections::{BTreeMap, BTreeSet};

/// Labels of a series, by name.
pub type Labels = BTreeMap<String, String>;

/// A whole scrape.
#[derive(Debug)]
pub struct Scrape {
    /// Type of each family.
    pub types: BTreeMap<String, String>,
    /// Name, labels and value of each sample, in order.
    pub samples: Vec<(String, Labels, f64)>,
}

impl Scrape {
    /// Reads and checks a scrape.
    #[track_caller]
    pub fn read(text: &str) -> Self {
        assert!(text.ends_with('\n'), "the last line ends, too");
        let mut scrape = Self { types: BTreeMap::new(), samples: Vec::new() };
        let mut family = String::new();
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').expect("a type");
                assert!(matches!(kind, "counter" | "gauge" | "histogram"), "{line}");
                assert!(*name > *family, "{name} after {family}: families stand once, by name");
                assert_eq!(scrape.types.insert(name.to_owned(), kind.to_owned()), None);
                family = name.to_owned();
            } else if !line.starts_with("# HELP ") {
                let sample = sample(line);
                let of_family =
                    sample.0.strip_prefix(&*family).unwrap_or_else(|| panic!("{line} below {family}"));
                let is_histogram = scrape.types.get(&family).is_some_and(|kind| kind == "histogram");
                let suffixes: &[&str] = if is_histogram { &["_bucket", "_sum", "_count"] } else { &[""] };
                assert!(suffixes.contains(&of_family), "{line} below {family}");
                scrape.samples.push(sample);
            }
        }
        scrape.check();
        scrape
    }

    /// Series occur once, and buckets add up.
    #[track_caller]
    fn check(&self) {
        let mut seen = BTreeSet::new();
        for (name, labels, value) in &self.samples {
            assert!(seen.insert((name, labels)), "{name} {labels:?} twice");
            assert!(value.is_finite() && *value >= 0.0, "{name} {labels:?} {value}");
        }
        for (name, kind) in &self.types {
            if kind == "histogram" {
                self.check_histograms(name);
            }
        }
    }

    #[track_caller]
    fn check_histograms(&self, name: &str) {
        let mut buckets: BTreeMap<Labels, Vec<(f64, f64)>> = BTreeMap::new();
        for (_, labels, count) in self.all(&format!("{name}_bucket")) {
            let mut labels = labels.clone();
            let bound = labels.remove("le").expect("a bucket has a bound");
            let bound = if bound == "+Inf" { f64::INFINITY } else { bound.parse().expect("a number") };
            buckets.entry(labels).or_default().push((bound, *count));
        }
        assert_eq!(buckets.len(), self.all(&format!("{name}_count")).count(), "{name}");
        assert_eq!(buckets.len(), self.all(&format!("{name}_sum")).count(), "{name}");
        for (_, labels, count) in self.all(&format!("{name}_count")) {
            let buckets = buckets.get(labels).unwrap_or_else(|| panic!("{name} {labels:?} has no buckets"));
            assert!(buckets.is_sorted(), "{name} {labels:?} {buckets:?}");
            assert!(buckets.is_sorted_by_key(|(_, count)| *count), "{name} {labels:?} {buckets:?}");
            assert_eq!(buckets.last(), Some(&(f64::INFINITY, *count)), "{name} {labels:?}");
        }
    }

    /// All samples of this name.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &(String, Labels, f64)> {
        self.samples.iter().filter(move |(other, ..)| other == name)
    }

    /// Sum of all samples of this name with these labels among theirs.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let has =
            |theirs: &Labels, (name, value): &(&str, &str)| theirs.get(*name).is_some_and(|is| is == value);
        let matching = self.all(name).filter(|(_, theirs, _)| labels.iter().all(|label| has(theirs, label)));
        matching.map(|(.., value)| value).sum()
    }

    /// The values that a label has in this family.
    pub fn values(&self, name: &str, label: &str) -> BTreeSet<&str> {
        self.all(name).filter_map(|(_, labels, _)| labels.get(label)).map(|value| &**value).collect()
    }
}

/// `name{label="value",…} value`
#[track_caller]
fn sample(line: &str) -> (String, Labels, f64) {
    let end = line.find(['{', ' ']).unwrap_or_else(|| panic!("{line}"));
    let (name, rest) = line.split_at(end);
    assert!(is_name(name), "{line}");
    let mut labels = Labels::new();
    let rest = match rest.strip_prefix('{') {
        None => rest,
        Some(rest) => read_labels(rest, &mut labels).unwrap_or_else(|| panic!("{line}")),
    };
    let value = rest.strip_prefix(' ').and_then(|text| text.parse().ok());
    (name.to_owned(), labels, value.unwrap_or_else(|| panic!("{line}")))
}

/// Returns what stands behind the closing brace.
fn read_labels<'t>(mut rest: &'t str, labels: &mut Labels) -> Option<&'t str> {
    let mut before = String::new();
    loop {
        let (name, quoted) = rest.split_once("=\"")?;
        // By name, as metrics.md 3.2 has them; the bound of a bucket stands last.
        if !is_name(name) || (*name <= *before && name != "le") {
            return None;
        }
        before = name.to_owned();
        let mut value = String::new();
        let mut signs = quoted.char_indices();
        let end = loop {
            match signs.next()? {
                (at, '"') => break at + 1,
                (_, '\\') => value.push(match signs.next()?.1 {
                    'n' => '\n',
                    sign @ ('\\' | '"') => sign,
                    _ => return None,
                }),
                (_, sign) => value.push(sign),
            }
        };
        labels.insert(name.to_owned(), value);
        let behind = quoted.get(end..)?;
        match behind.strip_prefix('}') {
            Some(rest) => return Some(rest),
            None => rest = behind.strip_prefix(',')?,
        }
    }
}

fn is_name(text: &str) -> bool {
    let is_of_name = |sign: char| sign.is_ascii_alphanumeric() || sign == '_';
    !text.is_empty() && text.chars().all(is_of_name) && !text.starts_with(|sign: char| sign.is_ascii_digit())
}
