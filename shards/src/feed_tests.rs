//! Feeds without connections: what is sent for what was pushed, bounds, groups, parting.

use std::{
    io::{self, IoSlice},
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Poll, Wake, Waker},
    time::Duration,
};

use proptest::prelude::*;

use crate::{
    fan_out::FanOut,
    feed::{self, Feed, Flow, Source},
    frame::{Frame, Part},
    limits::{FRAME_OVERHEAD_BYTES, GROUP_BYTES_MAX, GROUP_STREAMS_MAX, PARTING},
    output::Shared,
};

const BOUND: usize = 10_000;

fn fan_out() -> Rc<FanOut> {
    Rc::new(FanOut::new(BOUND, Arc::default()))
}

fn frame(length: usize) -> Frame {
    Frame::bytes(vec![b'f'; length])
}

/// Sends what is there in pieces of these lengths, by both ways of sending.
fn drain(source: &mut Source, lengths: &[usize]) -> Vec<u8> {
    let mut wire = Vec::new();
    let mut lengths = lengths.iter().cycle();
    while source.flow() == Flow::Ready {
        let room = lengths.next().copied().unwrap_or(usize::MAX);
        let unsent = source.unsent_bytes();
        let before = wire.len();
        let mut take = |parts: &[IoSlice<'_>]| {
            let all: Vec<u8> = parts.iter().flat_map(|part| part.iter()).copied().collect();
            assert!(!all.is_empty(), "what is ready has something to send");
            wire.extend(all.iter().take(room));
            Ok::<_, io::Error>(all.len().min(room))
        };
        if room.is_multiple_of(2) {
            assert!(source.send_with(take).is_ok());
        } else {
            let one = source.poll_send_with(|bytes| Poll::Ready(take(&[IoSlice::new(bytes)])));
            assert!(one.is_ready());
        }
        let sent = wire.len() - before;
        assert!(sent >= unsent || source.unsent_bytes() == unsent - sent);
    }
    wire
}

/// A payload and how it is cut into parts.
fn payload() -> impl Strategy<Value = Vec<Vec<u8>>> {
    prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..5)
}

proptest! {
    #[test]
    fn whatever_the_socket_takes_frames_arrive_whole_and_in_order(
        payloads in prop::collection::vec(payload(), 0..40),
        lengths in prop::collection::vec(1..600_usize, 1..9),
        chunked: bool,
        first in 0..5_usize,
        drains in 1..8_usize,
    ) {
        let made: Vec<Frame> = payloads.iter().map(|parts| {
            let whole: Shared = Rc::new(parts.concat().into());
            let mut from = 0;
            Frame::parts(parts.iter().enumerate().map(|(at, part)| {
                from += part.len();
                // By turns bytes of its own and ranges of a body.
                if at % 2 == 0 { part.clone().into() } else { Part::range(&whole, from - part.len()..from) }
            }))
        }).collect();
        let mut expected = Vec::new();
        for payload in payloads.iter().map(|parts| parts.concat()).filter(|payload| !payload.is_empty()) {
            let (before, after) = if chunked {
                (format!("{:x}\r\n", payload.len()), "\r\n")
            } else {
                (String::new(), "")
            };
            expected.extend([before.as_bytes(), &payload, after.as_bytes()].concat());
        }
        if chunked {
            expected.extend_from_slice(b"0\r\n\r\n");
        }
        let fan_out = fan_out();
        let first = first.min(made.len());
        let (feed, mut source) = feed::open(&fan_out, chunked, made[..first].iter().cloned());
        let mut wire = Vec::new();
        for (at, frame) in made[first..].iter().enumerate() {
            feed.push(frame);
            if at % drains == 0 {
                wire.extend(drain(&mut source, &lengths));
                prop_assert_eq!(source.flow(), Flow::Dry);
            }
        }
        feed.end();
        feed.push(&frame(1));
        wire.extend(drain(&mut source, &lengths));
        prop_assert_eq!(wire, expected);
        prop_assert_eq!(source.flow(), Flow::Over);
        prop_assert_eq!(source.completed(), made.iter().filter(|frame| !frame.is_empty()).count() as u64);
    }
}

