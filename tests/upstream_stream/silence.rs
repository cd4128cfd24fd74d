//! A stream that falls silent: the worker by itself, with less patience than the program has.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use brink::{
    features::environment::EnvironmentData,
    tokens::token::Token,
    upstream::{
        Client,
        stream::{
            self, Handle, News, Setup,
            pace::{End, Patience},
        },
    },
};
use crossbeam_channel::{Receiver, bounded};

use crate::{
    scene::{TOKEN, upstream},
    streaming_upstream::{STREAMING, StreamingUpstream},
    upstream_settings::upstream_settings,
};

const PATIENCE: Duration = Duration::from_secs(20);

fn worker(up: &StreamingUpstream, limit: Duration) -> (Handle, Receiver<((), News)>) {
    let setup = Setup {
        client: Arc::new(
            Client::with_variables(&upstream_settings(&up.url()), |_| None).expect("good settings"),
        ),
        token: Token::parse(TOKEN).expect("in grammar"),
        known: Arc::new(Mutex::new(Arc::new(EnvironmentData::empty(Arc::from("development"))))),
        spread: false,
        patience: Patience { least: limit, most: limit, met: None },
        seed: 7,
    };
    let (tell, news) = bounded(8);
    (stream::start(setup, (), tell).expect("a thread"), news)
}

/// Waits for the next end of a connection; what it was, and why the next begins without an id.
fn next_end(news: &Receiver<((), News)>) -> (End, Option<&'static str>) {
    loop {
        if let ((), News::Down(down)) = news.recv_timeout(PATIENCE).expect("the worker says something") {
            return (down.end, down.gap.as_ref().map(|gap| gap.label()));
        }
    }
}

#[test]
fn the_first_silence_resumes_and_the_second_begins_again() {
    let up = upstream();
    let (_handle, news) = worker(&up, Duration::from_millis(300));
    assert_eq!(next_end(&news), (End::Silent, None));
    assert_eq!(next_end(&news), (End::Silent, Some("silence")));
    let opened = up.wait_for(STREAMING, 3);
    let ids: Vec<bool> = opened.iter().take(3).map(|one| one.header("last-event-id").is_some()).collect();
    assert_eq!(ids, [false, true, false]);
}

#[test]
fn a_handle_that_is_dropped_closes_the_connection_at_once() {
    let up = upstream();
    let (handle, news) = worker(&up, Duration::from_secs(90));
    up.wait_for_streams(1);
    drop(handle);
    up.wait_for_gone(1);
    // The thread has ended, too.
    while news.recv_timeout(PATIENCE).is_ok() {}
    assert!(news.try_recv().is_err_and(|error| error.is_disconnected()));
}

/// Nobody takes the news: the worker waits with them, and still ends.
#[test]
fn a_worker_with_a_full_channel_ends() {
    let up = upstream();
    let (handle, news) = worker(&up, Duration::from_secs(90));
    up.wait_for_streams(1);
    for content in 0..20 {
        up.change(|unleash| unleash.set("a", "p1", content, None));
    }
    drop(handle);
    while news.recv_timeout(PATIENCE).is_ok() {}
    assert!(news.try_recv().is_err_and(|error| error.is_disconnected()));
    up.wait_for_gone(1);
}

#[test]
fn a_drift_begins_again_at_once() {
    let up = upstream();
    let (handle, news) = worker(&up, Duration::from_secs(90));
    up.wait_for_streams(1);
    assert!(matches!(news.recv_timeout(PATIENCE), Ok(((), News::Opened { resumed: false, .. }))));
    handle.rehydrate();
    assert_eq!(next_end(&news), (End::Rehydrate, Some("drift")));
    let opened = up.wait_for(STREAMING, 2);
    assert_eq!(opened[1].header("last-event-id"), None);
}
