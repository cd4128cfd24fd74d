//! Judges every answer that a client gets.
//!
//! What brink has taken over it proves itself: by the tag that it sends upstream. A moment later nobody may see anything
//! older. What everybody has seen after a fault may not be undercut either.

use std::{
    fmt::Write,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use crate::{
    brink::Response,
    load::{Probe, WATCHERS},
};

/// From the moment that brink proves to have something until each shard must show it. A hand-over takes microseconds;
/// this machine may be busy.
const HAND_OVER: Duration = Duration::from_secs(1);

/// No answer waits for upstream; this machine may be busy.
const ANSWER_MAX: Duration = Duration::from_secs(5);

/// Faults that are told in full.
const TOLD_MAX: usize = 20;

/// What a fault may rightly do to clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Leave {
    /// Nothing.
    #[default]
    Nothing,
    /// There are no features: lists are empty, and what is asked for by name is not there.
    NoFeatures,
    /// Upstream has confirmed that the token is gone, that by which all data is fetched.
    NoToken,
}

/// The judge of a lane.
#[derive(Default)]
pub struct Judge {
    book: Mutex<Book>,
    changed: Condvar,
}

#[derive(Default)]
struct Book {
    kind: String,
    leave: Leave,
    /// The one before, and when it ended.
    leave_before: Option<(Leave, Instant)>,
    /// The number under which there are no features.
    empty_at: Option<u64>,
    /// What brink has proved to have, and when.
    proofs: Vec<(Instant, u64)>,
    /// What each watcher has seen last.
    seen: [u64; WATCHERS],
    /// Someone was refused.
    is_refused: bool,
    tally: Tally,
}

/// What came of it.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Number of answers.
    pub answers: u64,
    /// The longest wait for one.
    pub slowest: Duration,
    /// Number of wrong ones.
    pub wrong: u64,
    /// The first of them, one a line.
    pub told: String,
}

impl Tally {
    /// Adds another lane's.
    pub fn add(&mut self, other: Self) {
        self.answers += other.answers;
        self.slowest = self.slowest.max(other.slowest);
        self.wrong += other.wrong;
        self.told += &other.told;
    }
}

impl Judge {
    /// A fault begins.
    pub fn begin(&self, kind: &str, leave: Leave) {
        let mut book = self.lock();
        kind.clone_into(&mut book.kind);
        (book.leave, book.is_refused) = (leave, false);
    }

    /// Everybody has seen the features of this number: the fault is over.
    pub fn settle(&self, number: u64) {
        let (mut book, now) = (self.lock(), Instant::now());
        book.leave_before = Some((std::mem::take(&mut book.leave), now));
        book.kind += ", over";
        book.proofs.push((now, number));
    }

    /// There are no features at this number.
    pub fn is_empty_at(&self, number: Option<u64>) {
        let mut book = self.lock();
        book.empty_at = number.or(book.empty_at);
    }

    /// Upstream was told a tag of this number.
    pub fn proves(&self, number: u64) {
        let mut book = self.lock();
        let known = book.proofs.iter().map(|(_, number)| *number).max();
        if known.is_none_or(|known| known < number) {
            book.proofs.push((Instant::now(), number));
        }
    }

    /// An answer to a request that was sent then. `kept` is what the client's tag stands for. Returns what was seen.
    pub fn look(&self, probe: Probe, response: &Response, sent: Instant, kept: Option<u64>) -> Option<u64> {
        let mut book = self.lock();
        book.tally.answers += 1;
        book.tally.slowest = book.tally.slowest.max(sent.elapsed());
        let verdict = book.judge(probe, response, sent, kept);
        let seen = verdict.unwrap_or_else(|fault| {
            book.tell(&format!("{probe:?} {fault}"));
            None
        });
        book.is_refused |= response.status == 403;
        if let (Some(watcher), Some(number)) = (probe.watcher(), seen) {
            book.seen[watcher] = number;
        }
        drop(book);
        self.changed.notify_all();
        seen
    }

    /// Somebody got this status, which is wrong unless the fault gives leave to it.
    pub fn accuse(&self, who: &str, status: u16, sent: Instant) {
        let mut book = self.lock();
        if !book.may_be(Probe::Features, status, sent) {
            book.tell(&format!("{who} got {status}"));
        }
    }

    pub fn leave(&self) -> Leave {
        self.lock().leave
    }

    /// Waits until all watchers have seen this or newer; how long it took.
    pub fn wait_until_all_see(&self, number: u64, longest: Duration) -> Result<Duration, String> {
        self.wait(longest, |book| book.seen.iter().all(|seen| *seen >= number)).map_err(|book| {
            format!("{number} is not seen everywhere within {longest:?}, but {:?}", book.seen)
        })
    }

    /// Waits until someone is refused.
    pub fn wait_until_refused(&self, longest: Duration) -> Result<Duration, String> {
        self.wait(longest, |book| book.is_refused).map_err(|_| "nobody is refused".to_owned())
    }

    pub fn tally(&self) -> Tally {
        self.lock().tally.clone()
    }

