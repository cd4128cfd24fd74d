//! One upstream, the real binary in front of it, its clients, and the faults that are played there in turn.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use rand::{Rng, rngs::SmallRng, seq::IndexedRandom};

use crate::{
    act::Fault,
    brink::Brink,
    certificates::Certificates,
    judge::{Judge, Leave, Tally},
    kinds::{self, Effect, Kind, What},
    load,
    stage::{CALL, INTERVAL_S, Props, Stage},
    strangers,
    upstream::Upstream,
    world::{BROWSER, CLIENT, STARTUP, World},
};

/// One refresh interval and the longest back-off, which is 11 intervals.
pub const CONVERGED_WITHIN: Duration = Duration::from_secs(INTERVAL_S * 12);

/// How soon a fault must show.
const NOTICED_WITHIN: Duration = Duration::from_secs(15);

/// How long a fault goes on after it has shown, in the first round; in each further one so much longer.
const GOES_ON_MS: std::ops::Range<u64> = 300..1_800;

/// What several faults in a row are called.
const MEDLEY: &str = "several in a row";

/// How many they are, and how long each lasts.
const MEDLEY_OF: usize = 8;
const MEDLEY_MS: std::ops::Range<u64> = 100..900;

/// What a fault came to.
pub struct Turn {
    pub stage: Stage,
    pub kind: String,
    /// Until it showed.
    pub noticed: Duration,
    /// From its end until everybody had seen what was new.
    pub converged: Duration,
}

/// What came of a lane.
pub struct Played {
    pub turns: Vec<Turn>,
    pub tally: Tally,
    /// Faults that did not show, or were not got over in time.
    pub failed: Vec<String>,
}

