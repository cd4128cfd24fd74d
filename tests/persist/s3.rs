//! Backups in a real S3 server (moto), with credentials from each place the AWS SDKs look at.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use crate::{
    brink::{Brink, Client, PATIENCE, Response, run},
    fake_upstream::ClosedPort,
    round_trip,
    scene::{TOKEN, edge, serves, upstream},
};

const BUCKET: &str = "flags";
const STATIC: [(&str, &str); 3] = [
    ("AWS_ACCESS_KEY_ID", "brink"),
    ("AWS_SECRET_ACCESS_KEY", "s3cret-of-s3-0001"),
    ("AWS_REGION", "eu-west-1"),
];

/// moto of our own, with one empty bucket; ended when dropped.
struct S3Server {
    child: Child,
    port: u16,
}

impl S3Server {
    fn start() -> Self {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/moto/bin/moto_server");
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|one| one.local_addr())
            .expect("a loopback port")
            .port();
        let mut command = Command::new(program);
        command
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let child = command.spawn().expect("moto is there: `scripts/install build` installs it");
        let mut server = Self { child, port };
        server.wait_until_open();
        let created = server.request("PUT", &format!("/{BUCKET}"), "");
        assert_eq!(created.status, 200, "{}", created.text());
        server
    }

    fn wait_until_open(&mut self) {
        let deadline = Instant::now() + 3 * PATIENCE;
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(self.child.try_wait().expect("it can be asked").is_none(), "moto has ended");
            assert!(Instant::now() < deadline, "moto does not open its port");
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Unsigned; moto does not mind.
    fn request(&self, method: &str, path: &str, body: &str) -> Response {
        let mut client = Client::connect(([127, 0, 0, 1], self.port).into());
        let length = body.len();
        client.exchange(format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\nx-amz-content-sha256: UNSIGNED-PAYLOAD\r\ncontent-length: {length}\r\n\
             authorization: AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/s3/aws4_request\r\n\r\n{body}"
        ))
    }

    fn keys(&self) -> Vec<String> {
        let listing = self.request("GET", &format!("/{BUCKET}?list-type=2"), "").text();
        listing
            .split("<Key>")
            .skip(1)
            .filter_map(|rest| Some(rest.split_once("</Key>")?.0.to_owned()))
            .collect()
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[track_caller]
fn check_round_trip(variables: &[(&str, &str)], args: &[&str]) {
    let command = |url: &str| {
        let mut command =
            Brink::command(&edge(url, &[&["-t", TOKEN, "--s3-bucket-name", BUCKET], args].concat()));
        command.envs(variables.iter().copied()).env("HOME", "/nowhere");
        command
    };
    round_trip::check(command, "s3cret-of-s3");
}

#[test]
fn a_bucket_keeps_the_backup_under_the_keys_of_the_reference() {
    let s3 = S3Server::start();
    let url = s3.url();
    let variables = [&STATIC[..], &[("AWS_ENDPOINT_URL", url.as_str())]].concat();
    check_round_trip(&variables, &["--s3-force-path-style"]);
    let expected = ["/brink_backup.json", "/unleash-features.json", "/unleash-tokens.json"];
    assert_eq!(s3.keys(), expected);

    // As Unleash Edge would have left it: objects of its own, and one that makes no sense.
    s3.request("DELETE", &format!("/{BUCKET}//brink_backup.json"), "");
    let stored = r#"[["development",{"version":2,"features":[{"name":"kept","enabled":true,"project":"p","strategies":[]}]}]]"#;
    s3.request("PUT", &format!("/{BUCKET}//unleash-features.json"), stored);
    s3.request("PUT", &format!("/{BUCKET}//unleash-last-event-ids.json"), "[[");
    let nobody = ClosedPort::reserve();
    let mut command = Brink::command(&edge(&nobody.url(), &["-t", TOKEN, "--s3-bucket-name", BUCKET]));
    let mut brink = Brink::start_with(command.envs(variables));
    serves(&brink, TOKEN, &["kept"]);
    brink.wait_for_log(
        "unleash_last_event_ids.json in the S3 bucket flags at 127.0.0.1 cannot be used and is kept",
    );
    assert!(s3.keys().contains(&"/unleash-last-event-ids.json.bad".to_owned()), "{:?}", s3.keys());
}

#[test]
fn virtual_hosts_are_addressed_by_name() {
    let s3 = S3Server::start();
    // The only name below which every name is loopback.
    let url = format!("http://localhost:{}", s3.port);
    if TcpStream::connect((format!("{BUCKET}.localhost"), s3.port)).is_err() {
        eprintln!("this machine does not resolve names below localhost: only the name can be checked");
        let up = upstream();
        let mut command = Brink::command(&edge(&up.url(), &["-t", TOKEN, "--s3-bucket-name", BUCKET]));
        let mut brink = Brink::start_with(command.envs(STATIC).env("AWS_ENDPOINT_URL", &url));
        brink.wait_for_log("S3 bucket flags at flags.localhost");
        return;
    }
    check_round_trip(&[&STATIC[..], &[("AWS_ENDPOINT_URL", url.as_str())]].concat(), &[]);
    assert!(s3.keys().contains(&"/unleash-tokens.json".to_owned()), "{:?}", s3.keys());
}

#[test]
fn credentials_come_from_every_place_the_sdks_look_at() {
    let s3 = S3Server::start();
    let url = s3.url();
    let there = [("AWS_ENDPOINT_URL_S3", url.as_str()), ("AWS_REGION", "eu-west-1")];
    let style = ["--s3-force-path-style"];

    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        let path: PathBuf = folder.path().join(name);
        fs::write(&path, text).expect("writable");
        path.to_str().expect("a path").to_owned()
    };
    let profile =
        write("credentials", "[work]\naws_access_key_id=a\naws_secret_access_key=s3cret-of-s3-0002\n");
    check_round_trip(
        &[&there[..], &[("AWS_SHARED_CREDENTIALS_FILE", &profile), ("AWS_PROFILE", "work")]].concat(),
        &style,
    );

    let metadata = Metadata::start();
    let base = metadata.url.clone();
    let file = write("token", "s3cret-of-s3-container\n");
    let container = format!("{base}/container");
    check_round_trip(
        &[
            &there[..],
            &[
                ("AWS_CONTAINER_CREDENTIALS_FULL_URI", &container),
                ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", &file),
            ],
        ]
        .concat(),
        &style,
    );
    check_round_trip(&[&there[..], &[("AWS_EC2_METADATA_SERVICE_ENDPOINT", &base)]].concat(), &style);
    check_round_trip(
        &[
            &there[..],
            &[
                ("AWS_WEB_IDENTITY_TOKEN_FILE", &file),
                ("AWS_ROLE_ARN", "arn:aws:iam::1:role/r"),
                ("AWS_ENDPOINT_URL_STS", &base),
            ],
        ]
        .concat(),
        &style,
    );
    assert!(
        !metadata.saw_nonsense.load(Ordering::Relaxed),
        "a request to the metadata was not as it should be"
    );

    let up = upstream();
    let mut command = Brink::command(&edge(&up.url(), &["-t", TOKEN, "--s3-bucket-name", BUCKET]));
    let mut brink = Brink::start_with(command.envs(there).env("AWS_EC2_METADATA_DISABLED", "true"));
    serves(&brink, TOKEN, &["old"]);
    brink.wait_for_log("no credentials; give credentials by AWS_ACCESS_KEY_ID");
}

