//! The documents of the backstage that say how the process does: made on request, by one thread, off the shards.
//!
//! A shard asks and lets its request wait; the thread gathers what the owners of state say (control thread,
//! report thread, every shard), writes the document and answers the ticket. It owns no state of its own. A source that
//! does not answer in time is left out or makes a 503, so one stuck thread never takes the page down.

use std::{convert::Infallible, sync::Arc};

use brink_shards::Broadcast;
use crossbeam_channel::{Receiver, Sender, select};

use crate::{
    control::Control,
    messages::{Ask, Verdict, Waiter},
    observe::exposition::{Exposition, TEXT_TYPE},
    serve::Edge,
};

/// Requests for documents that were not picked up yet; beyond that a shard answers 503.
pub const PAGE_ASKS_MAX: usize = 64;

/// A document to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Page {
    /// Prometheus text.
    Prometheus,
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
    /// What is measured.
    pub exposition: Exposition,
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
                    let document = Arc::new(sources.make(&page));
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
        }
    }
}