/// Plays all kinds of each round in this order.
pub fn play(
    stage: Stage,
    rounds: &[Vec<Kind>],
    certificates: &Arc<Certificates>,
    random: SmallRng,
) -> Played {
    let judge = Arc::new(Judge::default());
    let world = Arc::new(World::new(&judge));
    let upstream = Upstream::start(&world, certificates, stage.speech());
    let props = Props::new();
    let brink = props.start(stage, upstream.address().port(), certificates);
    serve_all_once(&brink);
    let stop = AtomicBool::new(false);
    let mut lane = Lane { stage, judge: &judge, world: &world, upstream, props, brink: &brink, random };
    let (mut turns, mut failed) = (Vec::new(), Vec::new());
    thread::scope(|scope| {
        load::start(scope, &brink, &judge, &stop);
        scope.spawn(|| strangers::show_up(&brink, &judge, &stop));
        for (round, kinds) in (1..).zip(rounds) {
            for kind in kinds {
                match lane.turn(kind, round) {
                    Ok(turn) => turns.push(turn),
                    Err(fault) => failed.push(format!("{} ({stage:?}): {fault}", kind.name)),
                }
            }
            match lane.medley() {
                Ok(turn) => turns.push(turn),
                Err(fault) => failed.push(format!("{MEDLEY} ({stage:?}): {fault}")),
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
    Played { turns, tally: judge.tally(), failed }
}

/// All tokens have been served before the game begins.
fn serve_all_once(brink: &Brink) {
    for (path, token) in
        [("/api/client/features", STARTUP), ("/api/client/features", CLIENT), ("/api/frontend", BROWSER)]
    {
        brink.get_until(path, &[("authorization", token)], |response| response.status == 200);
    }
}

struct Lane<'a> {
    stage: Stage,
    judge: &'a Judge,
    world: &'a World,
    upstream: Upstream,
    props: Props,
    brink: &'a Brink,
    random: SmallRng,
}

impl Lane<'_> {
    fn turn(&mut self, kind: &Kind, round: u64) -> Result<Turn, String> {
        let said = self.brink.log().len();
        self.judge.begin(&kind.name, kind.effect.leave());
        let begun = Instant::now();
        let number = self.begin(kind.what);
        let noticed = self.until_noticed(kind, number, said);
        let noticed_after = begun.elapsed();
        if noticed.is_ok() {
            let goes_on_ms = self.random.random_range(GOES_ON_MS) * round;
            thread::sleep(Duration::from_millis(goes_on_ms));
        }
        let number = self.end();
        let call = if kind.hangs() { CALL } else { Duration::ZERO };
        let converged = self.judge.wait_until_all_see(number, CONVERGED_WITHIN + call);
        self.judge.settle(number);
        let log = || format!("\n{}", self.brink.log().get(said..).unwrap_or_default());
        noticed.map_err(|fault| fault + &log())?;
        let converged = converged.map_err(|fault| fault + &log())?;
        Ok(Turn { stage: self.stage, kind: kind.name.clone(), noticed: noticed_after, converged })
    }

    /// Several faults without a pause between them, of those that clients must not notice.
    fn medley(&mut self) -> Result<Turn, String> {
        let said = self.brink.log().len();
        let is_fit = |kind: &Kind| {
            kind.stage.is_none_or(|stage| stage == self.stage)
                && kind.effect.leave() == Leave::Nothing
                && !kind.is_long
        };
        let kinds: Vec<Kind> = kinds::all().into_iter().filter(is_fit).collect();
        let chosen: Vec<&Kind> = kinds.choose_multiple(&mut self.random, MEDLEY_OF).collect();
        let names: Vec<&str> = chosen.iter().map(|kind| kind.name.as_str()).collect();
        self.judge.begin(&format!("{MEDLEY}: {}", names.join("; ")), Leave::Nothing);
        let begun = Instant::now();
        for kind in &chosen {
            self.begin(kind.what);
            thread::sleep(Duration::from_millis(self.random.random_range(MEDLEY_MS)));
            self.props.set_clock("+0");
            self.props.set_name(true);
        }
        let lasted = begun.elapsed();
        let number = self.end();
        let converged = self.judge.wait_until_all_see(number, CONVERGED_WITHIN + CALL);
        self.judge.settle(number);
        let log = || format!("\n{}\n{}", names.join("\n"), self.brink.log().get(said..).unwrap_or_default());
        let converged = converged.map_err(|fault| fault + &log())?;
        Ok(Turn { stage: self.stage, kind: MEDLEY.to_owned(), noticed: lasted, converged })
    }

    fn begin(&self, what: What) -> u64 {
        let fault = if let What::Upstream(fault) = what { fault } else { Fault::NONE };
        let number = self.upstream.begin(fault);
        match what {
            What::Upstream(_) => {}
            What::Clock(shift) => self.props.set_clock(shift),
            What::NameGone => {
                self.props.set_name(false);
                self.upstream.cut();
            }
        }
        number
    }

    fn end(&self) -> u64 {
        self.props.set_clock("+0");
        self.props.set_name(true);
        self.upstream.begin(Fault::NONE)
    }

    fn until_noticed(&self, kind: &Kind, number: u64, said: usize) -> Result<(), String> {
        if let What::Clock(_) = kind.what {
            self.until("the clock is set", || self.clock_is_set())?;
            // Only a new connection looks at the clock again.
            self.upstream.cut();
        }
        match &kind.effect {
            Effect::Trouble(texts) => self.until_said(texts, said),
            Effect::None | Effect::NoFeatures => {
                self.judge.wait_until_all_see(number, CONVERGED_WITHIN).map(drop)
            }
            Effect::Stale => self.until("features are fetched twice", || self.world.met().features >= 2),
            Effect::Validation => {
                self.until("tokens are asked about twice", || self.world.met().validate >= 2)?;
                self.judge.wait_until_all_see(number, CONVERGED_WITHIN).map(drop)
            }
            Effect::NoToken => self.judge.wait_until_refused(NOTICED_WITHIN).map(drop),
        }
    }

    /// brink cannot fetch features, and says why.
    fn until_said(&self, texts: &[String], said: usize) -> Result<(), String> {
        let is_it = |line: &str| {
            line.contains("Could not fetch features") && texts.iter().any(|text| line.contains(text.as_str()))
        };
        self.until(&format!("brink says {texts:?}"), || {
            self.brink.log().get(said..).is_some_and(|log| log.lines().any(is_it))
        })
    }

    /// Whether brink's clock has followed, by the date of its answers.
    fn clock_is_set(&self) -> bool {
        let response = self.brink.get("/internal-backstage/health", &[]);
        let date = response.header("date").and_then(|date| chrono::DateTime::parse_from_rfc2822(date).ok());
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        date.is_some_and(|date| date.timestamp().unsigned_abs().abs_diff(now.as_secs()) > 3_600)
    }

    fn until(&self, what: &str, is_there: impl Fn() -> bool) -> Result<(), String> {
        let deadline = Instant::now() + NOTICED_WITHIN;
        while !is_there() {
            if Instant::now() > deadline {
                return Err(format!("waited in vain until {what}"));
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}
