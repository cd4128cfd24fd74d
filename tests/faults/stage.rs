//! What lies between brink and its upstream, and the things beside it that can be spoilt: the clock of brink's machine,
//! and the names that it can look up.
//!
//! The clock is that of `libfaketime`, which brink is started with: its wall clock follows a file, its monotonic one does
//! not, as when somebody sets the time. Names are those of an `/etc/hosts` of brink's own, in a user and mount namespace;
//! hosts that do not allow such play without.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use tempfile::TempDir;

use crate::{brink::Brink, certificates::Certificates, upstream::Speech, world::STARTUP};

/// Refresh interval; also between revalidations and between uploads.
pub const INTERVAL_S: u64 = 1;

/// How long a call to upstream may take.
pub const CALL: Duration = Duration::from_secs(2);

/// The name of upstream where names can be spoilt.
const NAME: &str = "upstream.test";

/// A lane's surroundings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// HTTP by address.
    Plain,
    /// HTTP through a proxy.
    Forward,
    /// HTTPS, with a clock that can be set.
    Tls,
    /// HTTPS through the tunnel of a proxy.
    Tunnel,
    /// HTTP, with names that can go away.
    Names,
}

impl Stage {
    pub fn speech(self) -> Speech {
        match self {
            Self::Plain | Self::Forward | Self::Names => Speech::Plain,
            Self::Tls => Speech::Tls,
            Self::Tunnel => Speech::Tunnel,
        }
    }
}

/// The files by which a stage is changed while brink runs.
pub struct Props {
    folder: TempDir,
}

impl Props {
    pub fn new() -> Self {
        let props = Self { folder: tempfile::tempdir().expect("a folder") };
        props.set_clock("+0");
        props.set_name(true);
        fs::write(props.path("nsswitch.conf"), "hosts: files\n").expect("a file can be written");
        props
    }

    /// Sets brink's clock, relative to the true time.
    pub fn set_clock(&self, shift: &str) {
        // In one step, because brink may read it at any moment.
        fs::write(self.path("new"), format!("{shift}\n")).expect("a file can be written");
        fs::rename(self.path("new"), self.path("clock")).expect("a file can be moved");
    }

    /// Whether the name of upstream means anything.
    pub fn set_name(&self, is_known: bool) {
        // In place: what is bound elsewhere is this very file.
        let hosts =
            if is_known { format!("127.0.0.1 localhost {NAME}\n") } else { "127.0.0.1 localhost\n".into() };
        fs::write(self.path("hosts"), hosts).expect("a file can be written");
    }

    /// Starts brink in these surroundings, towards this port.
    pub fn start(&self, stage: Stage, port: u16, certificates: &Certificates) -> Brink {
        let authority = certificates.authority_file();
        let authority = authority.to_str().expect("a plain path");
        let proxy = format!("http://127.0.0.1:{port}");
        let (url, variable) = match stage {
            Stage::Plain => (proxy.clone(), None),
            Stage::Names => (format!("http://{NAME}:{port}"), None),
            Stage::Forward => ("http://unleash.invalid:4242".to_owned(), Some("HTTP_PROXY")),
            Stage::Tls => (format!("https://localhost:{port}"), None),
            Stage::Tunnel => ("https://localhost:4242".to_owned(), Some("HTTPS_PROXY")),
        };
        let (interval, call) = (INTERVAL_S.to_string(), CALL.as_secs().to_string());
        let mut arguments = vec!["--workers", "2", "edge", "-u", &url, "-t", STARTUP];
        for option in ["features-refresh", "token-revalidation", "metrics"] {
            arguments.extend([interval_option(option), &interval]);
        }
        arguments.extend(["--upstream-request-timeout", "1", "--upstream-socket-timeout", &call]);
        if stage.speech() != Speech::Plain {
            arguments.extend(["--upstream-certificate-file", authority]);
        }
        let mut command = match stage {
            Stage::Names => self.within_namespace(&arguments),
            _ => Brink::command(&arguments),
        };
        if let Some(variable) = variable {
            command.env(variable, &proxy);
        }
        if stage == Stage::Tls {
            self.add_clock(&mut command);
        }
        Brink::start_with(&mut command)
    }

    fn add_clock(&self, command: &mut Command) {
        let library = faketime().expect("libfaketime is there: scripts/install installs it");
        command
            .env("LD_PRELOAD", library)
            .env("FAKETIME_TIMESTAMP_FILE", self.path("clock"))
            .env("FAKETIME_CACHE_DURATION", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    }

    fn within_namespace(&self, arguments: &[&str]) -> Command {
        let mut command = namespace(self.folder.path());
        command.arg(env!("CARGO_BIN_EXE_brink")).args(["-p", "0", "-i", "127.0.0.1"]).args(arguments);
        command
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

fn interval_option(of: &str) -> &'static str {
    match of {
        "features-refresh" => "--features-refresh-interval-seconds",
        "token-revalidation" => "--token-revalidation-interval-seconds",
        _ => "--metrics-interval-seconds",
    }
}

/// A command that runs what is appended to it where the files of this folder are those of `/etc`.
fn namespace(folder: &Path) -> Command {
    const SCRIPT: &str =
        r#"for name in hosts nsswitch.conf; do mount --bind "$0/$name" "/etc/$name"; done && exec "$@""#;
    let mut command = Command::new("unshare");
    command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("NO_COLOR", "1");
    command.args(["--user", "--map-root-user", "--mount", "sh", "-ec", SCRIPT]).arg(folder);
    command
}

/// Whether names can be spoilt on this host.
pub fn has_namespaces() -> bool {
    let props = Props::new();
    let mut command = namespace(props.folder.path());
    let status = command.args(["grep", "-q", NAME, "/etc/hosts"]).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// The library that plays with the clock of one process.
fn faketime() -> Option<PathBuf> {
    let folders = fs::read_dir("/usr/lib").ok()?.flatten();
    let mut files = folders.map(|folder| folder.path().join("faketime/libfaketimeMT.so.1"));
    files.find(|file| file.exists())
}