/// What containers, instances and STS answer.
struct Metadata {
    url: String,
    saw_nonsense: Arc<AtomicBool>,
}

impl Metadata {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let saw_nonsense = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&saw_nonsense);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if !answer_metadata(&stream) {
                    seen.store(true, Ordering::Relaxed);
                }
            }
        });
        Self { url, saw_nonsense }
    }
}

/// Answers one request; false if it was not as it should be.
fn answer_metadata(mut stream: &TcpStream) -> bool {
    let mut lines = BufReader::new(stream.take(16 << 10)).lines().map_while(Result::ok);
    let first = lines.next().unwrap_or_default();
    let headers: Vec<String> =
        lines.take_while(|line| !line.is_empty()).map(|line| line.to_ascii_lowercase()).collect();
    let has = |header: &str| headers.iter().any(|line| line == header);
    let json = r#"{"Code":"Success","AccessKeyId":"a","SecretAccessKey":"s3cret-of-s3-0003","Token":"t","Expiration":"2099-01-01T00:00:00Z"}"#;
    let xml = "<R><Credentials><AccessKeyId>a</AccessKeyId><SecretAccessKey>s3cret-of-s3-0004</SecretAccessKey>\
               <SessionToken>t</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></R>";
    let with_session = has("x-aws-ec2-metadata-token: s3cret-of-s3-session");
    let roles = "GET /latest/meta-data/iam/security-credentials/";
    let answer = match first.strip_suffix(" HTTP/1.1").unwrap_or_default() {
        "GET /container" if has("authorization: s3cret-of-s3-container") => json,
        "PUT /latest/api/token" if has("x-aws-ec2-metadata-token-ttl-seconds: 60") => "s3cret-of-s3-session",
        path if path == roles && with_session => "the-role\n",
        path if path.strip_prefix(roles) == Some("the-role") && with_session => json,
        path if path.starts_with("GET /?Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fr&RoleSessionName=brink&WebIdentityToken=s3cret-of-s3-container") => xml,
        _ => "",
    };
    let status = if answer.is_empty() { "400 Bad Request" } else { "200 OK" };
    let length = answer.len();
    let _ =
        write!(stream, "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{answer}");
    !answer.is_empty()
}

