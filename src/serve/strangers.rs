//! What a shard does about tokens it does not know: ask, or refuse at once because their peer brings nothing else.
//!
//! A flood of made-up tokens must be answered fast and must not reach upstream, while a token that was made a minute
//! ago must not be refused because it is new. So a peer is judged by what upstream said of its tokens, never by how
//! many it brings: each refusal of a token that this shard had not met before is a strike. A peer with
//! [`STRIKES_MAX`] strikes is *closed*: its unknown tokens are refused at once. Then one of them per [`STRIKE_MS`] is
//! asked about and waited for, as a probe, and a share of the others is asked about without waiting, so that a valid
//! one among them works a moment later. A confirmed token opens the peer again, and so does a probe without verdict:
//! doubt stays a 503.
//!
//! Tokens that are known, or known to be refused, never come here. One per shard, never shared; everything is bounded.

use std::net::{IpAddr, Ipv6Addr};

use super::{
    generations::Generations,
    limits::{
        CALLS_BURST, CALLS_PER_SECOND, HINT_WINDOW_MS, HINTS_PER_WINDOW, PEERS_MAX, STRANGERS_MAX, STRIKE_MS,
        STRIKES_MAX,
    },
};
use crate::tokens::key::{PassThroughBuilder, TokenKey};

/// See the module.
#[derive(Debug)]
pub struct Strangers {
    /// Tokens that were asked about and have no verdict yet: further requests with them bring nothing new.
    asking: Generations<TokenKey, (), PassThroughBuilder>,
    peers: Generations<IpAddr, Peer>,
    callers: Generations<IpAddr, Bucket>,
    hints: Hints,
}

/// How to treat an unknown token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Treatment {
    /// Ask, and let the request wait for the verdict.
    Ask,
    /// Refuse now.
    Refuse {
        /// There is room for another question, which nobody waits for.
        hint: bool,
    },
}

/// What is remembered of an address that brought refused tokens.
#[derive(Debug, Default)]
struct Peer {
    /// As of `at_ms`.
    strikes: u32,
    at_ms: u64,
    closed: bool,
    /// Of a closed peer: when its next token may be asked about.
    probe_at_ms: u64,
}

/// What an address has used of its calls to `/edge/validate`, in thousandths of a call, as of `at_ms`.
#[derive(Debug, Default)]
struct Bucket {
    used: u64,
    at_ms: u64,
}

#[derive(Debug, Default)]
struct Hints {
    window: u64,
    used: u32,
}

impl Default for Strangers {
    fn default() -> Self {
        Self {
            asking: Generations::new(STRANGERS_MAX),
            peers: Generations::new(PEERS_MAX),
            callers: Generations::new(PEERS_MAX),
            hints: Hints::default(),
        }
    }
}

impl Strangers {
    /// What to do about a token of this peer that is neither known nor known to be refused.
    pub fn meet(&mut self, key: TokenKey, peer: IpAddr, now_ms: u64) -> Treatment {
        if self.asking.contains(&key) {
            return Treatment::Ask;
        }
        if let Some(peer) = self.peers.get_mut(&network(peer))
            && peer.refuses(now_ms)
        {
            return Treatment::Refuse { hint: self.hints.take(now_ms) };
        }
        self.asking.insert(key, ());
        Treatment::Ask
    }

    /// Upstream does not confirm a token of this peer. Counts once, however many requests waited.
    pub fn refused(&mut self, key: TokenKey, peer: IpAddr, now_ms: u64) {
        if self.asking.remove(&key).is_some() {
            self.peers.get_or_default(network(peer)).strike(now_ms);
        }
    }

    /// Upstream confirms a token of this peer.
    pub fn confirmed(&mut self, key: TokenKey, peer: IpAddr) {
        if self.asking.remove(&key).is_some() {
            self.peers.remove(&network(peer));
        }
    }

    /// There is no verdict about a token of this peer; it is a stranger again when it comes back.
    pub fn undecided(&mut self, key: TokenKey, peer: IpAddr) {
        if self.asking.remove(&key).is_some()
            && let Some(peer) = self.peers.get_mut(&network(peer))
        {
            peer.closed = false;
        }
    }

    /// Whether this peer may make another call with unknown tokens to `/edge/validate`.
    pub fn may_call(&mut self, peer: IpAddr, now_ms: u64) -> bool {
        self.callers.get_or_default(network(peer)).take(now_ms)
    }

