//! The open streams of one shard: who follows what, and what they are sent when it changes.
//!
//! ```text
//!   snapshot -> for each group: changes after its position, or a hydration -> the same frames to all feeds of it
//!   tick     -> a thirtieth of all feeds: keep-alive, or forgotten if the client is gone
//! ```
//!
//! Streams with one token and one prefix are a group; all of a group stand where the replica stood when it was applied
//! last, so a group has one position. Frames are made once per scope, position and prefix, out of messages that the
//! publisher has written and of ranges of the scope's body: nothing is copied but what a prefix leaves of a change.
//! A token that is no longer good, or whose scope is served no more, ends its streams with the snapshot that says so.

use std::{collections::HashMap, rc::Rc, sync::Arc, time::Duration};

use brink_shards::{Feed, Frame, Part};

use super::{
    limits::{KEEP_ALIVE_MS, KEEP_ALIVE_PHASES, STREAMS_MAX, STREAMS_PER_TOKEN_MAX},
    replica::{Replica, ScopeReplica, Serving},
};
use crate::{
    features::changes::{Change, KEEP_ALIVE, Kind, ResumeToken},
    tokens::{
        key::{KeyMap, TokenKey},
        scope::Scope,
    },
};

/// Milliseconds between two phases.
const PHASE_MS: u64 = KEEP_ALIVE_MS / KEEP_ALIVE_PHASES as u64;

/// See the module.
#[derive(Debug)]
pub struct Streams {
    tokens: KeyMap<Vec<Group>>,
    open: usize,
    opened: u64,
    keep_alive: Frame,
    /// The last one that was kept alive, counted from the shard's start.
    phase: u64,
    /// So that groups of one stream each do not share a phase.
    next_offset: usize,
}

/// Who opens a stream.
pub struct Follower<'s> {
    /// The token it was opened with.
    pub token: TokenKey,
    /// Of names of features; empty is all.
    pub prefix: Box<str>,
    /// What the token sees.
    pub scope: &'s Scope,
    /// Where the stream stands with its first message.
    pub position: ResumeToken,
}

/// Streams that are sent the same.
#[derive(Debug)]
struct Group {
    prefix: Box<str>,
    scope: Scope,
    position: ResumeToken,
    /// A feed keeps its place, as its place is its phase.
    feeds: Vec<Option<Feed>>,
    /// Places without a feed.
    free: Vec<usize>,
    /// Number of feeds.
    open: usize,
    offset: usize,
}

impl Default for Streams {
    fn default() -> Self {
        Self {
            tokens: KeyMap::default(),
            open: 0,
            opened: 0,
            keep_alive: Frame::bytes(KEEP_ALIVE),
            phase: 0,
            next_offset: 0,
        }
    }
}

impl Streams {
    /// Streams that are open, as far as is known.
    pub fn open(&self) -> u64 {
        self.open as u64
    }

    /// Streams that were opened so far.
    pub fn opened(&self) -> u64 {
        self.opened
    }

    /// Whether one more may be opened with this token.
    pub fn has_room(&mut self, token: TokenKey) -> bool {
        if !self.is_full(token) {
            return true;
        }
        // Those whose clients have left take no room.
        self.forget_gone();
        !self.is_full(token)
    }

    fn is_full(&self, token: TokenKey) -> bool {
        let of_token =
            || self.tokens.get(&token).into_iter().flatten().map(|group| group.open).sum::<usize>();
        self.open >= STREAMS_MAX || of_token() >= STREAMS_PER_TOKEN_MAX
    }

    /// Takes in a stream that has its first message.
    pub fn add(&mut self, follower: Follower<'_>, feed: Feed) {
        let Follower { token, prefix, scope, position } = follower;
        let groups = self.tokens.entry(token).or_default();
        let at = groups.iter().position(|group| group.prefix == prefix).unwrap_or_else(|| {
            // Phases far from each other for groups that come one after the other.
            self.next_offset = (self.next_offset + 7) % KEEP_ALIVE_PHASES;
            let (feeds, free, offset) = (Vec::new(), Vec::new(), self.next_offset);
            groups.push(Group { prefix, scope: scope.clone(), position, feeds, free, open: 0, offset });
            groups.len() - 1
        });
        if let Some(group) = groups.get_mut(at) {
            group.add(feed);
            self.open += 1;
            self.opened += 1;
        }
    }

    /// Sends what has changed, and ends what must not go on.
    pub fn follow(&mut self, replica: &Replica) {
        let mut desk = FrameDesk::default();
        self.tokens.retain(|token, groups| {
            let Some(entry) = replica.token(*token).filter(|entry| entry.may_use_client_api()) else {
                return false;
            };
            let index = usize::try_from(entry.scope).unwrap_or(usize::MAX);
            let Some((scope, state)) = replica.describe(index).zip(replica.scope(index)) else {
                return false;
            };
            match state {
                ScopeReplica::Serving(serving) => {
                    groups.iter_mut().for_each(|group| group.follow(scope, serving, (&mut desk, index)));
                    true
                }
                ScopeReplica::Loading | ScopeReplica::Fetching => true,
                ScopeReplica::Uncovered => false,
            }
        });
        self.count();
    }

