//! Where in a stream we are: which id to resume from, and whether something is missing (delta-and-streaming.md 9.3). Pure.
//!
//! No id shows a gap: ids skip numbers. So a gap is what cannot be read, what is not known, a change without a state, and
//! silence; each is repaired by a connection without an id, which brings a hydration. One worker owns it.

use super::sse::Event;
use crate::features::{delta::Changes, environment::EnvironmentData, error::DocumentError};

/// Event types that carry changes; all clients treat the two alike.
const NAMES: [&str; 2] = ["unleash-connected", "unleash-updated"];

/// Silences in a row after which an id is not trusted any more.
const SILENCES_MAX: u32 = 2;

/// Why the state may be incomplete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gap {
    /// What came cannot be read.
    Unreadable(DocumentError),
    /// An event is longer than allowed.
    TooLarge,
    /// A kind of change that is not known here.
    Unknown,
    /// A change without a state before it.
    NotHydrated,
    /// After a resumption the ids are lower than the one resumed from: upstream's history has changed.
    Lower,
    /// Silent too often.
    Silence,
    /// A polled document shows something else.
    Drift,
}

impl Gap {
    /// The label `reason` of `brink_stream_rehydrations_total`.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "unreadable",
            Self::TooLarge => "too_large",
            Self::Unknown => "unknown_event",
            Self::NotHydrated => "not_hydrated",
            Self::Lower => "lower_id",
            Self::Silence => "silence",
            Self::Drift => "drift",
        }
    }
}

impl std::fmt::Display for Gap {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unreadable(error) => write!(out, "an event cannot be read: {error}"),
            Self::TooLarge => out.write_str("an event is too large"),
            Self::Unknown => out.write_str("a kind of change is not known"),
            Self::NotHydrated => out.write_str("a change came before any state"),
            Self::Lower => out.write_str("upstream's ids are lower than before"),
            Self::Silence => out.write_str("the stream was silent twice in a row"),
            Self::Drift => out.write_str("a polled list shows something else"),
        }
    }
}

/// What an event comes to.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Received {
    /// To be applied.
    pub changes: Option<Changes>,
    /// Then the connection is to be given up.
    pub gap: Option<Gap>,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Position {
    /// Of the last event whose changes were taken over.
    id: Option<String>,
    /// A state has come since the last time that everything was forgotten.
    hydrated: bool,
    /// The connection began with an id, and nothing with an id has come on it yet.
    resuming: bool,
    /// The connection has had its first event.
    connected: bool,
    /// Connections in a row that fell silent after what they began with.
    silences: u32,
}

impl Position {
    /// A connection begins; the id to send with it.
    pub fn begin(&mut self) -> Option<&str> {
        self.id = self.id.take().filter(|id| !id.is_empty());
        (self.resuming, self.connected) = (self.id.is_some(), false);
        // Without an id a whole state comes first, or it is not this protocol.
        self.hydrated &= self.resuming;
        self.id.as_deref()
    }

    /// Forgets everything: the next connection brings a hydration.
    pub fn forget(&mut self) {
        *self = Self::default();
    }

    /// A comment has come.
    pub fn kept_alive(&mut self) {
        self.silences = 0;
    }

    /// The connection was silent for too long. True if the id is not trusted any more.
    pub fn silent(&mut self) -> bool {
        self.silences += 1;
        let is_gap = self.silences >= SILENCES_MAX && self.id.is_some();
        if is_gap {
            self.forget();
        }
        is_gap
    }

    /// Judges an event. `parse` reads its data.
    pub fn received(
        &mut self,
        event: Event,
        known: &EnvironmentData,
        parse: impl FnOnce(&[u8], &EnvironmentData) -> Result<Changes, DocumentError>,
    ) -> Received {
        if std::mem::replace(&mut self.connected, true) {
            self.silences = 0;
        }
        if !NAMES.contains(&&*event.name) {
            tracing::debug!(
                name = event.name.chars().take(40).collect::<String>(),
                "The stream has an event of another type"
            );
            return Received::default();
        }
        let changes = match parse(&event.data, known) {
            Ok(changes) => changes,
            Err(error) => return Received::gap(Gap::Unreadable(error)),
        };
        // An upstream with another history has nothing to say to who is ahead of it, before something changes.
        let theirs = number_of(&event, &changes);
        let is_first = theirs.is_some() && std::mem::take(&mut self.resuming);
        let mine = self.number().filter(|_| is_first);
        if changes.is_incremental() && !self.hydrated {
            return Received::gap(Gap::NotHydrated);
        }
        self.hydrated |= changes.hydrates();
        let is_lower = !changes.hydrates() && mine.zip(theirs).is_some_and(|(mine, theirs)| theirs < mine);
        let is_incomplete = changes.is_incomplete();
        self.id = event.id.or(self.id.take());
        let gap = if is_incomplete { Some(Gap::Unknown) } else { is_lower.then_some(Gap::Lower) };
        Received { changes: Some(changes), gap }
    }

    /// The id as a number; tokens of other forms begin with one and go on with a hyphen.
    fn number(&self) -> Option<u64> {
        leading_number(self.id.as_deref()?)
    }
}

impl Received {
    fn gap(gap: Gap) -> Self {
        Self { changes: None, gap: Some(gap) }
    }
}

/// How far an event leads, if it says so.
fn number_of(event: &Event, changes: &Changes) -> Option<u64> {
    changes.event_id_max().or_else(|| leading_number(event.id.as_deref()?))
}