#[test]
fn who_is_too_far_behind_is_cut_and_counted() {
    let check = |pushed: &[usize], is_cut: bool| {
        let fan_out = fan_out();
        let (feed, source) = feed::open(&fan_out, true, []);
        pushed.iter().for_each(|length| feed.push(&frame(*length)));
        assert_eq!(feed.is_gone(), is_cut, "{pushed:?}");
        assert_eq!(source.flow(), if is_cut { Flow::Cut } else { Flow::Ready }, "{pushed:?}");
        assert_eq!(fan_out.stats.streams_slow.value(), u64::from(is_cut), "{pushed:?}");
        if is_cut {
            assert_eq!((feed.queued_bytes(), source.unsent_bytes()), (0, 0), "{pushed:?}");
        }
    };
    let most = BOUND - FRAME_OVERHEAD_BYTES;
    check(&[1], false);
    check(&[50 * BOUND], false);
    check(&[50 * BOUND, 1, 1], false);
    check(&[1, 50 * BOUND], false);
    check(&[1, 50 * BOUND, 1], true);
    check(&[50 * BOUND, most], false);
    check(&[50 * BOUND, most - FRAME_OVERHEAD_BYTES - 1, 1], false);
    check(&[50 * BOUND, most - FRAME_OVERHEAD_BYTES, 1], true);
    let frames_max = BOUND / (FRAME_OVERHEAD_BYTES + 1);
    check(&vec![1; frames_max + 1], false);
    check(&vec![1; frames_max + 2], true);
}

#[test]
fn room_is_made_by_sending() {
    let fan_out = fan_out();
    let (feed, mut source) = feed::open(&fan_out, true, []);
    for _ in 0..1_000 {
        feed.push(&frame(BOUND / 2));
        feed.push(&frame(BOUND / 2));
        drain(&mut source, &[usize::MAX]);
    }
    assert!(!feed.is_gone());
    assert_eq!(feed.queued_bytes(), 0);
}

#[test]
fn each_end_learns_of_the_other() {
    let fan_out = fan_out();
    let open = || fan_out.stats.streams_open.value();
    let (feed, source) = feed::open(&fan_out, true, [frame(10)]);
    assert!(!feed.is_gone());
    assert_eq!((open(), feed.queued_bytes()), (1, 10));
    drop(source);
    assert!(feed.is_gone());
    assert_eq!((open(), feed.queued_bytes()), (0, 0));
    feed.push(&frame(10));
    feed.cut();
    feed.end();
    assert_eq!(feed.queued_bytes(), 0, "nothing is kept for who is gone");

    let (feed, mut source) = feed::open(&fan_out, true, [frame(10)]);
    drop(feed);
    assert_eq!(source.flow(), Flow::Ready);
    assert_eq!(drain(&mut source, &[usize::MAX]), b"a\r\nffffffffff\r\n0\r\n\r\n");
    assert_eq!((source.flow(), open()), (Flow::Over, 1));
    drop(source);
    assert_eq!(open(), 0);
    assert!(feed::closed(&fan_out).is_gone());
    assert_eq!(open(), 0);
}

#[test]
fn a_frame_is_shared_and_given_back() {
    let body: Shared = Rc::new([b'b'; 5_000].as_slice().into());
    let frame = Frame::parts([b"<".into(), Part::from(&body)]);
    let fan_out = fan_out();
    let mut streams: Vec<_> = (0..50).map(|_| feed::open(&fan_out, true, [])).collect();
    streams.iter().for_each(|(feed, _)| feed.push(&frame));
    drop(frame);
    assert_eq!(Rc::strong_count(&body), 2, "one frame for all of them");
    let (cut, rest) = streams.split_at_mut(10);
    cut.iter().for_each(|(feed, _)| feed.cut());
    rest.iter_mut().for_each(|(_, source)| drop(drain(source, &[700])));
    assert_eq!(Rc::strong_count(&body), 1, "the last that has sent it gives it back");
}

struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Streams whose sessions count how often they are woken.
fn attended(fan_out: &Rc<FanOut>, count: usize) -> (Vec<(Feed, Source)>, impl Fn() -> usize) {
    let woken = Arc::new(Count(AtomicUsize::new(0)));
    let streams: Vec<_> = (0..count).map(|_| feed::open(fan_out, true, [])).collect();
    streams.iter().for_each(|(_, source)| source.attend(&Waker::from(Arc::clone(&woken))));
    (streams, move || woken.0.load(Ordering::Relaxed))
}

#[test]
fn sessions_are_woken_once_and_in_groups() {
    let fan_out = fan_out();
    let (streams, woken) = attended(&fan_out, GROUP_STREAMS_MAX + 10);
    for _ in 0..3 {
        streams.iter().for_each(|(feed, _)| feed.push(&frame(100)));
    }
    assert_eq!(woken(), 0, "pushing does nothing but queue");
    fan_out.wake_group();
    assert_eq!(woken(), GROUP_STREAMS_MAX);
    fan_out.wake_group();
    assert_eq!(woken(), GROUP_STREAMS_MAX + 10);
    fan_out.wake_group();
    assert_eq!(woken(), GROUP_STREAMS_MAX + 10);
    streams.iter().for_each(|(feed, _)| feed.push(&frame(100)));
    fan_out.wake_group();
    assert_eq!(woken(), 2 * GROUP_STREAMS_MAX + 10, "who was woken can be noted again");
}

#[test]
fn a_group_of_large_frames_is_small() {
    let fan_out = fan_out();
    let (streams, woken) = attended(&fan_out, 10);
    let large = frame(GROUP_BYTES_MAX / 2);
    streams.iter().for_each(|(feed, _)| feed.push(&large));
    for group in 1..=5 {
        fan_out.wake_group();
        assert_eq!(woken(), 2 * group);
    }
}

#[test]
fn streams_part_evenly_when_the_process_stops() {
    const COUNT: usize = 400;
    let fan_out = fan_out();
    let streams: Vec<_> = (0..COUNT).map(|_| feed::open(&fan_out, true, [])).collect();
    fan_out.begin_parting();
    let (feeds, sources): (Vec<_>, Vec<_>) = streams.into_iter().unzip();
    feeds.iter().for_each(Feed::end);
    assert!(feeds.iter().all(Feed::is_gone), "for the service they are over");
    drop(feeds);
    let ended = || sources.iter().filter(|source| source.flow() == Flow::Ready).count();
    assert_eq!(ended(), 0);
    let mut parted = 0;
    for share in 0..=8 {
        let goes_on = fan_out.part(&mut parted, PARTING * share / 8);
        assert!(ended().abs_diff(COUNT * share as usize / 8) <= 1, "{share}: {}", ended());
        assert_eq!(goes_on, share < 8);
    }
    assert!(!fan_out.part(&mut parted, PARTING));
}

#[test]
fn whoever_parts_late_or_alone_parts_at_once() {
    let fan_out = fan_out();
    fan_out.begin_parting();
    let (feed, source) = feed::open(&fan_out, true, [frame(3)]);
    feed.end();
    assert!(!fan_out.part(&mut 0, Duration::ZERO));
    assert_eq!(source.unsent_bytes(), "3\r\nfff\r\n".len());
    let (feed, gone) = feed::open(&fan_out, true, []);
    feed.end();
    drop(gone);
    assert!(!fan_out.part(&mut 0, Duration::ZERO), "who has left meanwhile is in nobody's way");
}
