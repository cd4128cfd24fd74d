//! The threads that post: usage on some, instance data on one of its own, so that neither waits behind the other.
//!
//! Jobs are bounded by what the rounds let out at once. Bodies are written here, off the report thread.

use std::{
    io,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, Sender, unbounded};

use super::{
    limits::{SHORT_CALL, UPLOAD_THREADS},
    round::Piece,
};
use crate::{
    observe::tally::{Operation, Tally},
    tokens::token::Token,
    upstream::{CallError, Client, guarded::guarded},
    usage::Batch,
};

/// One post of usage.
pub struct Upload {
    /// Whose round it belongs to.
    pub environment: Arc<str>,
    /// What to send.
    pub piece: Piece<Batch>,
    /// What to send it with.
    pub token: Token,
    /// Shorter than usual, while the process stops.
    pub limit: Option<Duration>,
}

/// One post of instance data.
pub struct InstancePost {
    /// The document.
    pub body: Vec<u8>,
    /// What to send it with.
    pub token: Token,
}

/// What a thread reports.
pub enum Outcome {
    /// Of usage.
    Uploaded {
        /// As ordered.
        upload: Upload,
        /// Upstream's status, or why it has not got it.
        result: Result<u16, CallError>,
    },
    /// Of instance data.
    Told(Result<u16, CallError>),
}

/// The way to the threads; they end when it is dropped.
pub struct Uploads {
    usage: Sender<Upload>,
    instance: Sender<InstancePost>,
    outcomes: Receiver<Outcome>,
}

#[derive(Clone)]
struct Worker {
    client: Arc<Client>,
    tally: Arc<Tally>,
    report: Sender<Outcome>,
}

impl Uploads {
    /// Starts the threads.
    pub fn start(client: &Arc<Client>, tally: &Arc<Tally>) -> io::Result<Self> {
        let (usage, usage_inbox) = unbounded::<Upload>();
        let (instance, instance_inbox) = unbounded::<InstancePost>();
        let (report, outcomes) = unbounded();
        let worker = Worker { client: Arc::clone(client), tally: Arc::clone(tally), report };
        for index in 0..UPLOAD_THREADS {
            let (worker, inbox) = (worker.clone(), usage_inbox.clone());
            let name = format!("upload-{index}");
            thread::Builder::new()
                .name(name)
                .spawn(move || inbox.iter().for_each(|upload| worker.upload(upload)))?;
        }
        thread::Builder::new()
            .name("instance".to_owned())
            .spawn(move || instance_inbox.iter().for_each(|post| worker.tell(&post)))?;
        Ok(Self { usage, instance, outcomes })
    }

    /// Where the threads report.
    pub fn outcomes(&self) -> &Receiver<Outcome> {
        &self.outcomes
    }

    /// Posts usage.
    pub fn upload(&self, upload: Upload) {
        // The threads hold the other end until we are dropped.
        let _ = self.usage.send(upload);
    }

    /// Posts instance data.
    pub fn tell(&self, post: InstancePost) {
        let _ = self.instance.send(post);
    }
}

impl Worker {
    fn upload(&self, upload: Upload) {
        let Upload { piece, token, limit, .. } = &upload;
        let result =
            self.timed(Operation::Metrics, || self.client.usage(token.text(), &piece.load.body(), *limit));
        self.say(Outcome::Uploaded { upload, result });
    }

    fn tell(&self, post: &InstancePost) {
        let call = || self.client.instance(post.token.text(), &post.body, SHORT_CALL);
        self.say(Outcome::Told(self.timed(Operation::InstanceData, call)));
    }

    fn timed(
        &self,
        operation: Operation,
        call: impl FnOnce() -> Result<u16, CallError>,
    ) -> Result<u16, CallError> {
        let begun = Instant::now();
        let result = guarded(call);
        self.tally.called(operation, result.as_ref().copied(), begun.elapsed());
        result
    }

    fn say(&self, outcome: Outcome) {
        // Nobody listens any more: the process is ending.
        let _ = self.report.send(outcome);
    }
}
