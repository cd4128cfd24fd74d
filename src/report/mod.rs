//! The side that tells upstream what was used: blocking, on its own threads, never on a shard.
//!
//! ```text
//!   shards --Bucket--> report thread (Ledger, Rounds) --piece--> upload-0..3 --post--> upstream
//!                         ^   ^  \                                  |           ^  ^
//!   sync: tokens, revisions   |   \--document--> instance ----------+-----------/  |
//!                             \----- answer ------------------------/              |
//!   shards --Heartbeat--> relay-0..1 ---------------------------------------------/
//! ```
//!
//! [`rounds`], [`round`], [`pace`], [`minute`], [`answer`] and [`instance`] are pure and decide; `bookkeeper` owns the
//! state and follows; the other threads block on upstream.

pub mod answer;
mod bookkeeper;
pub mod instance;
pub mod limits;
pub mod minute;
pub mod pace;
mod relay;
pub mod round;
pub mod rounds;
pub mod standing;
mod tidings;
mod uploads;

use std::{
    convert::Infallible,
    io,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use brink_shards::Broadcast;
use crossbeam_channel::{Receiver, Sender, bounded};

use self::{
    bookkeeper::Bookkeeper, instance::Identity, limits::INQUIRIES_MAX, standing::Standing, uploads::Uploads,
};
use crate::{
    config::settings::Instance,
    control::Control,
    messages::{Ask, Heartbeat},
    observe::{observed::Observed, tally::Tally},
    serve::Edge,
    tokens::key::KeyHasher,
    upstream::Client,
    usage::Bucket,
};

/// How long looking at all shards may take, and more.
const LOOK: Duration = Duration::from_millis(500);

/// What reporting is made of.
pub struct Setup {
    /// Unleash or another edge.
    pub client: Arc<Client>,
    /// `--metrics-interval-seconds`.
    pub interval: Duration,
    /// Who we are.
    pub instance: Instance,
    /// From the shards.
    pub buckets: Receiver<Bucket>,
    /// From the shards.
    pub heartbeats: Receiver<Heartbeat>,
    /// To the shards.
    pub broadcast: Broadcast<Edge>,
    /// From the sync thread.
    pub standing: Receiver<Standing>,
    /// To the sync thread.
    pub control: Sender<Ask>,
    /// The one the shards use.
    pub keys: KeyHasher,
    /// Counts calls and losses.
    pub tally: Arc<Tally>,
    /// Gathers the figures of instance data; may take a moment.
    pub observe: Observe,
    /// For jitter.
    pub seed: u64,
}

/// See [`Setup::observe`].
pub type Observe = Box<dyn FnMut() -> Observed + Send>;

/// A question of the pages thread; the answer is a finished JSON document.
#[derive(Debug)]
pub enum Inquiry {
    /// `/internal-backstage/metricsbatch`
    MetricsBatch(Sender<Vec<u8>>),
    /// `/internal-backstage/instancedata`
    InstanceData(Sender<Vec<u8>>),
}

/// The running report thread and its helpers.
pub struct Reporting {
    control: Control,
    inquiries: Sender<Inquiry>,
    /// When it must be done.
    finish: Sender<Instant>,
}

impl Reporting {
    /// Starts the threads.
    ///
    /// # Errors
    /// If the system has no thread left.
    pub fn start(setup: Setup) -> io::Result<Self> {
        relay::start(&setup.client, &setup.heartbeats, &setup.broadcast, &setup.tally)?;
        let uploads = Uploads::start(&setup.client, &setup.tally)?;
        let (inquiries, inquired) = bounded(INQUIRIES_MAX);
        let (finish, finished) = bounded(1);
        let identity = Identity::new(&setup.instance, SystemTime::now());
        let mut bookkeeper = Bookkeeper::new(setup, identity, uploads);
        let run = move |stopped: &Receiver<Infallible>| bookkeeper.run(&inquired, &finished, stopped);
        Ok(Self { control: Control::start("report", run)?, inquiries, finish })
    }

    /// Where the pages thread asks.
    pub fn inquiries(&self) -> &Sender<Inquiry> {
        &self.inquiries
    }

    /// Looks at the shards' figures while they still answer, for the instance data of [`Reporting::finish`].
    pub fn look_around(&self) {
        let (page, looked) = bounded(1);
        if self.inquiries.try_send(Inquiry::InstanceData(page)).is_ok() {
            // Too late is no harm: the figures are then a minute old.
            let _ = looked.recv_timeout(LOOK);
        }
    }

    /// Delivers what there is, and returns when that is done or the time has come. Shards must have handed over their
    /// last buckets.
    pub fn finish(self, deadline: Instant) {
        // The thread has ended by a panic: nothing can be delivered.
        let _ = self.finish.send(deadline);
        // A second for what cannot be interrupted, such as the page of a large ledger.
        let patience = deadline + Duration::from_secs(1);
        let _ = self.control.ended().recv_deadline(patience);
    }
}
