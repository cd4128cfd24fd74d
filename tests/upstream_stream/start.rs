//! The first state, and what `--strict` makes of an upstream without deltas.

use crate::{
    brink::{Brink, run},
    scene::{TOKEN, edge, serves, upstream},
    streaming_upstream::{DELTA, FEATURES, STREAMING, Way},
};

#[test]
fn a_stream_that_says_nothing_is_not_waited_for() {
    let up = upstream();
    up.treat(STREAMING, Way::Mute);
    let brink = edge(&up, &["--streaming"]);
    serves(&brink, &["a", "b"]);
    assert_eq!((up.requests(DELTA).len(), up.requests(FEATURES).len()), (1, 0));
    // What it says then goes on from there.
    up.treat(STREAMING, Way::Well);
    up.cut();
    up.wait_for_streams(1);
    up.change(|unleash| unleash.remove("a"));
    serves(&brink, &["b"]);
}

#[test]
fn strict_needs_an_upstream_with_deltas() {
    for (flag, variable) in [("--streaming", "STREAMING"), ("--delta", "DELTA")] {
        let up = upstream();
        up.treat(DELTA, Way::Status(404, None));
        let url = up.url();
        let ended = run(&mut Brink::command(&["edge", "-u", &url, "-t", TOKEN, "--strict", flag]));
        assert_eq!(ended.code, Some(1), "{ended:?}");
        let expected = format!(
            "Error: Upstream has no delta API: it answers 404 on /api/client/delta for *:development.s3cr****, and {flag} \
             ({variable}) with --strict (STRICT) needs it. Use an upstream that has it, leave {flag} or --strict out, or poll \
             lists until there are deltas by --streaming-fallback (STREAMING_FALLBACK)\n"
        );
        assert_eq!(ended.stderr, expected);
        // The same, with the fallback.
        let brink = edge(&up, &["--strict", flag, "--streaming-fallback"]);
        serves(&brink, &["a", "b"]);
    }
}

#[test]
fn strict_polls_nothing_after_the_first_state() {
    let up = upstream();
    up.treat(STREAMING, Way::Status(503, Some(0)));
    let brink = edge(&up, &["--strict", "--streaming"]);
    serves(&brink, &["a", "b"]);
    let deltas = up.requests(DELTA).len();
    // Several refresh intervals.
    let refused = up.requests(STREAMING).len();
    up.wait_for(STREAMING, refused + 3);
    assert_eq!((up.requests(DELTA).len(), up.requests(FEATURES).len()), (deltas, 0));
    up.change(|unleash| unleash.remove("a"));
    up.treat(STREAMING, Way::Well);
    serves(&brink, &["b"]);
}

#[test]
fn strict_starts_while_upstream_is_away() {
    let up = upstream();
    let url = up.url();
    drop(up);
    let brink = Brink::start(&["edge", "-u", &url, "-t", TOKEN, "--strict", "--streaming"]);
    assert_eq!(brink.get("/internal-backstage/health", &[]).status, 200);
    assert_eq!(brink.get("/internal-backstage/ready", &[]).status, 503);
}
