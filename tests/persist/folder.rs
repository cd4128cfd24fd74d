//! The backup folder: what is in it, and what a start makes of it.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    brink::Brink,
    fake_upstream::{ClosedPort, FEATURES, FakeUpstream, Habit, VALIDATE, on},
    scene::{
        TOKEN, answers, becomes_ready, document, edge, features, fetchers, is_come_back_later, prepare,
        project, readiness, serves, upstream,
    },
};

const FRONTEND: &str = "*:development.s3cret-of-a-browser-0001";
const DYNAMIC: &str = "*:production.s3cret-of-production-001";

/// The backup files of a folder.
pub struct Folder(TempDir);

impl Folder {
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    pub fn path(&self) -> PathBuf {
        self.0.path().join("backup")
    }

    pub fn text(&self) -> String {
        self.path().to_str().expect("a plain path").to_owned()
    }

    pub fn write(&self, name: &str, content: &str) {
        fs::create_dir_all(self.path()).expect("writable");
        fs::write(self.path().join(name), content).expect("writable");
    }

    pub fn read(&self, name: &str) -> Value {
        let bytes = fs::read(self.path().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        serde_json::from_slice(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path()).expect("a folder").flatten();
        let mut names: Vec<String> =
            entries.map(|entry| entry.file_name().into_string().expect("text")).collect();
        names.sort_unstable();
        names
    }
}

/// An edge with this backup folder.
pub fn start(url: &str, folder: &Folder, args: &[&str]) -> Brink {
    Brink::start(&edge(url, &[&["--backup-folder", &folder.text()], args].concat()))
}

pub fn stop(mut brink: Brink) -> String {
    brink.signal("TERM");
    assert_eq!(brink.wait(), Some(0), "{}", brink.log());
    brink.log()
}

/// Environments that are served from the backup, as the metrics have it.
#[track_caller]
pub fn restored(brink: &Brink) -> String {
    let text = brink.get("/internal-backstage/metrics", &[]).text();
    assert!(text.contains("\n# TYPE brink_restored_environments gauge\n"), "{text}");
    let line = text.lines().find_map(|line| line.strip_prefix("brink_restored_environments "));
    line.expect("a sample").to_owned()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("there").permissions().mode() & 0o777
}

/// As Unleash Edge 20.4 would leave it.
fn tokens(list: &[(&str, &str, &[&str])]) -> String {
    let record = |(token, kind, projects): &(&str, &str, &[&str])| {
        let environment = token.split(':').nth(1).and_then(|rest| rest.split('.').next());
        json!({"token": token, "type": kind, "environment": environment, "projects": projects, "status": "Validated"})
    };
    Value::from(list.iter().map(record).collect::<Vec<_>>()).to_string()
}

/// The features document of one environment.
fn stored(environment: &str, names: &[&str]) -> String {
    format!("[[\"{environment}\",{}]]", document(names))
}

#[test]
fn a_restart_without_upstream_serves_what_was_served() {
    let folder = Folder::new();
    let up = upstream();
    up.add_token(FRONTEND, "frontend", &["*"]);
    let brink = start(&up.url(), &folder, &["-t", TOKEN]);
    serves(&brink, TOKEN, &["old"]);
    assert_eq!(restored(&brink), "0");
    brink.get_until("/api/frontend", &[("authorization", FRONTEND)], |response| response.status == 200);
    stop(brink);
    assert_eq!(
        folder.names(),
        ["brink_backup.json", "unleash_features.json", "unleash_last_event_ids.json", "unleash_tokens.json"]
            .into_iter()
            .filter(|name| *name != "unleash_last_event_ids.json")
            .collect::<Vec<_>>(),
        "this upstream tells no revisions"
    );
    for name in folder.names() {
        assert_eq!(mode(&folder.path().join(&name)), 0o600, "{name}");
    }
    let written = folder.read("unleash_tokens.json");
    let texts: Vec<&str> =
        written.as_array().expect("a list").iter().filter_map(|one| one["token"].as_str()).collect();
    assert_eq!(texts, [TOKEN, FRONTEND]);

    let nobody = ClosedPort::reserve();
    let brink = start(&nobody.url(), &folder, &["-t", TOKEN]);
    assert_eq!(readiness(&brink), 200, "{}", brink.log());
    assert_eq!(features(&brink, TOKEN).names(), ["old"]);
    assert_eq!(brink.get("/api/frontend", &[("authorization", FRONTEND)]).status, 200);
    assert!(brink.log().contains("Restored from the backup"), "{}", brink.log());
    assert_eq!(restored(&brink), "1");

    let _up = nobody.open(|up| {
        prepare(up);
        up.set_features("development", document(&["new"]));
    });
    serves(&brink, TOKEN, &["new"]);
    assert_eq!(restored(&brink), "0");
    stop(brink);
    assert_eq!(folder.read("unleash_features.json")[0][1]["features"][0]["name"], "new");
}

#[test]
fn a_change_is_written_within_seconds_and_not_only_at_the_end() {
    let folder = Folder::new();
    let up = upstream();
    let mut brink = start(&up.url(), &folder, &["-t", TOKEN]);
    serves(&brink, TOKEN, &["old"]);
    brink.get_until("/health", &[], |_| folder.path().join("brink_backup.json").exists());
    brink.signal("KILL");
    brink.wait();
    assert_eq!(folder.read("unleash_features.json")[0][1]["features"][0]["name"], "old");
}

/// A backup of the reference, with upstream down.
fn check_start(tokens: &str, features_text: &str, startup: &str, check: impl Fn(&Brink)) {
    let folder = Folder::new();
    folder.write("unleash_tokens.json", tokens);
    folder.write("unleash_features.json", features_text);
    folder.write("unleash_last_event_ids.json", "{}");
    let nobody = ClosedPort::reserve();
    let brink = start(&nobody.url(), &folder, &["-t", startup]);
    check(&brink);
    stop(brink);
}

#[test]
fn backups_of_the_reference_are_understood() {
    let minimal = r#"[["development",{"version":2,"features":[],"query":null}]]"#;
    check_start(&tokens(&[(TOKEN, "client", &["*"])]), minimal, TOKEN, |brink| {
        assert_eq!(readiness(brink), 200);
        assert!(features(brink, TOKEN).names().is_empty());
    });
    // A token without type is not known yet: upstream is asked at each use.
    let untyped = r#"[{"token":"*:development.s3cret-without-type-01","projects":["*"]}]"#;
    check_start(untyped, minimal, TOKEN, |brink| {
        assert_eq!(readiness(brink), 200);
        assert_eq!(features(brink, "*:development.s3cret-without-type-01").status, 503);
        assert_eq!(
            features(brink, TOKEN).status,
            200,
            "start-up tokens of a restored environment are accepted"
        );
    });
    // The list of tokens cannot be read.
    check_start("{]", &stored("development", &["kept"]), TOKEN, |brink| {
        assert_eq!(features(brink, TOKEN).names(), ["kept"]);
    });
    // The features cannot be read.
    check_start(&tokens(&[(TOKEN, "backend", &["*"])]), "[[", TOKEN, |brink| {
        assert_eq!(readiness(brink), 503);
        is_come_back_later(&features(brink, TOKEN));
    });
    // Data without a token is there, and ready.
    check_start("[]", &stored("production", &["kept"]), TOKEN, |brink| {
        assert_eq!(readiness(brink), 200);
        is_come_back_later(&features(brink, TOKEN));
        assert_eq!(
            brink.get("/internal-backstage/features", &[]).json()["production"]["features"][0]["name"],
            "kept"
        );
    });
    // Refused ones are ignored.
    let refused = tokens(&[("*:development.s3cret-of-refused-0001", "invalid", &["*"])])
        .replace("Validated", "Invalid");
    check_start(&refused, &stored("development", &["kept"]), TOKEN, |brink| {
        assert_eq!(features(brink, "*:development.s3cret-of-refused-0001").status, 503);
    });
}

#[test]
fn restored_tokens_authenticate_and_only_those_in_scope_fetch() {
    let folder = Folder::new();
    let inside = "p1:development.s3cret-of-inside-0001";
    folder
        .write("unleash_tokens.json", &tokens(&[(inside, "backend", &["p1"]), (DYNAMIC, "backend", &["*"])]));
    folder.write(
        "unleash_features.json",
        &format!("[[\"development\",{}],[\"production\",{}]]", project("p1", &["a"]), document(&["b"])),
    );
    let port = ClosedPort::reserve();
    let brink = start(&port.url(), &folder, &["-t", TOKEN]);
    assert_eq!(features(&brink, inside).names(), ["a"]);
    assert_eq!(features(&brink, DYNAMIC).status, 403, "outside of the start-up scope");
    let up = port.open(|up| {
        prepare(up);
        up.add_token(inside, "client", &["p1"]);
        up.add_token(DYNAMIC, "client", &["*"]);
    });
    serves(&brink, TOKEN, &["old"]);
    let fetchers = fetchers(&up);
    assert!(!fetchers.is_empty() && fetchers.iter().all(|token| token == TOKEN), "{fetchers:?}");
    stop(brink);

    let dynamic = start(&up.url(), &folder, &["-t", TOKEN, "--dynamic"]);
    assert_eq!(features(&dynamic, DYNAMIC).names(), ["b"]);
    up.wait_for("its fetch", |requests| {
        on(requests, FEATURES).any(|one| one.only("authorization") == Some(DYNAMIC))
    });
}

#[test]
fn upstream_has_the_last_word_about_restored_tokens() {
    let folder = Folder::new();
    let gone = "*:development.s3cret-of-somebody-gone";
    folder.write("unleash_tokens.json", &tokens(&[(TOKEN, "backend", &["*"]), (gone, "backend", &["*"])]));
    folder.write("unleash_features.json", &stored("development", &["kept"]));
    let port = ClosedPort::reserve();
    let brink = start(&port.url(), &folder, &["-t", TOKEN]);
    assert_eq!(features(&brink, gone).names(), ["kept"]);
    let _up = port.open(prepare);
    answers(&brink, gone, 403);
    serves(&brink, TOKEN, &["old"]);
    stop(brink);
    assert_eq!(folder.read("unleash_tokens.json").as_array().map(Vec::len), Some(1));
}

#[test]
fn doubt_of_upstream_does_not_touch_restored_data() {
    let folder = Folder::new();
    folder.write("unleash_tokens.json", &tokens(&[(TOKEN, "backend", &["*"])]));
    folder.write("unleash_features.json", &stored("development", &["kept"]));
    let up = upstream();
    up.set_habit(Habit::Status(403));
    let brink = start(&up.url(), &folder, &["-t", TOKEN]);
    up.wait_for("questions", |requests| {
        on(requests, VALIDATE).count() >= 2 && on(requests, FEATURES).count() >= 2
    });
    assert_eq!(features(&brink, TOKEN).names(), ["kept"]);
    stop(brink);
    assert_eq!(folder.read("unleash_features.json")[0][1]["features"][0]["name"], "kept");
    assert_eq!(folder.read("unleash_tokens.json").as_array().map(Vec::len), Some(1));
}

#[test]
fn what_is_left_of_older_data_goes_when_upstream_has_answered_for_all() {
    let folder = Folder::new();
    let (one, two) = ("p1:development.s3cret-of-project-0001", "p2:development.s3cret-of-project-0002");
    folder.write("unleash_tokens.json", &tokens(&[(one, "backend", &["p1"]), (two, "backend", &["p2"])]));
    let feature = |name: &str, project: &str| json!({"name": name, "project": project, "enabled": true, "strategies": []});
    let all = json!([["development", {"version": 2, "features": [feature("a", "p1"), feature("b", "p2"), feature("c", "p3")]}]]);
    folder.write("unleash_features.json", &all.to_string());
    let up = FakeUpstream::start();
    up.add_token(one, "client", &["p1"]);
    up.add_token(two, "client", &["p2"]);
    up.set_features(one, project("p1", &["a2"]));
    let names = |brink: &Brink| {
        let page = brink.get("/internal-backstage/features", &[]).json();
        let list = page["development"]["features"].as_array().cloned().unwrap_or_default();
        list.iter().filter_map(|one| Some(one["name"].as_str()?.to_owned())).collect::<Vec<_>>()
    };
    let brink = start(&up.url(), &folder, &["-t", &format!("{one},{two}")]);
    serves(&brink, one, &["a2"]);
    assert_eq!(features(&brink, two).names(), ["b"], "upstream has nothing for it yet");
    assert_eq!(names(&brink), ["a2", "b", "c"]);
    up.set_features(two, project("p2", &["b2"]));
    serves(&brink, two, &["b2"]);
    brink.get_until("/internal-backstage/features", &[], |_| names(&brink) == ["a2", "b2"]);
}

#[test]
fn an_unusable_file_is_kept_and_a_folder_that_cannot_be_written_is_said_once() {
    let folder = Folder::new();
    folder.write("unleash_features.json", "[[");
    let up = upstream();
    let brink = start(&up.url(), &folder, &["-t", TOKEN]);
    serves(&brink, TOKEN, &["old"]);
    let log = stop(brink);
    assert!(log.contains("unleash_features.json.bad"), "{log}");
    assert_eq!(fs::read_to_string(folder.path().join("unleash_features.json.bad")).expect("kept"), "[[");
    assert_eq!(folder.read("unleash_features.json")[0][0], "development");

    let blocked = Folder::new();
    fs::write(blocked.path(), "a file").expect("writable");
    let brink = start(&up.url(), &blocked, &["-t", TOKEN]);
    serves(&brink, TOKEN, &["old"]);
    let log = stop(brink);
    let lines = log.lines().filter(|line| line.contains("--backup-folder (BACKUP_FOLDER)")).count();
    assert_eq!(lines, 1, "{log}");
    assert_eq!(fs::read_to_string(blocked.path()).expect("there"), "a file");
}

#[test]
fn becomes_ready_without_tokens_of_its_own() {
    let folder = Folder::new();
    folder.write("unleash_tokens.json", &tokens(&[(DYNAMIC, "backend", &["*"])]));
    folder.write("unleash_features.json", &stored("production", &["kept"]));
    let nobody = ClosedPort::reserve();
    let brink = start(&nobody.url(), &folder, &[]);
    becomes_ready(&brink, 200);
    assert_eq!(features(&brink, DYNAMIC).names(), ["kept"]);
}