/// An S3 that answers as told, in turn.
fn scripted(answers: &'static [(u16, &'static str)]) -> (String, thread::JoinHandle<usize>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    let served = thread::spawn(move || {
        for (status, body) in answers {
            let Ok((mut stream, _)) = listener.accept() else { break };
            let lines = BufReader::new(stream.try_clone().expect("a socket")).lines().map_while(Result::ok);
            let _ = lines.take_while(|line| !line.is_empty()).count();
            let length = body.len();
            let _ = write!(
                stream,
                "HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
            );
        }
        answers.len()
    });
    (url, served)
}

#[test]
fn what_may_go_better_is_tried_again_and_what_is_forbidden_counts_as_empty() {
    const DENIED: &str = "<Error><Code>AccessDenied</Code></Error>";
    const MISSING: &str = "<Error><Code>NoSuchKey</Code></Error>";
    let (url, served) = scripted(&[
        (403, DENIED),
        (503, "<Error><Code>SlowDown</Code></Error>"),
        (500, ""),
        (
            200,
            r#"[["development",{"version":2,"features":[{"name":"kept","enabled":true,"project":"p","strategies":[]}]}]]"#,
        ),
        (404, MISSING),
        (404, MISSING),
    ]);
    let nobody = ClosedPort::reserve();
    let mut command = Brink::command(&edge(&nobody.url(), &["-t", TOKEN, "--s3-bucket-name", BUCKET]));
    let mut brink = Brink::start_with(command.envs(STATIC).env("AWS_ENDPOINT_URL", url));
    serves(&brink, TOKEN, &["kept"]);
    brink.wait_for_log("allow s3:GetObject and s3:ListBucket");
    assert_eq!(served.join().expect("it ends"), 6);
}

#[test]
fn without_a_region_there_is_no_start() {
    let ended =
        run(&mut Brink::command(&edge("http://127.0.0.1:1", &["-t", TOKEN, "--s3-bucket-name", BUCKET])));
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("set AWS_REGION"), "{ended:?}");
}