fn leading_number(id: &str) -> Option<u64> {
    id.split('-').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::features::delta::parse_changes;

    const HYDRATION: &str = r#"{"type":"hydration","eventId":40,"features":[]}"#;
    const REMOVED: &str = r#"{"type":"segment-removed","eventId":41,"segmentId":1}"#;
    const LOWER: &str = r#"{"type":"segment-removed","eventId":4,"segmentId":1}"#;
    const UNKNOWN: &str = r#"{"type":"flag-frozen","eventId":42}"#;

    fn receive(
        position: &mut Position,
        name: &str,
        id: Option<&str>,
        events: &str,
    ) -> (bool, Option<&'static str>) {
        let known = EnvironmentData::empty(Arc::from("dev"));
        let data = format!(r#"{{"events":[{events}]}}"#).into_bytes();
        let event = Event { name: name.into(), data, id: id.map(str::to_owned) };
        let received = position.received(event, &known, parse_changes);
        (received.changes.is_some(), received.gap.as_ref().map(Gap::label))
    }

    fn update(position: &mut Position, id: Option<&str>, events: &str) -> (bool, Option<&'static str>) {
        receive(position, "unleash-updated", id, events)
    }

    fn at_40() -> Position {
        let mut position = Position::default();
        assert_eq!(position.begin(), None);
        assert_eq!(receive(&mut position, "unleash-connected", Some("40"), HYDRATION), (true, None));
        position
    }

    #[test]
    fn the_id_follows_what_was_taken_over() {
        let mut position = at_40();
        assert_eq!(update(&mut position, Some("41"), REMOVED), (true, None));
        assert_eq!(update(&mut position, None, ""), (true, None));
        assert_eq!(position.begin(), Some("41"));
        assert_eq!(update(&mut position, Some("x"), "7"), (false, Some("unreadable")));
        assert_eq!(receive(&mut position, "fetch-mode", Some("99"), "7"), (false, None));
        assert_eq!(receive(&mut position, "", Some("99"), REMOVED), (false, None));
        assert_eq!(position.begin(), Some("41"));
        assert_eq!(update(&mut position, Some(""), REMOVED), (true, None));
        assert_eq!(position.begin(), None);
    }

    #[test]
    fn gaps() {
        assert_eq!(update(&mut at_40(), Some("42"), UNKNOWN), (true, Some("unknown_event")));
        assert_eq!(update(&mut at_40(), Some("42"), &format!("{UNKNOWN},{HYDRATION}")), (true, None));
        assert_eq!(update(&mut Position::default(), Some("41"), REMOVED), (false, Some("not_hydrated")));
        assert_eq!(update(&mut Position::default(), None, ""), (true, None));
        let mut position = at_40();
        position.forget();
        assert_eq!(position.begin(), None);
        assert_eq!(update(&mut position, Some("41"), REMOVED), (false, Some("not_hydrated")));
    }

    #[test]
    fn a_stream_without_ids_begins_with_a_state_each_time() {
        let mut position = Position::default();
        position.begin();
        assert_eq!(update(&mut position, None, HYDRATION), (true, None));
        assert_eq!(update(&mut position, None, REMOVED), (true, None));
        assert_eq!(position.begin(), None);
        assert_eq!(update(&mut position, None, REMOVED), (false, Some("not_hydrated")));
    }

    #[test]
    fn lower_ids_count_right_after_a_resumption_only() {
        assert_eq!(update(&mut at_40(), Some("4"), LOWER), (true, None));
        for (id, events, gap) in [
            (Some("41"), REMOVED, None),
            (Some("40"), "", None),
            (Some("4"), LOWER, Some("lower_id")),
            (Some("4"), "", Some("lower_id")),
            (Some("4"), r#"{"type":"hydration","eventId":4,"features":[]}"#, None),
        ] {
            let mut position = at_40();
            assert_eq!(position.begin(), Some("40"));
            assert_eq!(update(&mut position, id, events), (true, gap), "{id:?} {events}");
            assert_eq!(
                update(&mut position, Some("4"), LOWER),
                (true, None),
                "the second one is as good as any"
            );
        }
        // One without any id is none.
        let mut position = at_40();
        position.begin();
        assert_eq!(update(&mut position, None, ""), (true, None));
        assert_eq!(update(&mut position, Some("4"), LOWER), (true, Some("lower_id")));
        let mut position = at_40();
        assert_eq!(update(&mut position, Some("40-0badcafe"), REMOVED), (true, None));
        position.begin();
        assert_eq!(update(&mut position, Some("4"), LOWER), (true, Some("lower_id")));
    }

    #[test]
    fn two_silences_in_a_row_are_a_gap() {
        let mut position = at_40();
        assert!(!position.silent());
        assert_eq!(position.begin(), Some("40"));
        // What a connection begins with does not count.
        assert_eq!(update(&mut position, Some("40"), ""), (true, None));
        assert!(position.silent());
        assert_eq!(position.begin(), None);
        assert!(!Position::default().silent());
    }

    #[test]
    fn a_sign_of_life_between_two_silences_counts() {
        for lives in [Position::kept_alive, |position: &mut Position| {
            update(position, Some("40"), "");
            update(position, Some("41"), REMOVED);
        }] {
            let mut position = at_40();
            assert!(!position.silent());
            position.begin();
            lives(&mut position);
            assert!(!position.silent());
            assert!(position.begin().is_some());
        }
    }
}
