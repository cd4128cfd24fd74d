//! The certificate that is served, and its successors: looks at the files every few seconds and when told to.
//!
//! Contents are compared, not times: links that are moved, as Kubernetes and certbot do, and files that are written
//! twice within a tick are all the same to it. A file that cannot be used keeps what is served, and is said once.

use std::{
    convert::Infallible,
    io,
    sync::Arc,
    time::{Duration, SystemTime},
};

use chrono::{DateTime, TimeDelta, Utc};
use crossbeam_channel::{Receiver, never, select, tick};
use rustls::ServerConfig;

use super::{
    error::TlsError,
    files::{self, Texts, certificate_file},
    identity::Identity,
    terms::Terms,
    validity::Validity,
};
use crate::{config::settings::ServerTlsFiles, control::Control};

/// How soon a new file is noticed. Reading two small files takes some 50 microseconds.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);

/// So long before its end that is announced, once a day: most certificates are renewed a month before. Those that live
/// for days are renewed later; for them it is the last part of their life.
const SOON: TimeDelta = TimeDelta::days(14);
const LAST_PART: i32 = 4;
const REMINDER: TimeDelta = TimeDelta::days(1);

/// The files of the server's certificate, read and found good.
pub struct Certificates {
    files: ServerTlsFiles,
    terms: Terms,
    served: Texts,
    validity: Validity,
    /// Why the files cannot be used now; said when it changes.
    trouble: Option<String>,
    reminded: Option<DateTime<Utc>>,
}

/// A certificate and the configuration made of it.
pub struct Checked {
    /// To be kept, and watched.
    pub certificates: Certificates,
    /// To be served with.
    pub config: Arc<ServerConfig>,
}

/// What a look has found.
#[derive(Debug)]
enum Look {
    /// What is served already.
    Same,
    /// Something better.
    New(Arc<ServerConfig>),
    /// Something worse, not told of yet.
    Trouble(String),
    /// The same as last time, still worse.
    StillTrouble,
}

impl Certificates {
    /// Reads and checks the files.
    ///
    /// # Errors
    /// If the server could not be served with them.
    pub fn load(files: ServerTlsFiles) -> Result<Checked, TlsError> {
        let terms = Terms::new()?;
        let served = files::read(&files)?;
        let (config, validity) = configuration(&served, &files, &terms)?;
        let certificates = Self { files, terms, served, validity, trouble: None, reminded: None };
        Ok(Checked { certificates, config })
    }

    /// Starts the thread that looks, and hands each new configuration over.
    ///
    /// # Errors
    /// If the system has no thread left.
    pub fn watch(
        mut self,
        hangups: Receiver<()>,
        replace: impl Fn(&Arc<ServerConfig>) + Send + 'static,
    ) -> io::Result<Control> {
        self.say_what_is_served("The certificate is");
        self.remind(SystemTime::now().into());
        Control::start("certificates", move |stopped| self.run(hangups, stopped, replace))
    }

    fn run(
        &mut self,
        mut hangups: Receiver<()>,
        stopped: &Receiver<Infallible>,
        replace: impl Fn(&Arc<ServerConfig>),
    ) {
        let looks = tick(LOOK_INTERVAL);
        loop {
            let asked = select! {
                recv(stopped) -> _ => return,
                recv(looks) -> _ => false,
                recv(hangups) -> hangup => {
                    if hangup.is_err() {
                        hangups = never();
                    }
                    true
                }
            };
            match self.look() {
                Look::New(config) => {
                    replace(&config);
                    self.say_what_is_served("The certificate was replaced by one");
                }
                Look::Trouble(trouble) => {
                    tracing::error!("The certificate is kept, because its files cannot be used: {trouble}");
                }
                Look::StillTrouble if asked => {
                    tracing::error!("The certificate's files still cannot be used")
                }
                Look::Same if asked => tracing::info!("The certificate's files have not changed"),
                Look::StillTrouble | Look::Same => {}
            }
            self.remind(SystemTime::now().into());
        }
    }

    fn look(&mut self) -> Look {
        let found = files::read(&self.files).and_then(|texts| {
            if texts == self.served {
                return Ok(None);
            }
            let made = configuration(&texts, &self.files, &self.terms)?;
            Ok(Some((texts, made)))
        });
        match found {
            Ok(None) => {
                self.trouble = None;
                Look::Same
            }
            Ok(Some((texts, (config, validity)))) => {
                self.trouble = None;
                self.reminded = None;
                (self.served, self.validity) = (texts, validity);
                Look::New(config)
            }
            Err(error) => {
                let text = error.to_string();
                let known = self.trouble.replace(text.clone());
                if known.as_ref() == Some(&text) { Look::StillTrouble } else { Look::Trouble(text) }
            }
        }
    }

