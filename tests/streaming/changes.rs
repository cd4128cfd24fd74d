//! What streams are told of changes upstream, by project, and from where their clients stand.

use crate::{
    client::Stream,
    scene::{ALL, P1, P2, Scene, flag},
};

const STREAMING: &str = "/api/client/streaming";

#[test]
fn a_stream_begins_with_everything_its_token_sees() {
    let scene = Scene::start(&[flag("a", "p1", true, &[1]), flag("b", "p2", true, &[2])]);
    for (token, names) in [(ALL, &["a", "b"][..]), (P1, &["a"]), (P2, &["b"])] {
        let mut stream = Stream::of(&scene.brink, token);
        stream.expect("connected", Some("40"), &["everything"]);
        assert_eq!(stream.held, scene.held(token));
        assert!(stream.held.features.keys().eq(names));
        assert!(stream.head.contains("content-type: text/event-stream\r\n"), "{}", stream.head);
        assert!(!stream.head.contains("content-encoding"), "{}", stream.head);
    }
    let alias = "/api/client/features/streaming?namePrefix=b";
    let mut stream = Stream::open(&scene.brink, alias, ALL, None);
    stream.expect("connected", Some("40"), &["everything"]);
    assert!(stream.held.features.keys().eq(["b"]));
}

#[test]
fn a_change_is_told_to_those_who_see_it() {
    let (a, b) = (flag("a", "p1", true, &[]), flag("b", "p2", true, &[]));
    let scene = Scene::start(&[a.clone(), b]);
    let mut streams = [ALL, P1, P2].map(|token| Stream::of(&scene.brink, token));
    streams.iter_mut().for_each(|stream| _ = stream.expect("connected", Some("40"), &["everything"]));
    scene.serve(43, &[flag("a", "p1", false, &[]), flag("b", "p2", true, &[])]);
    scene.serve(45, &[flag("a", "p1", false, &[]), flag("b", "p2", false, &[])]);
    let [all, p1, p2] = &mut streams;
    all.expect("updated", Some("43"), &["+a"]);
    all.expect("updated", Some("45"), &["+b"]);
    p1.expect("updated", Some("43"), &["+a"]);
    // The first it hears of: nothing was sent for the other project's change.
    p2.expect("updated", Some("45"), &["+b"]);
    assert_eq!(p1.held, scene.held(P1));
    // And the other way round.
    scene.serve(46, &[a, flag("b", "p2", false, &[])]);
    p1.expect("updated", Some("46"), &["+a"]);
}

#[test]
fn quick_changes_are_folded_for_who_comes_later() {
    let scene = Scene::start(&[flag("a", "p1", true, &[])]);
    scene.set(41, &[flag("a", "p1", false, &[])]);
    scene.serve(42, &[flag("a", "p1", false, &[]), flag("c", "p1", true, &[])]);
    let mut stream = Stream::of(&scene.brink, P1);
    stream.expect("connected", Some("42"), &["everything"]);
    assert!(stream.held.features.keys().eq(["a", "c"]));
}

#[test]
fn a_client_goes_on_where_it_stood() {
    let scene = Scene::start(&[flag("a", "p1", true, &[])]);
    scene.serve(42, &[flag("a", "p1", false, &[])]);
    scene.serve(45, &[flag("a", "p1", false, &[]), flag("b", "p1", true, &[])]);
    #[track_caller]
    fn check(scene: &Scene, id: &str, expected_id: Option<&str>, kinds: &[&str]) {
        let mut stream = Stream::open(&scene.brink, STREAMING, P1, Some(id));
        stream.expect("connected", expected_id, kinds);
    }
    check(&scene, "40", Some("45"), &["+a", "+b"]);
    check(&scene, "42", Some("45"), &["+b"]);
    check(&scene, "45", None, &[]);
    // Not one of ours: too old, in a gap, ahead, no number.
    for id in ["39", "44", "46", "1000", "abc", "45-00000000"] {
        check(&scene, id, Some("45"), &["everything"]);
    }
}

#[test]
fn a_move_takes_from_one_and_gives_to_the_other() {
    let scene = Scene::start(&[flag("a", "p1", true, &[1]), flag("b", "p2", true, &[])]);
    let mut streams = [ALL, P1, P2].map(|token| Stream::of(&scene.brink, token));
    streams.iter_mut().for_each(|stream| _ = stream.next());
    scene.serve(41, &[flag("a", "p2", true, &[1]), flag("b", "p2", true, &[])]);
    let [all, p1, p2] = &mut streams;
    all.expect("updated", Some("41"), &["-a", "+a"]);
    p1.expect("updated", Some("41"), &["-a", "-1"]);
    p2.expect("updated", Some("41"), &["+1", "+a"]);
    for (stream, token) in streams.iter().zip([ALL, P1, P2]) {
        assert_eq!(stream.held, scene.held(token));
    }
}

