//! Pushes to a receiver in this process, which reads what Prometheus would read.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::Arc,
    thread,
};

use crossbeam_channel::{Receiver, bounded};

use super::{
    wire::{Sample, WriteRequest},
    *,
};
use crate::{
    config::secret::{Secret, SecretUrl},
    observe::{
        exposition::{Names, Sources},
        gather::Gatherer,
        tally::{Operation, Tally},
    },
};

const PATIENCE: Duration = Duration::from_secs(10);

/// One push as it came in: the head in lower case, and the body.
struct Push {
    head: String,
    body: Vec<u8>,
}

impl Push {
    fn read(&self) -> WriteRequest {
        let bytes = snap::raw::Decoder::new().decompress_vec(&self.body).expect("block format");
        WriteRequest::decode(&*bytes).expect("a write request")
    }
}

/// Answers pushes with these statuses, in turn, and shows them.
fn receiver(statuses: &'static [u16]) -> (String, Receiver<Push>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("{}/write?tenant=x", listener.local_addr().expect("bound"));
    let (sender, pushes) = bounded(statuses.len());
    thread::spawn(move || {
        for status in statuses {
            let (stream, _) = listener.accept().expect("a push");
            let Some(push) = read_push(&stream) else { return };
            let answer = format!("HTTP/1.1 {status} x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            (&stream).write_all(answer.as_bytes()).expect("it reads");
            if sender.send(push).is_err() {
                return;
            }
        }
    });
    (url, pushes)
}

fn read_push(stream: &TcpStream) -> Option<Push> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let head = head.to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "))?;
    let mut body = vec![0; length.parse().ok()?];
    reader.read_exact(&mut body).ok()?;
    Some(Push { head, body })
}

fn instance() -> Instance {
    Instance {
        app_name: "my-edge".to_owned(),
        instance_id: "01M7".to_owned(),
        client_id: "customer".to_owned(),
        region: None,
        hosted: false,
    }
}

fn target(url: &str, credentials: Option<(&str, &str)>) -> RemoteWrite {
    RemoteWrite {
        url: SecretUrl::new(Url::parse(url).expect("a URL")),
        interval: Duration::from_millis(20),
        credentials: credentials.map(|(name, password)| (name.to_owned(), Secret::new(password))),
        hostname: Some("host-1".to_owned()),
        ec2_instance_id: None,
    }
}

/// Shows one fetch of 3 ms, and what is shown always.
fn exposition() -> Exposition {
    let tally = Arc::new(Tally::new(&instance()));
    tally.called(Operation::Features, Ok(200), Duration::from_millis(3));
    Exposition::new(Sources {
        tally,
        gatherer: Gatherer::new(0, |_| {}),
        shards: Vec::new(),
        log_dropped: Arc::default(),
        names: Names::default(),
    })
}

fn start_towards(target: &RemoteWrite) -> Control {
    start(target, labels(&instance(), target), exposition()).expect("a thread")
}

/// Value of the series with this name and `le`, and its labels in order.
fn series(request: &WriteRequest, name: &str, le: Option<&str>) -> (f64, Vec<(String, String)>) {
    let found: Vec<_> = request
        .timeseries
        .iter()
        .filter(|series| {
            let value =
                |name: &str| series.labels.iter().find(|label| label.name == name).map(|label| &*label.value);
            value("__name__") == Some(name) && value("le") == le
        })
        .collect();
    let [series] = found.as_slice() else { panic!("{} series {name} {le:?}", found.len()) };
    let [Sample { value, .. }] = series.samples.as_slice() else { panic!("one sample") };
    (*value, series.labels.iter().map(|label| (label.name.clone(), label.value.clone())).collect())
}

#[test]
fn a_push_is_what_prometheus_takes() {
    let (address, pushes) = receiver(&[204]);
    let control = start_towards(&target(&format!("http://{address}"), Some(("me", ""))));
    let push = pushes.recv_timeout(PATIENCE).expect("a push");
    drop(control);
    assert!(push.head.starts_with("post /write?tenant=x http/1.1\r\n"), "{}", push.head);
    for line in [
        "content-type: application/x-protobuf",
        "content-encoding: snappy",
        "x-prometheus-remote-write-version: 0.1.0",
        "user-agent: unleash_edge",
        // me:
        "authorization: basic bwu6",
    ] {
        assert!(push.head.contains(&format!("\r\n{line}\r\n")), "{line} in {}", push.head);
    }
    let request = push.read();
    let owned = |labels: &[(&str, &str)]| -> Vec<(String, String)> {
        labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    let bucket = owned(&[
        ("__name__", "client_feature_fetch_bucket"),
        ("app_name", "my-edge"),
        ("client_id", "customer"),
        ("hostname", "host-1"),
        ("instance_id", "01M7"),
        ("le", "5"),
        ("status_code", "200"),
    ]);
    assert_eq!(series(&request, "client_feature_fetch_bucket", Some("5")), (1.0, bucket));
    assert_eq!(series(&request, "client_feature_fetch_bucket", Some("2")).0, 0.0);
    assert_eq!(series(&request, "client_feature_fetch_bucket", Some("+Inf")).0, 1.0);
    assert_eq!(series(&request, "client_feature_fetch_sum", None).0, 3.0);
    assert_eq!(series(&request, "client_feature_fetch_count", None).0, 1.0);
    assert!(series(&request, "process_resident_memory_bytes", None).0 > 0.0);
    assert_eq!(series(&request, "brink_log_lines_dropped_total", None).0, 0.0);
    let now_ms = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_millis();
    for series in &request.timeseries {
        let at_ms = u128::try_from(series.samples[0].timestamp).expect("after 1970");
        assert!((now_ms - 60_000..=now_ms).contains(&at_ms), "{at_ms}");
        assert!(series.labels.is_sorted_by(|one, other| one.name < other.name), "{:?}", series.labels);
    }
}

#[test]
fn credentials_of_the_url_count_if_no_others_are_given() {
    let check = |userinfo: &str, given, expected: Option<&str>| {
        let (address, pushes) = receiver(&[200]);
        let control = start_towards(&target(&format!("http://{userinfo}{address}"), given));
        let head = pushes.recv_timeout(PATIENCE).expect("a push").head;
        drop(control);
        let line = head.lines().find_map(|line| line.strip_prefix("authorization: "));
        assert_eq!(line, expected.map(str::to_ascii_lowercase).as_deref(), "{userinfo} {given:?}");
    };
    check("", None, None);
    check("u:p%40w@", None, Some("Basic dTpwQHc="));
    check("u:p@", Some(("me", "pw")), Some("Basic bWU6cHc="));
}

#[test]
fn a_receiver_that_refuses_is_tried_again() {
    let (address, pushes) = receiver(&[500, 302, 204]);
    let control = start_towards(&target(&format!("http://{address}"), None));
    for _ in 0..3 {
        let push = pushes.recv_timeout(PATIENCE).expect("one more push");
        assert!(!push.read().timeseries.is_empty());
    }
    drop(control);
}

#[test]
fn failures_are_told_without_secrets() {
    let mut pusher = {
        let closed = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound");
        let target = target(&format!("http://u:hunter2@{closed}/?key=hunter2"), None);
        Pusher::new(&target, labels(&instance(), &target), exposition())
    };
    let error = pusher.push().expect_err("nobody is there").to_string();
    assert!(error.starts_with("no answer: ") && !error.contains("hunter2"), "{error}");
    assert!(!format!("{:?}", pusher.headers).contains("hunter"), "{:?}", pusher.headers);
    assert_eq!(pusher.url.username(), "");
}
