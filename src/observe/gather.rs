//! Asks every shard for its figures and adds them up, for whoever shows them: page, push, instance data.
//!
//! Each thread that wants figures has a gatherer of its own, so they share nothing. A shard that does not answer in time is
//! taken as it answered last: counts then stand still, and nothing else suffers.

use std::time::{Duration, Instant};

use crossbeam_channel::bounded;

use super::meter::Figures;
use crate::messages::Notice;

/// How long all shards together may take. A shard answers between two requests, in far less than a millisecond.
const PATIENCE: Duration = Duration::from_millis(250);

/// See the module.
pub struct Gatherer {
    tell: Box<dyn Fn(&Notice) + Send>,
    /// The last answer of each shard.
    last: Box<[Option<Box<Figures>>]>,
    sum: Figures,
}

/// All shards together.
pub struct Gathered<'g> {
    /// Their figures.
    pub figures: &'g Figures,
    /// Those of each shard, as it answered last.
    pub each: &'g [Option<Box<Figures>>],
    /// Shards that did not answer this time.
    pub missing: usize,
}

impl Gatherer {
    /// For so many shards, which `tell` reaches.
    pub fn new(shards: usize, tell: impl Fn(&Notice) + Send + 'static) -> Self {
        let last = (0..shards).map(|_| None).collect();
        Self { tell: Box::new(tell), last, sum: Figures::default() }
    }

    /// Asks now.
    pub fn gather(&mut self) -> Gathered<'_> {
        let shards = self.last.len();
        let (sender, answers) = bounded(shards);
        (self.tell)(&Notice::Measure(sender));
        let deadline = Instant::now() + PATIENCE;
        let mut answered = 0;
        while answered < shards {
            // Ends early when the last sender is dropped, such as that of a shard that has ended.
            let Ok(measured) = answers.recv_deadline(deadline) else { break };
            if let Some(last) = self.last.get_mut(measured.shard) {
                *last = Some(measured.figures);
                answered += 1;
            }
        }
        self.sum.reset();
        self.last.iter().flatten().for_each(|figures| self.sum.add(figures));
        Gathered { figures: &self.sum, each: &self.last, missing: shards - answered }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    };

    use super::*;
    use crate::{
        messages::Measured,
        observe::{
            endpoint::{Endpoint, Verb},
            meter::{Heard, Meter},
        },
    };

    fn figures(requests: u64) -> Box<Figures> {
        let mut meter = Meter::default();
        for _ in 0..requests {
            meter.ask(Endpoint::Features, Verb::Get, &Heard::default());
            meter.answer(200, 10, Duration::from_micros(5));
        }
        Box::new(meter.figures().clone())
    }

    fn requests(figures: &Figures) -> u64 {
        figures.all_series().map(|(_, series)| series.durations.count()).sum()
    }

    #[test]
    fn a_stuck_shard_is_taken_as_it_answered_last() {
        let stuck = Arc::new(AtomicBool::new(false));
        let is_stuck = Arc::clone(&stuck);
        let mut gatherer = Gatherer::new(2, move |notice| {
            let Notice::Measure(answers) = notice;
            let stuck = is_stuck.load(Ordering::Relaxed);
            let say = |shard, requests| {
                let _ = answers.try_send(Measured { shard, figures: figures(requests) });
            };
            say(0, if stuck { 7 } else { 5 });
            if !stuck {
                say(1, 3);
            }
        });
        let gathered = gatherer.gather();
        assert_eq!((requests(gathered.figures), gathered.missing), (8, 0));
        stuck.store(true, Ordering::Relaxed);
        let gathered = gatherer.gather();
        assert_eq!((requests(gathered.figures), gathered.missing), (10, 1));
    }

    #[test]
    fn a_shard_that_never_answers_costs_its_share_of_time_only() {
        // Kept, as a shard keeps what it does not read.
        let kept = std::sync::Mutex::new(Vec::new());
        let mut gatherer = Gatherer::new(1, move |notice| {
            kept.lock().expect("one thread").push(notice.clone());
        });
        let before = Instant::now();
        let gathered = gatherer.gather();
        assert_eq!((requests(gathered.figures), gathered.missing), (0, 1));
        assert!((PATIENCE..PATIENCE * 20).contains(&before.elapsed()), "{:?}", before.elapsed());
    }
}