#[test]
fn what_was_archived_may_come_back() {
    let flags = [flag("a", "p1", true, &[]), flag("b", "p1", true, &[])];
    let scene = Scene::start(&flags);
    let mut stream = Stream::of(&scene.brink, P1);
    stream.next();
    scene.serve(41, &flags[1..]);
    stream.expect("updated", Some("41"), &["-a"]);
    scene.serve(42, &flags);
    stream.expect("updated", Some("42"), &["+a"]);
    assert_eq!(stream.held, scene.held(P1));
}

#[test]
fn a_segment_comes_before_the_flag_that_begins_to_need_it() {
    let scene = Scene::start(&[flag("a", "p1", true, &[]), flag("b", "p2", true, &[1])]);
    let mut p1 = Stream::of(&scene.brink, P1);
    p1.next();
    assert!(p1.held.segments.is_empty());
    // The segment is nothing new upstream, but it is to this client.
    scene.serve(41, &[flag("a", "p1", true, &[]), flag("b", "p2", true, &[1]), flag("c", "p1", true, &[1])]);
    p1.expect("updated", Some("41"), &["+1", "+c"]);
    scene.serve(42, &[flag("a", "p1", true, &[]), flag("b", "p2", true, &[1])]);
    p1.expect("updated", Some("42"), &["-c", "-1"]);
    assert_eq!(p1.held, scene.held(P1));
}

#[test]
fn a_change_of_everything_is_told_anew() {
    let scene = Scene::start(&[flag("a", "p1", true, &[])]);
    let mut stream = Stream::of(&scene.brink, ALL);
    stream.next();
    let many: Vec<_> = (0..150).map(|number| flag(&format!("f{number}"), "p1", true, &[])).collect();
    scene.serve(41, &many);
    stream.expect("updated", Some("41"), &["everything"]);
    assert_eq!(stream.held, scene.held(ALL));
    // From there on in parts again.
    scene.serve(42, &many[1..]);
    stream.expect("updated", Some("42"), &["-f0"]);
}

#[test]
fn an_empty_environment_can_be_followed() {
    let scene = Scene::start(&[]);
    let mut streams = [ALL, P1].map(|token| Stream::of(&scene.brink, token));
    for stream in &mut streams {
        let message = stream.expect("connected", Some("40"), &["everything"]);
        let lists = ["features", "segments"].map(|key| message.events[0][key].as_array().map(Vec::len));
        assert_eq!(lists, [Some(0); 2]);
    }
    scene.serve(41, &[flag("a", "p1", true, &[2])]);
    streams.iter_mut().for_each(|stream| _ = stream.expect("updated", Some("41"), &["+2", "+a"]));
}

#[test]
fn an_upstream_that_begins_anew_is_followed() {
    let scene = Scene::start(&[flag("a", "p1", true, &[]), flag("b", "p1", true, &[])]);
    scene.serve(41, &[flag("a", "p1", false, &[]), flag("b", "p1", true, &[])]);
    let mut stream = Stream::of(&scene.brink, P1);
    stream.expect("connected", Some("41"), &["everything"]);
    scene.serve(3, &[flag("b", "p1", false, &[]), flag("c", "p1", true, &[])]);
    let message = stream.next();
    assert_eq!(message.kinds(), ["everything"]);
    assert_eq!(message.events[0]["eventId"], 3);
    assert_eq!(stream.held, scene.held(P1));
    let id = stream.last_id.clone().expect("an id");
    // Revisions that were there before mean something else now, until all of them are passed.
    scene.serve(41, &[flag("c", "p1", true, &[])]);
    stream.reaches(&scene.held(P1));
    Stream::open(&scene.brink, STREAMING, P1, Some("40")).expect(
        "connected",
        stream.last_id.clone().as_deref(),
        &["everything"],
    );
    Stream::open(&scene.brink, STREAMING, P1, Some(&id)).expect(
        "connected",
        stream.last_id.clone().as_deref(),
        &["-b"],
    );
    scene.serve(42, &[]);
    stream.expect("updated", Some("42"), &["-c"]);
}

#[test]
fn a_revision_that_comes_again_with_other_content_is_followed() {
    let scene = Scene::start(&[flag("a", "p1", true, &[])]);
    let mut stream = Stream::of(&scene.brink, P1);
    stream.expect("connected", Some("40"), &["everything"]);
    scene.set(40, &[flag("a", "p1", false, &[])]);
    let message = stream.next();
    assert_eq!((message.kinds(), &message.events[0]["eventId"]), (vec!["+a".to_owned()], &40.into()));
    let id = message.id.expect("an id");
    assert!(id.starts_with("40-"), "{id}");
    Stream::open(&scene.brink, STREAMING, P1, Some(&id)).expect("connected", None, &[]);
    Stream::open(&scene.brink, STREAMING, P1, Some("40")).expect("connected", Some(&id), &["+a"]);
}
