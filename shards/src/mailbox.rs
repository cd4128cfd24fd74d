//! From plain threads to shards: one lane per shard, a channel for what must arrive and a latest-only slot for
//! published states, both announced by the shard's bell.
//!
//! Policies: states keep the newest (an older one that was not picked up is dropped unread); answers and
//! orders are never dropped: there are at most as many as waiting requests, plus a handful.

use std::{sync::Arc, time::Instant};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded, unbounded};
use rustls::ServerConfig;

use crate::{bell::Bell, service::Service, ticket::TicketId};

/// What a shard is told, apart from states.
pub(crate) enum Order<A, N> {
    /// From whoever does the outside work: the request that holds this ticket may go on.
    Answer(TicketId, A),
    /// From anyone: something every shard is told.
    Notice(N),
    /// From anyone: connections accepted from here on are made with this; older ones keep theirs.
    Tls(Arc<ServerConfig>),
    /// From the pool: the process will stop.
    AnnounceStop,
    /// From the pool: accept no more, finish what is open, end at the latest then.
    Drain(Instant),
}

/// The sending side of one shard's mailbox.
struct Lane<S: Service> {
    states: Sender<S::State>,
    /// The same channel's other end: the publisher takes out an unread older state to put in a newer one.
    unread: Receiver<S::State>,
    orders: Sender<Order<S::Answer, S::Notice>>,
    bell: Arc<Bell>,
}

/// The receiving side; the shard's own.
pub(crate) struct Mailbox<S: Service> {
    pub states: Receiver<S::State>,
    pub orders: Receiver<Order<S::Answer, S::Notice>>,
    pub bell: Arc<Bell>,
}

/// Speaks to all shards of a pool, from any thread.
pub struct Broadcast<S: Service> {
    lanes: Arc<[Lane<S>]>,
}

impl<S: Service> Clone for Broadcast<S> {
    fn clone(&self) -> Self {
        Self { lanes: Arc::clone(&self.lanes) }
    }
}

impl<S: Service> Broadcast<S> {
    pub(crate) fn new(shards: usize) -> (Self, Vec<Mailbox<S>>) {
        let (lanes, mailboxes): (Vec<_>, Vec<_>) = (0..shards).map(|_| lane()).unzip();
        (Self { lanes: lanes.into() }, mailboxes)
    }

    /// Gives a state to every shard; a shard that has not picked up the one before never sees that one. There
    /// must be one publishing thread, or shards may end with different states.
    pub fn publish(&self, state: &S::State) {
        for lane in &*self.lanes {
            let mut newest = state.clone();
            while let Err(TrySendError::Full(refused)) = lane.states.try_send(newest) {
                newest = refused;
                drop(lane.unread.try_recv());
            }
            lane.bell.ring();
        }
    }

    /// Answers a ticket of a shard. States published before are seen by the request that goes on.
    pub fn answer(&self, shard: usize, ticket: TicketId, answer: S::Answer) {
        if let Some(lane) = self.lanes.get(shard) {
            lane.order(Order::Answer(ticket, answer));
        }
    }

    /// Tells every shard; states published before are applied when it hears this.
    pub fn tell(&self, notice: &S::Notice) {
        self.order_all(|| Order::Notice(notice.clone()));
    }

    /// Replaces the configuration of every port with TLS. Connections that are open are not touched. Sessions can
    /// be resumed across the change if both configurations have the same ticketer.
    pub fn replace_tls(&self, config: &Arc<ServerConfig>) {
        self.order_all(|| Order::Tls(Arc::clone(config)));
    }

    pub(crate) fn order_all(&self, order: impl Fn() -> Order<S::Answer, S::Notice>) {
        for lane in &*self.lanes {
            lane.order(order());
        }
    }

    /// Number of shards.
    pub fn shards(&self) -> usize {
        self.lanes.len()
    }
}

impl<S: Service> Lane<S> {
    fn order(&self, order: Order<S::Answer, S::Notice>) {
        // A shard that has ended needs no orders.
        let _ = self.orders.send(order);
        self.bell.ring();
    }
}

fn lane<S: Service>() -> (Lane<S>, Mailbox<S>) {
    let (states, unread) = bounded(1);
    let (orders, receiver) = unbounded();
    let bell = Arc::new(Bell::default());
    let mailbox = Mailbox { states: unread.clone(), orders: receiver, bell: Arc::clone(&bell) };
    (Lane { states, unread, orders, bell }, mailbox)
}