    fn say_what_is_served(&self, what: &str) {
        let file = certificate_file(&self.files).display();
        let until = self.validity.not_after.format("%F %R UTC");
        tracing::info!("{what} of {file}, valid until {until}");
    }

    /// Says once a day that the end is near, or over.
    fn remind(&mut self, now: DateTime<Utc>) {
        if self.reminded.is_some_and(|last| now - last < REMINDER) {
            return;
        }
        let file = certificate_file(&self.files).display();
        match standing(&self.validity, now) {
            Standing::Good => return,
            Standing::NotYet => {
                tracing::warn!("The certificate of {file} is not valid before {}", self.validity.not_before);
            }
            Standing::Soon { days } => {
                tracing::warn!("The certificate of {file} is valid for {days} more days")
            }
            Standing::Over => {
                tracing::error!("The certificate of {file} is not valid since {}", self.validity.not_after);
            }
        }
        self.reminded = Some(now);
    }
}

fn configuration(
    texts: &Texts,
    files: &ServerTlsFiles,
    terms: &Terms,
) -> Result<(Arc<ServerConfig>, Validity), TlsError> {
    let identity = Identity::new(texts, files, terms.provider())?;
    let validity = identity.validity;
    Ok((terms.configuration(identity)?, validity))
}

#[derive(Debug, PartialEq, Eq)]
enum Standing {
    Good,
    NotYet,
    Soon { days: i64 },
    Over,
}

fn standing(validity: &Validity, now: DateTime<Utc>) -> Standing {
    let left = validity.not_after - now;
    let soon = SOON.min((validity.not_after - validity.not_before) / LAST_PART);
    if now < validity.not_before {
        Standing::NotYet
    } else if left < TimeDelta::zero() {
        Standing::Over
    } else if left < soon {
        Standing::Soon { days: left.num_days() }
    } else {
        Standing::Good
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use rcgen::generate_simple_self_signed;
    use tempfile::TempDir;

    use super::*;

    fn write(folder: &Path, files: [&str; 2]) {
        let made = generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        for (file, text) in files.into_iter().zip([made.cert.pem(), made.signing_key.serialize_pem()]) {
            if !file.is_empty() {
                fs::write(folder.join(file), text).expect("a file");
            }
        }
    }

    #[test]
    fn files_are_taken_when_they_are_good() {
        let folder = TempDir::new().expect("a folder");
        let path = folder.path();
        write(path, ["c", "k"]);
        let files = ServerTlsFiles::Pair { certificate: path.join("c"), key: path.join("k") };
        let mut certificates = Certificates::load(files).expect("good files").certificates;
        assert!(matches!(certificates.look(), Look::Same));
        let original = fs::read(path.join("c")).expect("a file");
        write(path, ["c", ""]);
        assert!(matches!(certificates.look(), Look::Trouble(text) if text.contains("does not belong")));
        assert!(matches!(certificates.look(), Look::StillTrouble));
        fs::remove_file(path.join("k")).expect("it was there");
        assert!(
            matches!(certificates.look(), Look::Trouble(text) if text.contains("failed to read from file"))
        );
        write(path, ["c", "k"]);
        assert!(matches!(certificates.look(), Look::New(_)));
        assert!(matches!(certificates.look(), Look::Same));
        fs::write(path.join("c"), original).expect("a file");
        assert!(matches!(certificates.look(), Look::Trouble(_)), "another trouble is told again");
    }

    #[test]
    fn a_start_without_good_files_fails() {
        let file = "/nowhere/c.pem";
        let error = Certificates::load(ServerTlsFiles::Single(file.into())).err().expect("no such file");
        assert_eq!(
            error.to_string(),
            "Could not configure TLS: failed to read from file `/nowhere/c.pem`: No such file or directory (os error 2)"
        );
    }

    #[test]
    fn standings() {
        let day = |day: i64| DateTime::from_timestamp(day * 86_400, 0).expect("a day");
        let validity = Validity { not_before: day(100), not_after: day(200) };
        let check = |now, expected| assert_eq!(standing(&validity, day(now)), expected, "{now}");
        check(99, Standing::NotYet);
        check(100, Standing::Good);
        check(186, Standing::Good);
        check(187, Standing::Soon { days: 13 });
        check(200, Standing::Soon { days: 0 });
        check(201, Standing::Over);
        let brief = Validity { not_before: day(100), not_after: day(108) };
        assert_eq!(standing(&brief, day(106)), Standing::Good);
        assert_eq!(standing(&brief, day(107)), Standing::Soon { days: 1 });
    }
}