    /// Whether another question may be asked that nobody waits for.
    pub fn may_hint(&mut self, now_ms: u64) -> bool {
        self.hints.take(now_ms)
    }
}

impl Peer {
    /// Whether its next token is refused; if not, and it is closed, that token is the probe.
    fn refuses(&mut self, now_ms: u64) -> bool {
        self.forget(now_ms);
        if self.closed && now_ms < self.probe_at_ms {
            return true;
        }
        self.probe_at_ms = now_ms + STRIKE_MS;
        false
    }

    fn strike(&mut self, now_ms: u64) {
        self.forget(now_ms);
        self.strikes = (self.strikes + 1).min(STRIKES_MAX);
        if self.strikes == STRIKES_MAX {
            (self.closed, self.probe_at_ms) = (true, now_ms + STRIKE_MS);
        }
    }

    /// A strike is forgotten per [`STRIKE_MS`]. With half of them gone, there is no flood any more.
    fn forget(&mut self, now_ms: u64) {
        let forgotten = now_ms.saturating_sub(self.at_ms) / STRIKE_MS;
        self.at_ms += forgotten * STRIKE_MS;
        self.strikes = self.strikes.saturating_sub(u32::try_from(forgotten).unwrap_or(u32::MAX));
        self.closed &= self.strikes >= STRIKES_MAX / 2;
    }
}

impl Bucket {
    fn take(&mut self, now_ms: u64) -> bool {
        let refilled = now_ms.saturating_sub(self.at_ms).saturating_mul(CALLS_PER_SECOND);
        (self.used, self.at_ms) = (self.used.saturating_sub(refilled), now_ms);
        let allowed = self.used + 1_000 <= CALLS_BURST * 1_000;
        self.used += if allowed { 1_000 } else { 0 };
        allowed
    }
}

impl Hints {
    fn take(&mut self, now_ms: u64) -> bool {
        let window = now_ms / HINT_WINDOW_MS;
        if window != self.window {
            *self = Self { window, used: 0 };
        }
        let allowed = self.used < HINTS_PER_WINDOW;
        self.used += u32::from(allowed);
        allowed
    }
}

