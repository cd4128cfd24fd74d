//! The process as a whole: every shard sees a change in time, the end comes in time, no secret is logged.

use std::time::{Duration, Instant};

use crate::{
    brink::{Brink, Client, Response},
    fake_upstream::{FEATURES, FakeUpstream, Habit, VALIDATE, on},
    scene::{
        INTERVAL, TOKEN, document, edge, features, in_parallel, running, serves, upstream, wait_for_more,
    },
};

/// Connections enough to meet both shards: that all land on one has a chance of 1 in 2^15.
const CONNECTIONS: usize = 16;

/// What a change may take beyond the refresh interval.
const SLACK: Duration = Duration::from_millis(50);

#[test]
fn a_change_is_served_by_every_shard_within_the_interval() {
    let up = upstream();
    let url = up.url();
    let mut arguments = edge(&url, &["-t", TOKEN]);
    arguments[1] = "2";
    let brink = Brink::start(&arguments);
    serves(&brink, TOKEN, &["old"]);
    let mut clients: Vec<Client> = (0..CONNECTIONS).map(|_| brink.connect()).collect();
    // The machine may be busy with other tests now and then, but not each time.
    let delays = (0..5).map(|round| delay_of_change(&up, &mut clients, &format!("change-{round}")));
    let fast =
        delays.inspect(|delay| eprintln!("served after {delay:?}")).any(|delay| delay <= INTERVAL + SLACK);
    assert!(fast, "a change takes more than {:?}", INTERVAL + SLACK);
}

/// Changes the features right after a poll, which is the worst moment, and measures until all have it.
fn delay_of_change(up: &FakeUpstream, clients: &mut [Client], name: &str) -> Duration {
    wait_for_more(up, FEATURES, 1);
    up.set_features("development", document(&[name]));
    let changed = Instant::now();
    for client in clients {
        while ask(client).names() != [name] {
            assert!(changed.elapsed() < 10 * INTERVAL, "{name} does not arrive");
        }
    }
    changed.elapsed()
}

fn ask(client: &mut Client) -> Response {
    client.request("GET", FEATURES, &[("authorization", TOKEN)])
}

#[test]
fn stopping_does_not_wait_for_upstream() {
    let (up, mut brink) = running(&[]);
    up.set_habit_on(FEATURES, Habit::NeverAnswers);
    wait_for_more(&up, FEATURES, 1);
    let asked = Instant::now();
    brink.signal("TERM");
    assert_eq!(brink.wait(), Some(0), "{}", brink.log());
    // The call itself would last five seconds.
    assert!(asked.elapsed() < Duration::from_secs(3), "{:?}", asked.elapsed());
}

#[test]
fn stopping_answers_a_request_that_waits_or_ends_it_in_time() {
    let up = upstream();
    let url = up.url();
    let arguments = [&["--shutdown-timeout", "1"], &edge(&url, &["-t", TOKEN])[..]].concat();
    let mut brink = Brink::start(&arguments);
    serves(&brink, TOKEN, &["old"]);
    up.set_habit_on(VALIDATE, Habit::NeverAnswers);
    let mut client = brink.connect();
    client.send(
        b"GET /api/client/features HTTP/1.1\r\nhost: x\r\nauthorization: *:development.unknown\r\n\r\n",
    );
    wait_for_more(&up, VALIDATE, 0);
    up.wait_for("the question", |requests| on(requests, VALIDATE).count() >= 2);
    let asked = Instant::now();
    brink.signal("TERM");
    assert_eq!(brink.wait(), Some(0), "{}", brink.log());
    assert!(asked.elapsed() < Duration::from_secs(4), "{:?}", asked.elapsed());
}

/// Upstream repeats in this way what it was sent.
fn check_log(habit: &Habit) {
    let up = upstream();
    up.add_token("*:development.s3cret-of-a-second1", "client", &["*"]);
    let url = up.url();
    let arguments = edge(&url, &["-t", TOKEN, "-H", "x-key: hunter22hunter22"]);
    let mut brink = Brink::start_with(Brink::command(&arguments).env("RUST_LOG", "trace"));
    serves(&brink, TOKEN, &["old"]);
    features(&brink, "*:development.s3cret-of-a-second1");
    features(&brink, "*:development.s3cret-of-nobody-01");
    features(&brink, "opaque-s3cret-0001");
    brink.get(FEATURES, &[("authorization", TOKEN), ("cookie", "session=s3cret-of-a-cookie-0001")]);
    up.set_habit(habit.clone());
    brink.wait_for_log("Could not fetch features");
    features(&brink, "*:development.s3cret-of-nobody-02");
    brink.signal("TERM");
    assert_eq!(brink.wait(), Some(0));
    let log = brink.log();
    assert!(log.contains(" DEBUG ") || log.contains(" TRACE "), "{log}");
    for secret in SECRETS {
        let line = log.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "{secret} is in the log");
    }
}

/// The secret parts of everything that [`check_log`] sends.
const SECRETS: [&str; 7] = [
    "s3cret-of-development-0001",
    "s3cret-of-a-second1",
    "s3cret-of-nobody-01",
    "s3cret-of-nobody-02",
    "s3cret-of-a-cookie-0001",
    "hunter22hunter22",
    "opaque-s3cret-0001",
];

#[test]
fn no_secret_is_in_the_log_at_any_level() {
    let echo = format!(r#"{{"message":"no such token {TOKEN}, key hunter22hunter22"}}"#);
    let rows = [
        Habit::Answer(403, vec![("content-type", "application/json".into())], echo.clone().into()),
        Habit::Answer(200, vec![("x-echo", TOKEN.into())], echo.into()),
        Habit::Redirect(302, format!("/{TOKEN}")),
        Habit::NotHttp,
    ];
    in_parallel(&rows, check_log);
}