    fn wait(
        &self,
        longest: Duration,
        is_there: impl Fn(&Book) -> bool,
    ) -> Result<Duration, MutexGuard<'_, Book>> {
        let begun = Instant::now();
        let book = self.lock();
        let waited = self.changed.wait_timeout_while(book, longest, |book| !is_there(book));
        let (book, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if is_there(&book) { Ok(begun.elapsed()) } else { Err(book) }
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    fn judge(
        &self,
        probe: Probe,
        response: &Response,
        sent: Instant,
        kept: Option<u64>,
    ) -> Result<Option<u64>, String> {
        if sent.elapsed() > ANSWER_MAX {
            return Err(format!("waited {:?}", sent.elapsed()));
        }
        if !probe.is_good(response.status) {
            return if self.may_be(probe, response.status, sent) {
                Ok(None)
            } else {
                Err(format!("got {} {}", response.status, response.text()))
            };
        }
        if !probe.has_features() {
            return Ok(None);
        }
        let number = if response.status == 304 { kept } else { self.number_in(&response.text()) };
        let number = number.ok_or_else(|| format!("got features of no number: {}", response.text()))?;
        let proved = |(at, _): &&(Instant, u64)| *at + HAND_OVER < sent;
        let least = self.proofs.iter().filter(proved).map(|(_, number)| *number).max().unwrap_or(0);
        if number < least {
            return Err(format!("got {number} after {least}"));
        }
        Ok(Some(number))
    }

    /// Whether the fault gives leave to answer so.
    fn may_be(&self, probe: Probe, status: u16, sent: Instant) -> bool {
        let before = self.leave_before.filter(|(_, ended)| sent < *ended + HAND_OVER);
        [Some(self.leave), before.map(|(leave, _)| leave)].into_iter().flatten().any(|leave| match leave {
            Leave::Nothing => false,
            Leave::NoFeatures => status == 404 && probe == Probe::OneFeature,
            Leave::NoToken => matches!(status, 403 | 503),
        })
    }

    fn number_in(&self, body: &str) -> Option<u64> {
        if body.contains(r#""features":[]"#) || body.contains(r#""toggles":[]"#) {
            return self.empty_at;
        }
        let (_, rest) = body.split_once("\"at-")?;
        rest.split('"').next()?.parse().ok()
    }

    fn tell(&mut self, fault: &str) {
        self.tally.wrong += 1;
        if self.tally.wrong as usize <= TOLD_MAX {
            let _ = writeln!(self.tally.told, "{}: {fault}", self.kind);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(status: u16, number: Option<u64>) -> Response {
        let body = number.map_or_else(
            || r#"{"toggles":[]}"#.to_owned(),
            |number| format!(r#"{{"toggles":[{{"name":"at-{number:06}"}}]}}"#),
        );
        Response { version: "HTTP/1.1".into(), status, headers: Vec::new(), body: body.into() }
    }

    /// What everybody sees is 7, and was for a while.
    fn settled_at_7() -> Judge {
        let judge = Judge::default();
        judge.begin("before", Leave::Nothing);
        judge.settle(7);
        let mut book = judge.lock();
        book.proofs[0].0 -= 2 * HAND_OVER;
        book.leave_before = None;
        drop(book);
        judge
    }

    #[track_caller]
    fn check(
        leave: Leave,
        probe: Probe,
        status: u16,
        number: Option<u64>,
        kept: Option<u64>,
        is_wrong: bool,
    ) {
        let judge = settled_at_7();
        judge.begin("now", leave);
        judge.look(probe, &response(status, number), Instant::now(), kept);
        let tally = judge.tally();
        assert_eq!((tally.answers, tally.wrong), (1, u64::from(is_wrong)), "{}", tally.told);
    }

    #[test]
    fn statuses_are_judged() {
        for status in [400, 401, 403, 404, 500, 503] {
            check(Leave::Nothing, Probe::Features, status, Some(7), None, true);
            check(Leave::Nothing, Probe::Metrics, status, None, None, true);
            let is_wrong = !matches!(status, 403 | 503);
            check(Leave::NoToken, Probe::Ready, status, None, None, is_wrong);
            check(Leave::NoFeatures, Probe::OneFeature, status, None, None, status != 404);
        }
        check(Leave::Nothing, Probe::Metrics, 202, None, None, false);
    }

    #[test]
    fn nothing_older_is_let_pass() {
        for (number, is_wrong) in [(6, true), (7, false), (8, false)] {
            check(Leave::Nothing, Probe::FrontendPost, 200, Some(number), None, is_wrong);
            check(Leave::Nothing, Probe::FeaturesIfChanged, 304, None, Some(number), is_wrong);
        }
        check(Leave::Nothing, Probe::FrontendPost, 200, None, None, true);
    }

    #[test]
    fn what_was_proved_must_be_shown_a_moment_later() {
        let judge = settled_at_7();
        judge.proves(9);
        judge.look(Probe::Features, &response(200, Some(8)), Instant::now(), None);
        assert_eq!(judge.tally().wrong, 0);
        judge.lock().proofs[1].0 -= 2 * HAND_OVER;
        judge.look(Probe::Features, &response(200, Some(8)), Instant::now(), None);
        assert_eq!(judge.tally().wrong, 1);
    }

    #[test]
    fn all_watchers_are_waited_for() {
        let judge = settled_at_7();
        let probes = [Probe::Features, Probe::FeaturesIfChanged, Probe::FrontendPost];
        for (at, probe) in probes.into_iter().enumerate() {
            assert_eq!(at, probe.watcher().expect("a watcher"));
            assert!(judge.wait_until_all_see(8, Duration::ZERO).is_err());
            judge.look(probe, &response(200, Some(8)), Instant::now(), None);
        }
        assert!(judge.wait_until_all_see(8, Duration::ZERO).is_ok());
    }
}