/// Who answers for an address: itself, or all of its /64, which is what one customer gets of IPv6.
fn network(peer: IpAddr) -> IpAddr {
    match peer {
        IpAddr::V4(_) => peer,
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokens::key::KeyHasher;

    const MAX: usize = STRIKES_MAX as usize;

    /// A shard, and tokens that are new each time.
    #[derive(Default)]
    struct Gate {
        strangers: Strangers,
        number: u64,
    }

    impl Gate {
        fn key(&mut self) -> TokenKey {
            self.number += 1;
            KeyHasher::new([7; 16]).key(&self.number.to_le_bytes())
        }

        fn meet(&mut self, peer: &str, now_ms: u64) -> (TokenKey, Treatment) {
            let key = self.key();
            (key, self.strangers.meet(key, peer.parse().expect("an address"), now_ms))
        }

        /// New tokens, each refused before the next; how many were asked about.
        fn flood(&mut self, peer: &str, count: usize, now_ms: u64) -> usize {
            let mut asked = 0;
            for _ in 0..count {
                let (key, treatment) = self.meet(peer, now_ms);
                if treatment == Treatment::Ask {
                    asked += 1;
                    self.strangers.refused(key, peer.parse().expect("an address"), now_ms);
                }
            }
            asked
        }

        fn asks(&mut self, peer: &str, now_ms: u64) -> bool {
            self.meet(peer, now_ms).1 == Treatment::Ask
        }
    }

    const PEER: &str = "203.0.113.9";
    const OTHER: &str = "203.0.113.10";

    #[test]
    fn a_peer_is_closed_by_refusals_and_by_nothing_else() {
        let mut gate = Gate::default();
        assert!((0..10 * MAX).all(|_| gate.asks(PEER, 0)), "many unknown tokens alone mean nothing");
        let mut gate = Gate::default();
        for _ in 0..10 * MAX {
            let (key, treatment) = gate.meet(PEER, 0);
            assert_eq!(treatment, Treatment::Ask);
            gate.strangers.undecided(key, PEER.parse().expect("an address"));
        }
        assert_eq!(gate.flood(PEER, 1_000, 0), MAX);
        assert!(!gate.asks(PEER, STRIKE_MS - 1) && gate.asks(OTHER, 0));
    }

    #[test]
    fn a_closed_peer_has_one_probe_at_a_time() {
        let mut gate = Gate::default();
        gate.flood(PEER, 1_000, 0);
        for round in 1..20 {
            assert_eq!(gate.flood(PEER, 1_000, round * STRIKE_MS), 1, "round {round}");
        }
        let (_, probe) = gate.meet(PEER, 20 * STRIKE_MS);
        assert_eq!(probe, Treatment::Ask);
        assert!(!gate.asks(PEER, 20 * STRIKE_MS), "the probe is under way");
    }

    #[test]
    fn a_confirmed_token_or_a_probe_without_verdict_or_time_open_a_peer() {
        let peer = PEER.parse().expect("an address");
        let mut gate = Gate::default();
        gate.flood(PEER, 1_000, 0);
        let (key, _) = gate.meet(PEER, STRIKE_MS);
        gate.strangers.confirmed(key, peer);
        assert_eq!(gate.flood(PEER, 1_000, STRIKE_MS), MAX, "as if nothing had been");
        let (key, _) = gate.meet(PEER, 2 * STRIKE_MS);
        gate.strangers.undecided(key, peer);
        assert!((0..MAX).all(|_| gate.asks(PEER, 2 * STRIKE_MS)));
        assert_eq!(gate.flood(PEER, 1_000, 2 * STRIKE_MS), 1, "a flood that goes on closes it soon");
        let quiet_until = u64::from(STRIKES_MAX) * STRIKE_MS;
        assert!((0..MAX).all(|_| gate.asks(PEER, quiet_until)));
    }

    #[test]
    fn one_token_is_one_strike_however_many_requests_bring_it() {
        let (mut gate, peer) = (Gate::default(), PEER.parse().expect("an address"));
        let key = gate.key();
        (0..1_000).for_each(|_| assert_eq!(gate.strangers.meet(key, peer, 0), Treatment::Ask));
        (0..1_000).for_each(|_| gate.strangers.refused(key, peer, 0));
        assert_eq!(gate.flood(PEER, 1_000, 0), MAX - 1);
    }

    #[test]
    fn some_of_those_refused_are_asked_about_all_the_same() {
        let mut gate = Gate::default();
        gate.flood(PEER, MAX, 0);
        let hints = (0..10_000).filter(|_| gate.meet(PEER, 1).1 == Treatment::Refuse { hint: true }).count();
        assert_eq!(hints, HINTS_PER_WINDOW as usize);
        assert_eq!(gate.meet(PEER, HINT_WINDOW_MS).1, Treatment::Refuse { hint: true });
    }

    #[test]
    fn a_subnet_of_ipv6_is_one_peer() {
        let mut gate = Gate::default();
        gate.flood("2001:db8::1", MAX, 0);
        assert!(!gate.asks("2001:db8::ffff:1", 0) && gate.asks("2001:db8:0:1::1", 0));
    }

    #[test]
    fn calls_of_a_peer_are_counted_apart() {
        let (mut strangers, peer) = (Strangers::default(), PEER.parse().expect("an address"));
        let burst = (0..1_000).filter(|_| strangers.may_call(peer, 0)).count();
        assert_eq!(burst as u64, CALLS_BURST);
        let per_second = (0..1_000).filter(|_| strangers.may_call(peer, 1_000)).count();
        assert_eq!(per_second as u64, CALLS_PER_SECOND);
        assert!(strangers.may_call(OTHER.parse().expect("an address"), 1_000));
    }

    #[test]
    fn everything_is_bounded() {
        let mut gate = Gate::default();
        for number in 0..3 * PEERS_MAX as u32 {
            let peer: IpAddr = std::net::Ipv4Addr::from(number).into();
            let key = gate.key();
            gate.strangers.meet(key, peer, 0);
            gate.strangers.refused(key, peer, 0);
            let key = gate.key();
            gate.strangers.meet(key, peer, 0);
            gate.strangers.may_call(peer, 0);
        }
        let Strangers { asking, peers, callers, .. } = &gate.strangers;
        assert!(asking.len() <= STRANGERS_MAX && peers.len() <= PEERS_MAX && callers.len() <= PEERS_MAX);
    }
}
