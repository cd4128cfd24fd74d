//! The documents of a backup and their names in each kind of store (persistence.md 2).
//!
//! The first three are those of Unleash Edge 20.4, so that either program starts from what the other has left.
//! [`Document::Note`] is our own; Unleash Edge ignores it, and a backup without it is complete.

/// One document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Document {
    /// Validated tokens, in full.
    Tokens,
    /// Every environment.
    Features,
    /// Where streams resume.
    EventIds,
    /// When the features were written, and for which projects they are complete.
    Note,
}

impl Document {
    /// All of them, in the order of reading.
    pub const ALL: [Self; 4] = [Self::Tokens, Self::Features, Self::EventIds, Self::Note];

    /// Name of the file in the backup folder.
    pub fn file_name(self) -> &'static str {
        match self {
            Self::Tokens => "unleash_tokens.json",
            Self::Features => "unleash_features.json",
            Self::EventIds => "unleash_last_event_ids.json",
            Self::Note => "brink_backup.json",
        }
    }

    /// Key in Redis.
    pub fn redis_key(self) -> &'static str {
        match self {
            Self::Tokens => "unleash-tokens",
            Self::Features => "unleash-features",
            Self::EventIds => "unleash-last-event-ids",
            Self::Note => "brink_backup",
        }
    }

    /// Key in an S3 bucket; the slash is part of it.
    pub fn s3_key(self) -> &'static str {
        match self {
            Self::Tokens => "/unleash-tokens.json",
            Self::Features => "/unleash-features.json",
            Self::EventIds => "/unleash-last-event-ids.json",
            Self::Note => "/brink_backup.json",
        }
    }
}