    /// Says something to those who have not heard from us for long.
    pub fn keep_alive(&mut self, now: Duration) {
        let now_phase = u64::try_from(now.as_millis()).unwrap_or(u64::MAX) / PHASE_MS;
        let late = now_phase.saturating_sub(self.phase).min(KEEP_ALIVE_PHASES as u64);
        for phase in now_phase - late..now_phase {
            let phase = (phase % KEEP_ALIVE_PHASES as u64) as usize;
            let groups = self.tokens.values_mut().flatten();
            groups.for_each(|group| group.keep_alive(phase, &self.keep_alive));
        }
        self.phase = now_phase;
        self.count();
    }

    /// Forgets streams whose clients have left.
    pub fn forget_gone(&mut self) {
        self.tokens.values_mut().flatten().for_each(Group::forget_gone);
        self.count();
    }

    /// Ends all streams; the shard spreads that over a time.
    pub fn end(&mut self) {
        self.tokens.clear();
        self.open = 0;
    }

    fn count(&mut self) {
        self.tokens.retain(|_, groups| {
            groups.retain(|group| group.open > 0);
            !groups.is_empty()
        });
        self.open = self.tokens.values().flatten().map(|group| group.open).sum();
    }
}

impl Group {
    fn add(&mut self, feed: Feed) {
        self.open += 1;
        match self.free.pop().and_then(|place| self.feeds.get_mut(place)) {
            Some(place) => *place = Some(feed),
            None => self.feeds.push(Some(feed)),
        }
    }

    fn follow(&mut self, scope: &Scope, serving: &Serving, (desk, index): (&mut FrameDesk, usize)) {
        let newest = serving.view.history.token();
        // A token that sees something else now has to begin anew, wherever it stands.
        let position = Some(self.position).filter(|_| self.scope == *scope);
        if position == Some(newest) {
            return;
        }
        let frames = desk.frames(index, serving, position, &self.prefix);
        for feed in self.feeds.iter().flatten() {
            frames.iter().for_each(|frame| feed.push(frame));
        }
        if position.is_none() {
            self.scope = scope.clone();
        }
        self.position = newest;
    }

    fn keep_alive(&mut self, phase: usize, frame: &Frame) {
        let first = (phase + self.offset) % KEEP_ALIVE_PHASES;
        for place in (first..self.feeds.len()).step_by(KEEP_ALIVE_PHASES) {
            self.forget_if_gone(place);
            if let Some(Some(feed)) = self.feeds.get(place) {
                feed.push(frame);
            }
        }
    }

    fn forget_gone(&mut self) {
        (0..self.feeds.len()).for_each(|place| self.forget_if_gone(place));
    }

    fn forget_if_gone(&mut self, place: usize) {
        let Some(held) = self.feeds.get_mut(place) else { return };
        if held.take_if(|feed| feed.is_gone()).is_some() {
            self.free.push(place);
            self.open -= 1;
        }
    }
}

/// Everything, for a client with a prefix: by reference.
pub fn hydration(serving: &Serving, kind: Kind, prefix: &str) -> Frame {
    let hydration = serving.view.hydration(kind, prefix);
    Frame::parts([
        hydration.head.into(),
        Part::range(&serving.identity, hydration.features),
        hydration.middle.into(),
        Part::range(&serving.identity, hydration.segments),
        hydration.tail.into(),
    ])
}

/// Scope, position and prefix.
type Place = (usize, Option<ResumeToken>, Box<str>);

/// The frames of one snapshot, made when the first group needs them.
#[derive(Default)]
struct FrameDesk {
    made: HashMap<Place, Rc<[Frame]>>,
}

impl FrameDesk {
    fn frames(
        &mut self,
        index: usize,
        serving: &Serving,
        position: Option<ResumeToken>,
        prefix: &str,
    ) -> Rc<[Frame]> {
        let place = (index, position, Box::from(prefix));
        if let Some(frames) = self.made.get(&place) {
            return Rc::clone(frames);
        }
        let frames: Rc<[Frame]> = match position.and_then(|position| serving.view.history.since(position)) {
            Some(changes) if prefix.is_empty() => changes.iter().map(|change| whole(change)).collect(),
            Some(changes) => {
                changes.iter().filter_map(|change| change.message_for(prefix).map(Frame::bytes)).collect()
            }
            None => [hydration(serving, Kind::Updated, prefix)].into(),
        };
        self.made.insert(place, Rc::clone(&frames));
        frames
    }
}

fn whole(change: &Change) -> Frame {
    Frame::bytes(&Rc::new(Arc::clone(change.message())))
}
