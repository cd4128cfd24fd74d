//! `edge --bootstrap-file`: the file until upstream answers, and the backup before the file.

use crate::{
    brink::{Brink, file_of, run},
    fake_upstream::ClosedPort,
    folder::{Folder, restored, start, stop},
    scene::{TOKEN, document, edge, features, is_come_back_later, prepare, readiness, serves, upstream},
};

const ELSEWHERE: &str = "*:production.s3cret-of-production-001";

#[test]
fn the_file_is_served_until_upstream_answers() {
    for content in [
        r#"{"old":{"enabled":true},"extra":{"enabled":true,"variant":"red"}}"#.to_owned(),
        document(&["extra", "old"]),
    ] {
        let file = file_of(&content);
        let port = ClosedPort::reserve();
        let brink = Brink::start(&edge(
            &port.url(),
            &["-t", TOKEN, "--bootstrap-file", file.to_str().expect("a path")],
        ));
        assert_eq!(readiness(&brink), 200);
        assert_eq!(features(&brink, TOKEN).names(), ["extra", "old"]);
        assert_eq!(features(&brink, ELSEWHERE).status, 503, "upstream alone knows this one");
        let _up = port.open(prepare);
        serves(&brink, TOKEN, &["old"]);
    }
}

#[test]
fn the_backup_comes_before_the_file_and_the_file_does_not_go_into_it() {
    let file = file_of(document(&["of-the-file"]));
    let file = file.to_str().expect("a path");
    let folder = Folder::new();
    let nobody = ClosedPort::reserve();
    let both = format!("{TOKEN},{ELSEWHERE}");
    let brink = start(&nobody.url(), &folder, &["-t", &both, "--bootstrap-file", file]);
    assert_eq!(features(&brink, TOKEN).names(), ["of-the-file"]);
    stop(brink);
    assert!(!folder.path().join("unleash_features.json").exists());
    assert!(!folder.path().join("unleash_tokens.json").exists(), "nobody has confirmed the tokens");

    folder.write("unleash_features.json", &format!("[[\"development\",{}]]", document(&["of-the-backup"])));
    let brink = start(&nobody.url(), &folder, &["-t", &both, "--bootstrap-file", file]);
    assert_eq!(features(&brink, TOKEN).names(), ["of-the-backup"]);
    assert_eq!(features(&brink, ELSEWHERE).names(), ["of-the-file"]);
    assert_eq!(restored(&brink), "1", "the file is no backup");
    let _up = nobody.open(prepare);
    serves(&brink, TOKEN, &["old"]);
}

#[test]
fn without_a_token_the_file_is_of_no_use_and_that_is_said() {
    let up = upstream();
    let file = file_of(document(&["of-the-file"]));
    let mut brink = Brink::start(&edge(&up.url(), &["--bootstrap-file", file.to_str().expect("a path")]));
    brink.wait_for_log("no start-up token names an environment");
    let nobody = ClosedPort::reserve();
    let without = Brink::start(&edge(&nobody.url(), &["-t", TOKEN]));
    is_come_back_later(&features(&without, TOKEN));
}

#[test]
fn a_bad_file_ends_the_start() {
    let bad = file_of("[[");
    for path in [bad.to_str().expect("a path"), "/nowhere/at-all.json"] {
        let ended =
            run(&mut Brink::command(&edge("http://127.0.0.1:1", &["-t", TOKEN, "--bootstrap-file", path])));
        assert_eq!(ended.code, Some(1));
        for part in ["--bootstrap-file", "BOOTSTRAP_FILE", path] {
            assert!(ended.stderr.contains(part), "{part}: {ended:?}");
        }
    }
}
