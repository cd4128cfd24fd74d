//! Assembling a features body from fragments: copies only, nothing is serialised but a few keys.
//!
//! Keys in the order `version`, `features`, `segments` (those a feature in the body refers to; left out if
//! there are none), `query` (rebuilt from the scope), `meta` (left out if there is none): http-api.md 10.1.
//! Apart from growing the output nothing is allocated, unless an environment has more segments than
//! `INLINE_SEGMENTS_MAX`.

use super::environment::EnvironmentData;
use super::fragment::Fragment;
use super::json::push_text;
use crate::tokens::scope::Projects;
use std::io::Write;
use std::ops::Range;
use std::sync::Arc;

/// Which part of an environment a body shows, and what its `query` says.
pub(super) struct Selection<'s> {
    pub(super) environment: &'s EnvironmentData,
    /// The name in `query`; `None` for opaque tokens.
    pub(super) environment_name: Option<&'s str>,
    pub(super) projects: &'s Projects,
    /// `namePrefix`; an empty one matches all but is echoed.
    pub(super) prefix: Option<&'s str>,
}

/// Where the lists stand in a body, brackets included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lists {
    /// The features.
    pub features: Range<usize>,
    /// The segments; empty if the body has none.
    pub segments: Range<usize>,
}

/// Everything an environment holds, features without a project included: for the backup and for
/// `/internal-backstage/features`. The query names all projects.
pub fn write_everything(environment: &EnvironmentData, out: &mut Vec<u8>) {
    let whole = Selection {
        environment,
        environment_name: Some(&environment.name),
        projects: &Projects::All,
        prefix: None,
    };
    whole.write(&environment.features, |_| true, out);
}

/// Whether a client list for these projects shows the feature: never without a project, not even for `*`.
pub(super) fn is_visible(projects: &Projects, feature: &Fragment) -> bool {
    feature.project.as_deref().is_some_and(|project| projects.sees(project))
}

impl Selection<'_> {
    /// Appends the body a client gets.
    pub(super) fn write_visible(&self, out: &mut Vec<u8>) -> Lists {
        let features = self.environment.starting_with(self.prefix.unwrap_or_default());
        self.write(features, |feature| is_visible(self.projects, feature), out)
    }

    fn write(
        &self,
        features: &[Arc<Fragment>],
        is_shown: impl Fn(&Fragment) -> bool,
        out: &mut Vec<u8>,
    ) -> Lists {
        let start = out.len();
        let mut marks = SegmentMarks::new(self.environment);
        out.extend_from_slice(b"{\"version\":");
        push_number(out, self.environment.version);
        out.extend_from_slice(b",\"features\":");
        let features_start = out.len();
        out.push(b'[');
        let mut separator = Separator::default();
        for feature in features.iter().filter(|feature| is_shown(feature)) {
            separator.push(out);
            out.extend_from_slice(feature.json.as_bytes());
            marks.mark(&feature.segments);
        }
        out.push(b']');
        let features = features_start - start..out.len() - start;
        let segments = self.write_segments(&mut marks, start, out);
        self.write_query(out);
        if let Some(meta) = &self.environment.meta {
            out.extend_from_slice(b",\"meta\":");
            out.extend_from_slice(meta.json.as_bytes());
        }
        out.push(b'}');
        Lists { features, segments }
    }

    fn write_segments(&self, marks: &mut SegmentMarks<'_>, start: usize, out: &mut Vec<u8>) -> Range<usize> {
        if marks.is_empty() {
            return 0..0;
        }
        out.extend_from_slice(b",\"segments\":");
        let segments_start = out.len();
        out.push(b'[');
        let mut separator = Separator::default();
        for (position, segment) in self.environment.segments.iter().enumerate() {
            if marks.has(position) {
                separator.push(out);
                out.extend_from_slice(segment.json.as_bytes());
            }
        }
        out.push(b']');
        segments_start - start..out.len() - start
    }

    fn write_query(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b",\"query\":{\"projects\":");
        push_projects(out, self.projects);
        if let Some(prefix) = self.prefix {
            out.extend_from_slice(b",\"namePrefix\":");
            push_text(out, prefix);
        }
        if let Some(name) = self.environment_name {
            out.extend_from_slice(b",\"environment\":");
            push_text(out, name);
        }
        out.extend_from_slice(b",\"inlineSegmentConstraints\":false}");
    }
}

fn push_projects(out: &mut Vec<u8>, projects: &Projects) {
    let Projects::Named(names) = projects else {
        out.extend_from_slice(b"[\"*\"]");
        return;
    };
    out.push(b'[');
    let mut separator = Separator::default();
    for name in names {
        separator.push(out);
        push_text(out, name);
    }
    out.push(b']');
}

fn push_number(out: &mut Vec<u8>, number: u64) {
    write!(out, "{number}").expect("a number can always be written into a vector");
}

/// A comma before each element but the first.
#[derive(Default)]
struct Separator {
    has_first: bool,
}

impl Separator {
    fn push(&mut self, out: &mut Vec<u8>) {
        if self.has_first {
            out.push(b',');
        }
        self.has_first = true;
    }
}

/// Segments per environment for which a body is written without allocation. Unleash allows a few hundred.
const INLINE_SEGMENTS_MAX: usize = 1024;
const WORD_BITS: usize = u64::BITS as usize;

/// Which segments of an environment are referred to: one bit each.
pub(super) struct SegmentMarks<'e> {
    environment: &'e EnvironmentData,
    inline: [u64; INLINE_SEGMENTS_MAX / WORD_BITS],
    /// Used instead of `inline` if that is too small.
    spilled: Vec<u64>,
}

impl<'e> SegmentMarks<'e> {
    pub(super) fn new(environment: &'e EnvironmentData) -> Self {
        let words = environment.segments.len().div_ceil(WORD_BITS);
        let inline = [0; INLINE_SEGMENTS_MAX / WORD_BITS];
        let spilled = if words > inline.len() { vec![0; words] } else { Vec::new() };
        Self { environment, inline, spilled }
    }

    pub(super) fn mark(&mut self, ids: &[i64]) {
        for &id in ids {
            let Some(position) = self.environment.segment_position(id) else { continue };
            if let Some(word) = self.words().get_mut(position / WORD_BITS) {
                *word |= 1 << (position % WORD_BITS);
            }
        }
    }

    pub(super) fn has(&mut self, position: usize) -> bool {
        let bit = 1 << (position % WORD_BITS);
        self.words().get(position / WORD_BITS).is_some_and(|word| word & bit != 0)
    }

    fn is_empty(&mut self) -> bool {
        self.words().iter().all(|word| *word == 0)
    }

    fn words(&mut self) -> &mut [u64] {
        if self.spilled.is_empty() { &mut self.inline } else { &mut self.spilled }
    }
}
