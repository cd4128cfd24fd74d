//! All subscribers, on a few threads, and what they report when it is quiet.

use std::{
    net::SocketAddr,
    os::fd::AsFd,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use nix::poll::{PollFd, PollFlags, poll};
use rand::{Rng, SeedableRng, rngs::SmallRng};

use super::{
    content::{Content, Sight},
    subscriber::{Diary, Habit, Readings, Subscriber},
};

const THREADS: usize = 4;
/// Between two looks at who is due.
const LOOKS_MS: u16 = 10;
/// Between two reports.
const REPORTS: Duration = Duration::from_millis(50);

/// What subscribers do.
#[derive(Clone)]
enum Mood {
    Storm,
    /// With what each sight should hold, and a number.
    Quiet(Arc<[Content]>, u64),
    Over,
}

/// What a thread sees at quiet times.
#[derive(Debug, Default, Clone)]
pub struct Report {
    /// Of the quiet time.
    number: u64,
    /// Subscribers who hold something else than they should.
    pub wrong: usize,
    pub streams: usize,
    /// Some of what they hold.
    pub samples: Vec<String>,
}

struct Shared {
    mood: Mutex<Mood>,
    reports: Mutex<Vec<Report>>,
}

/// See the module.
pub struct Crowd {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<Diary>>,
    number: u64,
}

impl Crowd {
    /// So many subscribers, in turns with each of these sights.
    pub fn start(count: usize, sights: &'static [Sight], address: SocketAddr, seed: u64) -> Self {
        let shared = Arc::new(Shared {
            mood: Mutex::new(Mood::Storm),
            reports: Mutex::new(vec![Report::default(); THREADS]),
        });
        let threads = (0..THREADS).map(|thread| {
            let shared = Arc::clone(&shared);
            let random = SmallRng::seed_from_u64(seed.wrapping_add(thread as u64));
            let numbers = (0..count).filter(move |number| number % THREADS == thread);
            thread::spawn(move || {
                let now = Instant::now();
                let subscribers = numbers.map(|number| {
                    let (place, habit) = (number % sights.len(), habit(number));
                    Subscriber::new(&sights[place], place, habit, address, now)
                });
                let (subscribers, readings) = (subscribers.collect(), Readings::default());
                Part { subscribers, readings, random, diary: Diary::default() }.run(&shared, thread)
            })
        });
        let threads = threads.collect();
        Self { shared, threads, number: 0 }
    }

    pub fn storms(&self) {
        *lock(&self.shared.mood) = Mood::Storm;
    }

    /// Nobody leaves from now on.
    pub fn rests(&mut self, expected: Vec<Content>) {
        self.number += 1;
        *lock(&self.shared.mood) = Mood::Quiet(expected.into(), self.number);
    }

    /// What they see now; nothing until all have looked.
    pub fn report(&self) -> Option<Report> {
        let mut sum = Report { number: self.number, ..Report::default() };
        for report in lock(&self.shared.reports).iter() {
            if report.number != self.number {
                return None;
            }
            sum.wrong += report.wrong;
            sum.streams += report.streams;
            sum.samples.extend(report.samples.iter().cloned());
        }
        Some(sum)
    }

    pub fn end(self) -> Diary {
        *lock(&self.shared.mood) = Mood::Over;
        let mut sum = Diary::default();
        for thread in self.threads {
            let Diary { messages, hydrations, streams, resumed, polls, mut wrong } =
                thread.join().expect("subscribers are looked after to the end");
            sum.messages += messages;
            sum.hydrations += hydrations;
            sum.streams += streams;
            sum.resumed += resumed;
            sum.polls += polls;
            sum.wrong.append(&mut wrong);
        }
        sum
    }
}

/// One in ten each.
fn habit(number: usize) -> Habit {
    match number / 7 % 10 {
        0 => Habit::Sips,
        1 => Habit::Naps,
        2 => Habit::Polls,
        _ => Habit::Reads,
    }
}

/// Those of one thread.
struct Part {
    subscribers: Vec<Subscriber>,
    readings: Readings,
    random: SmallRng,
    diary: Diary,
}

impl Part {
    fn run(mut self, shared: &Shared, thread: usize) -> Diary {
        // Not all at once.
        let begun = Instant::now();
        for subscriber in &mut self.subscribers {
            subscriber.delay(Duration::from_millis(self.random.random_range(0..2_000)));
        }
        let mut reported = begun;
        loop {
            let mood = lock(&shared.mood).clone();
            if matches!(mood, Mood::Over) {
                return self.diary;
            }
            let now = Instant::now();
            let is_quiet = matches!(mood, Mood::Quiet(..));
            for subscriber in &mut self.subscribers {
                subscriber.look(now, is_quiet, &mut self.random, &mut self.diary);
            }
            for place in self.ready(now) {
                self.subscribers[place].read(
                    Instant::now(),
                    &mut self.random,
                    &mut self.readings,
                    &mut self.diary,
                );
            }
            if let Mood::Quiet(expected, number) = mood
                && reported.elapsed() > REPORTS
            {
                lock(&shared.reports)[thread] = self.report(&expected, number);
                reported = Instant::now();
            }
        }
    }

    /// Waits a moment for those who want to read and can.
    fn ready(&self, now: Instant) -> Vec<usize> {
        let wanting = self.subscribers.iter().enumerate();
        let wanting = wanting.filter_map(|(place, one)| one.wants(now).map(|socket| (place, socket)));
        let (places, mut sockets): (Vec<usize>, Vec<PollFd>) =
            wanting.map(|(place, socket)| (place, PollFd::new(socket.as_fd(), PollFlags::POLLIN))).unzip();
        // Interrupted is as good as nothing.
        let _ = poll(&mut sockets, LOOKS_MS);
        let is_ready = |socket: &PollFd| socket.any() == Some(true);
        places
            .into_iter()
            .zip(sockets)
            .filter(|(_, socket)| is_ready(socket))
            .map(|(place, _)| place)
            .collect()
    }

    fn report(&self, expected: &[Content], number: u64) -> Report {
        let wrong: Vec<&Subscriber> =
            self.subscribers.iter().filter(|one| one.content != expected[one.place]).collect();
        let samples = wrong.iter().take(2).map(|one| one.describe(&expected[one.place])).collect();
        let streams = self.subscribers.iter().filter(|one| one.has_stream()).count();
        Report { number, wrong: wrong.len(), streams, samples }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
