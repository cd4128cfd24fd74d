//! The documents of the backstage that say how the process does: made on request, by one thread, off the shards.
//!
//! A shard asks and lets its request wait; the thread gathers what the owners of state say (control thread,
//! report thread, every shard), writes the document and answers the ticket. It owns no state of its own. A source that
//! does not answer in time is left out or makes a 503, so one stuck thread never takes the page down.

mod build;
mod features;
pub mod status;
mod tokens;

use std::{
    convert::Infallible,
    sync::Arc,
    time::{Duration, SystemTime},
};

use brink_shards::Broadcast;
use crossbeam_channel::{Receiver, Sender, bounded, select};

use status::Identity;

use crate::{
    control::{Control, unless_it_panics},
    described::Described,
    messages::{Ask, Verdict, Waiter},
    observe::exposition::{Exposition, TEXT_TYPE},
    report::Inquiry,
    serve::Edge,
};

/// Requests for documents that were not picked up yet; beyond that a shard answers 503.
pub const PAGE_ASKS_MAX: usize = 64;

/// How long a source may take to answer.
const PATIENCE: Duration = Duration::from_secs(1);

/// The page of metrics where none are kept.
const NO_METRICS: &[u8] = br#"{"applications":[],"metrics":[]}"#;

/// A document to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Page {
    /// Prometheus text.
    Prometheus,
    /// Tokens and how their refreshes stand.
    Tokens,
    /// All that is loaded.
    Features,
    /// What upstream does not have yet.
    MetricsBatch,
    /// What upstream is told of this process.
    InstanceData,
    /// What was built.
    Info,
    /// What the status page shows.
    Status,
}

/// Asked by a shard.
#[derive(Debug)]
pub struct PageAsk {
    /// What to make.
    pub page: Page,
    /// Who waits; answered by [`Verdict::Page`].
    pub waiter: Waiter,
}

/// A finished document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// HTTP status.
    pub status: u16,
    /// `content-type`.
    pub content_type: &'static str,
    /// The body.
    pub body: Vec<u8>,
}

/// Whom the thread asks.
pub struct Sources {
    /// The shards.
    pub broadcast: Broadcast<Edge>,
    /// The sync or offline thread.
    pub control: Sender<Ask>,
    /// The report thread; there is none in offline mode.
    pub reports: Option<Sender<Inquiry>>,
    /// What is measured.
    pub exposition: Exposition,
    /// Who we are.
    pub identity: Identity,
}

/// Starts the thread.
///
/// # Errors
/// If the system has no thread left.
pub fn start(mut sources: Sources, asks: Receiver<PageAsk>) -> std::io::Result<Control> {
    Control::start("pages", move |stopped| run(&mut sources, &asks, stopped))
}

fn run(sources: &mut Sources, asks: &Receiver<PageAsk>, stopped: &Receiver<Infallible>) {
    loop {
        select! {
            recv(asks) -> ask => match ask {
                Ok(PageAsk { page, waiter }) => {
                    let lost = format!("The page {page:?} is not made");
                    let document = unless_it_panics(&lost, || sources.make(&page));
                    let document = Arc::new(document.unwrap_or(Document::UNAVAILABLE));
                    sources.broadcast.answer(waiter.shard, waiter.ticket, Verdict::Page(document));
                }
                Err(_) => return,
            },
            recv(stopped) -> _ => return,
        }
    }
}

impl Sources {
    fn make(&mut self, page: &Page) -> Document {
        match page {
            Page::Prometheus => {
                Document { status: 200, content_type: TEXT_TYPE, body: self.exposition.text() }
            }
            Page::MetricsBatch => self.reported(Inquiry::MetricsBatch, &Document::json(NO_METRICS.to_vec())),
            Page::InstanceData => self.reported(Inquiry::InstanceData, &Document::NOTHING),
            Page::Tokens => self.described(tokens::write),
            Page::Features => self.described(features::write),
            Page::Status => {
                let look = self.exposition.look();
                let identity = &self.identity;
                self.described(|described| status::write(identity, SystemTime::now(), described, &look))
            }
            Page::Info => Document::json(build::write(&self.identity.app_name)),
        }
    }

    /// A page that the report thread writes, if it does in time. Nothing is kept or reported in offline mode.
    fn reported(&self, inquiry: impl FnOnce(Sender<Vec<u8>>) -> Inquiry, offline: &Document) -> Document {
        let Some(reports) = &self.reports else { return offline.clone() };
        let (to, answer) = bounded(1);
        let asked = reports.try_send(inquiry(to));
        match asked.ok().and_then(|()| answer.recv_timeout(PATIENCE).ok()) {
            Some(body) => Document::json(body),
            None => Document::UNAVAILABLE,
        }
    }

    /// A page of what the control thread says, if it says anything in time.
    fn described(&self, write: impl FnOnce(&Described) -> Vec<u8>) -> Document {
        let (to, answer) = bounded(1);
        let asked = self.control.try_send(Ask::Describe(to));
        match asked.ok().and_then(|()| answer.recv_timeout(PATIENCE).ok()) {
            Some(described) => Document::json(write(&described)),
            None => Document::UNAVAILABLE,
        }
    }
}

impl Document {
    const NOTHING: Self = Self { status: 404, content_type: "text/plain", body: Vec::new() };
    const UNAVAILABLE: Self = Self { status: 503, content_type: "text/plain", body: Vec::new() };

    fn json(body: Vec<u8>) -> Self {
        Self { status: 200, content_type: "application/json", body }
    }
}
