//! Certificates that change, and those that are no good.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Instant,
};

use super::{
    brink::{Brink, PATIENCE, run},
    scene::{Authority, BACKEND, FILE, Scene, VERSIONS, get, https, serial},
};

#[test]
fn a_new_certificate_is_served_without_a_failed_request() {
    let mut scene = Scene::new(FILE, &["--workers", "2"]);
    let stop = AtomicBool::new(false);
    let asked = AtomicUsize::new(0);
    let address = scene.address;
    thread::scope(|scope| {
        let (stop, asked, authority) = (&stop, &asked, &scene.authority);
        for number in 0..2 {
            let config = Arc::new(authority.client(&VERSIONS));
            let mut kept = https(address, &config);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    assert_eq!(kept.exchange(get("")).status, 200);
                    assert_eq!(https(address, &config).exchange(get("connection: close\r\n")).status, 200);
                    asked.fetch_add(1, Ordering::Relaxed);
                }
                assert_eq!(serial(&kept), 1, "connection {number} was kept");
            });
        }
        let brink = &mut scene.brink;
        let fresh = || serial(&https(address, &Arc::new(authority.client(&VERSIONS))));
        for next in 2..6 {
            authority.issue(next);
            brink.signal("HUP");
            let deadline = Instant::now() + PATIENCE;
            while (0..8).any(|_| fresh() != next) {
                assert!(Instant::now() < deadline, "{}", brink.log());
            }
        }
        let before = asked.load(Ordering::Relaxed);
        while asked.load(Ordering::Relaxed) < before + 10 {
            thread::yield_now();
        }
        stop.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_changed_file_is_noticed_without_being_told() {
    let mut scene = Scene::small();
    scene.authority.issue(9);
    scene.brink.wait_for_log("The certificate was replaced by one of ");
    while scene.serial() != 9 {
        thread::yield_now();
    }
}

#[test]
fn a_bad_file_keeps_what_is_served_and_is_said_once() {
    let mut scene = Scene::small();
    let (certificate, _) = scene.authority.leaf(2);
    let (_, key) = scene.authority.leaf(3);
    scene.authority.write("server.pem", &(certificate + &key));
    scene.signal("HUP");
    let said = "The certificate is kept, because its files cannot be used";
    let line = scene.brink.wait_for_log(said);
    assert!(line.contains("does not belong to the first certificate") && line.contains("ERROR"), "{line}");
    scene.signal("HUP");
    scene.brink.wait_for_log("still cannot be used");
    assert_eq!(scene.log().matches(said).count(), 1);
    assert_eq!(scene.serial(), 1);
    fs::remove_file(scene.authority.path("server.pem")).expect("it was there");
    scene.signal("HUP");
    scene.brink.wait_for_log("failed to read from file");
    assert_eq!(scene.serial(), 1);
    scene.authority.issue(4);
    scene.signal("HUP");
    scene.brink.wait_for_log("The certificate was replaced");
    while scene.serial() != 4 {
        thread::yield_now();
    }
}

#[test]
fn a_hangup_ends_nothing_where_there_is_no_certificate() {
    let mut brink = Brink::offline(FILE, &["-c", BACKEND]);
    brink.signal("HUP");
    brink.wait_for_log("SIGHUP received, reading files again");
    assert_eq!(brink.get("/internal-backstage/health", &[]).status, 200);
}

#[test]
fn bad_files_are_start_up_errors() {
    let authority = Authority::new();
    let (certificate, key) = authority.leaf(1);
    for (name, text) in
        [("cert", &certificate), ("key", &key), ("other", &authority.leaf(2).1), ("empty", &String::new())]
    {
        authority.write(name, text);
    }
    let check = |args: &[&str], expected: &str| {
        let paths: Vec<String> = args
            .iter()
            .map(|arg| if arg.starts_with('-') { (*arg).to_owned() } else { authority.text(arg) })
            .collect();
        let ended = run(Brink::command(&["offline", "-c", BACKEND, "--tls-enable"])
            .args(["--bootstrap-file", &authority.text("flags")])
            .args(paths));
        let expected = expected
            .replace("FOLDER", authority.path("").to_str().expect("a plain path").trim_end_matches('/'));
        let expected = format!("Error: {expected}");
        assert!(ended.stderr.starts_with(&expected), "{args:?}: {} instead of {expected}", ended.stderr);
        assert_eq!(ended.code, Some(1));
        assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
    };
    authority.write("flags", FILE);
    let pair = |certificate, key| ["--tls-server-cert", certificate, "--tls-server-key", key];
    check(
        &pair("missing", "key"),
        "Could not configure TLS: failed to read from file `FOLDER/missing`: No such file or directory (os error 2)\n",
    );
    check(
        &pair("cert", "missing"),
        "Could not configure TLS: failed to read from file `FOLDER/missing`: No such file or directory (os error 2)\n",
    );
    check(&pair("cert", "cert"), "Could not configure TLS: The private key file contained no keys");
    check(&pair("cert", "empty"), "Could not configure TLS: The private key file contained no keys");
    check(&pair("empty", "key"), "Could not configure TLS: The certificate file contained no certificates");
    check(
        &pair("cert", "other"),
        "Could not configure TLS: the private key of `FOLDER/other` does not belong to",
    );
    check(&["--tls-server-cert", "cert"], "Could not configure TLS: No TLS server key, set --tls-server-key");
    check(&["--tls-server-key", "key"], "Could not configure TLS: No TLS server cert, set --tls-server-cert");
    check(
        &["--tls-server-config", "cert"],
        "Could not configure TLS: The private key file contained no keys",
    );
}
