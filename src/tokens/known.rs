//! The registry's record of one token: where it comes from and how it stands.
//!
//! ```text
//!   start-up:  Undecided --listed--> Confirmed <--> Suspect --not listed--> Refused --listed--> Confirmed
//!   backup:    Presumed  --listed--> Confirmed          (start-up tokens may be Presumed as well)
//!   others that lose their confirmation leave the registry for the negative cache
//! ```
//! Only an answer of upstream that omits a token takes its validity away; no failure does.

use std::time::Instant;

use super::{
    record::{KindWord, Status, TokenRecord},
    scope::{Projects, Scope},
    table::{Standing, TokenKind},
    token::Token,
};

/// What is known of one token.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) identity: Identity,
    pub(super) origin: Origin,
    pub(super) state: State,
    pub(super) grant: Grant,
    /// Order of arrival; the earlier of two equal refresh tokens is used.
    pub(super) sequence: u64,
    /// Calls in a row without the verdict that was hoped for; sets the next pause.
    pub(super) setbacks: u32,
    /// Start of the last call.
    pub(super) tried_at: Option<Instant>,
    /// Part of a batch that has not come back.
    pub(super) in_flight: bool,
    /// A backup brought it, or confirmed it: while presumed it stays in the next one.
    pub(super) is_in_backup: bool,
}

/// The text where it is needed again, else only its masked form.
#[derive(Debug)]
pub(super) enum Identity {
    /// Sent upstream: to validate, or to fetch with.
    Plain(Token),
    /// Never sent: pretrusted and offline tokens.
    Masked(String),
}

/// Who told us of the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Origin {
    /// `--tokens` in edge mode.
    Startup,
    /// A backup.
    Restored,
    /// A request.
    Asked,
    /// `--pretrusted-tokens`.
    Pretrusted,
    /// One of the lists of offline mode.
    Offline,
}

/// How the token stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// A start-up token without any answer yet.
    Undecided,
    /// Valid by a backup, not yet by upstream.
    Presumed,
    /// Valid by upstream.
    Confirmed,
    /// Valid, but a fetch with it was refused; the next answer decides.
    Suspect,
    /// A start-up token that upstream does not list.
    Refused,
    /// Valid by configuration, never asked about.
    Trusted,
}

/// What a valid token allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Grant {
    pub(super) kind: TokenKind,
    pub(super) scope: Scope,
}

impl Grant {
    /// What the text claims, as a backend token: the best guess before upstream has answered.
    pub(super) fn claimed(token: &Token) -> Self {
        Self { kind: TokenKind::Backend, scope: token.scope() }
    }

    /// What a record grants; nothing without a usable kind (tokens.md 2, security.md 1.9).
    pub(super) fn of_record(record: &TokenRecord, token: &Token) -> Option<Self> {
        let kind = record.kind.and_then(KindWord::kind)?;
        let environment = record.environment.as_deref().unwrap_or_else(|| token.environment());
        let projects = Projects::from_names(&record.projects);
        Some(Self { kind, scope: Scope { environment: Some(environment.into()), projects } })
    }
}

impl State {
    /// Whether requests with the token are answered.
    pub(super) fn is_valid(self) -> bool {
        match self {
            Self::Presumed | Self::Confirmed | Self::Suspect | Self::Trusted => true,
            Self::Undecided | Self::Refused => false,
        }
    }
}

impl Known {
    /// A record that nobody has asked upstream about; the registry numbers it.
    pub(super) fn new(identity: Identity, origin: Origin, state: State, grant: Grant) -> Self {
        Self {
            identity,
            origin,
            state,
            grant,
            sequence: 0,
            setbacks: 0,
            tried_at: None,
            in_flight: false,
            is_in_backup: false,
        }
    }

    /// What the table says; nothing for a token without verdict.
    pub(super) fn standing(&self) -> Option<Standing> {
        match self.state {
            State::Undecided => None,
            State::Presumed | State::Confirmed | State::Suspect => Some(Standing::Validated),
            State::Trusted if self.is_offline_in_grammar() => Some(Standing::Validated),
            State::Trusted => Some(Standing::Trusted),
            State::Refused => Some(Standing::Refused),
        }
    }

    /// An offline token in grammar: `/edge/validate` lists it, unlike opaque and pretrusted ones.
    fn is_offline_in_grammar(&self) -> bool {
        self.origin == Origin::Offline && self.grant.scope.environment.is_some()
    }

    /// Valid, and able to fetch features.
    pub(super) fn is_valid_backend(&self) -> bool {
        self.state.is_valid() && self.grant.kind == TokenKind::Backend
    }

    /// Whether the revalidation round covers it: all but trusted ones and those that
    /// are asked about at dates of their own, on the agenda.
    pub(super) fn is_of_the_round(&self) -> bool {
        match self.state {
            State::Confirmed => true,
            State::Presumed => self.origin != Origin::Startup,
            State::Undecided | State::Suspect | State::Refused | State::Trusted => false,
        }
    }

    /// A start-up token without an answer of this process.
    pub(super) fn is_unanswered_startup(&self) -> bool {
        self.origin == Origin::Startup && matches!(self.state, State::Undecided | State::Presumed)
    }

    pub(super) fn token(&self) -> Option<&Token> {
        match &self.identity {
            Identity::Plain(token) => Some(token),
            Identity::Masked(_) => None,
        }
    }

    /// For the backstage: the record with its text masked.
    pub(super) fn masked_record(&self) -> TokenRecord {
        let token = match &self.identity {
            Identity::Plain(token) => token.to_string(),
            Identity::Masked(text) => text.clone(),
        };
        self.record(token)
    }

    /// For the backup: the full record of a token that upstream or an earlier backup confirmed.
    pub(super) fn backup_record(&self) -> Option<TokenRecord> {
        let validated = match self.state {
            State::Confirmed | State::Suspect => true,
            // One that only its environment speaks for was confirmed by nobody.
            State::Presumed => self.is_in_backup,
            State::Undecided | State::Refused | State::Trusted => false,
        };
        validated.then(|| self.token().map(|token| self.record(token.text().into())))?
    }

    fn record(&self, token: String) -> TokenRecord {
        TokenRecord {
            token,
            kind: self.grant.kind.word(),
            environment: self.grant.scope.environment.as_deref().map(Into::into),
            projects: self.grant.scope.projects.names().into_iter().map(Into::into).collect(),
            status: self.status(),
        }
    }

    fn status(&self) -> Status {
        match self.state {
            State::Undecided => Status::Unknown,
            State::Presumed | State::Confirmed | State::Suspect => Status::Validated,
            State::Refused => Status::Invalid,
            // As Unleash Edge 20.4 lists them in offline mode (http-api.md 11.6).
            State::Trusted if self.is_offline_in_grammar() => Status::Unknown,
            State::Trusted => Status::Trusted,
        }
    }
}
