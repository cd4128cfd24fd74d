//! What was there before upstream has answered: the backup, and the bootstrap file of hybrid mode.
//!
//! Both only fill gaps, whenever they come: what upstream said stays, a backup replaces the file's data, and the file's
//! data replaces nothing. When every token that fetches for an environment has had its data, what is left of older
//! data goes. The backup that is offered to persist says how much of what persist found is in it.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    sync::Arc,
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, never, select};

use super::Sync;
use crate::{
    features::{environment::EnvironmentData, model::Document},
    messages::Verdict,
    persist::{
        Start,
        exchange::{Backup, Link, Report, Restored, RestoredEnvironment},
        format::EventIds,
    },
    tokens::{
        record::TokenRecord,
        refresh::RefreshToken,
        scope::{Projects, Scope},
    },
};

/// What sync remembers of it.
pub struct Restore {
    persist: Option<Start>,
    /// Until it is applied.
    bootstrap: Option<Document>,
    /// Environments that are not wholly upstream's yet.
    origins: BTreeMap<Arc<str>, Origin>,
    /// Of the backup; newer ones come with the data.
    event_ids: EventIds,
    /// Parts of the backup that were taken in.
    taken: u64,
    /// Of the last table.
    tokens: Arc<[TokenRecord]>,
}

/// Where older data of an environment is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    Backup,
    Bootstrap,
}

impl Restore {
    /// Nothing is waited for yet.
    pub fn new(persist: Option<Start>, bootstrap: Option<Document>) -> Self {
        let (origins, event_ids) = (BTreeMap::new(), EventIds::new());
        Self { persist, bootstrap, origins, event_ids, taken: 0, tokens: Arc::default() }
    }

    /// Environments whose data still is that of the backup, at least in part.
    pub fn restored_environments(&self) -> usize {
        self.origins.values().filter(|origin| **origin == Origin::Backup).count()
    }

    /// Reports of persist; silent without one.
    pub fn reports(&self) -> Receiver<Report> {
        self.link().map_or_else(never, |link| link.reports.clone())
    }

    fn link(&self) -> Option<&Link> {
        Some(&self.persist.as_ref()?.link)
    }
}

impl Sync {
    /// Before anything else: takes in what persist finds, if it finds it soon, then the bootstrap file.
    pub(super) fn begin(&mut self, stopped: &Receiver<Infallible>) {
        let wait = self.restore.persist.as_ref().map_or(Duration::ZERO, |start| start.wait);
        if !wait.is_zero() {
            let reports = self.restore.reports();
            select! {
                recv(reports) -> report => self.reported(report.ok()),
                recv(stopped) -> _ => {}
                default(wait) => tracing::warn!("The backup is not there yet: starting without it"),
            }
        }
        self.bootstrap();
    }

    /// Persist has said something, or has ended (`None`).
    pub(super) fn reported(&mut self, report: Option<Report>) {
        match report {
            Some(Report::Restored(restored)) => self.restored(*restored, Instant::now()),
            Some(Report::Unreachable) => {}
            None => self.restore.persist = None,
        }
    }

    fn restored(&mut self, restored: Restored, now: Instant) {
        let before = self.registry.refresh_set().to_vec();
        let tokens = self.registry.restore(restored.tokens, now);
        self.restore.event_ids.extend(restored.event_ids);
        let environments = restored.environments.len();
        for environment in restored.environments {
            self.restore_environment(environment);
        }
        self.follow_refresh_set(&before, now);
        self.restore.taken += 1;
        (self.tokens_changed, self.changed) = (true, true);
        // Tokens that requests wait for may be known now; whoever waits for another asks again.
        let waiting: Vec<_> = self.waiting.take_all();
        self.answers.extend(waiting.into_iter().map(|waiter| (waiter, Verdict::Look)));
        self.settle_loads();
        if tokens + environments > 0 {
            let written = restored
                .age
                .map_or_else(|| "at an unknown time".to_owned(), |age| format!("{} ago", in_words(age)));
            tracing::info!(tokens, environments, "Restored from the backup, written {written}");
        }
    }

    fn restore_environment(&mut self, environment: RestoredEnvironment) {
        let RestoredEnvironment { name, document, loaded } = environment;
        if self.loads.is_all_fresh(&name) {
            return;
        }
        if self.restore.origins.get(&name) == Some(&Origin::Bootstrap) && self.loads.fresh(&name).is_empty() {
            self.catalog.remove(&name);
            self.loads.forget(&name);
        }
        let fresh: Vec<Projects> = self.loads.fresh(&name);
        let applied = self
            .catalog
            .fill(&name, document, |project| !fresh.iter().any(|projects| projects.sees(project)));
        for warning in applied.warnings.list() {
            tracing::warn!(environment = %name, "Odd data in the backup: {warning}");
        }
        for projects in loaded {
            self.loads.restored(Scope { environment: Some(Arc::clone(&name)), projects });
        }
        self.registry.presume_startup(&name);
        self.restore.origins.insert(name, Origin::Backup);
    }

    /// Gives the bootstrap file's data to every environment that would be fetched and has none.
    fn bootstrap(&mut self) {
        let Some(document) = self.restore.bootstrap.take() else { return };
        let now = Instant::now();
        let before = self.registry.refresh_set().to_vec();
        let names = self.registry.environments();
        if names.is_empty() {
            tracing::warn!(
                "The bootstrap file is of no use: no start-up token names an environment to serve it for"
            );
        }
        for name in names {
            if self.catalog.environment(&name).is_some() {
                continue;
            }
            let applied = self.catalog.fill(&name, document.clone(), |_| false);
            self.loads.restored(Scope { environment: Some(Arc::clone(&name)), projects: Projects::All });
            self.registry.presume_startup(&name);
            tracing::info!(environment = %name, features = applied.after, "Serving the bootstrap file until upstream answers");
            for warning in applied.warnings.list() {
                tracing::warn!(environment = %name, "Odd data in the bootstrap file: {warning}");
            }
            self.restore.origins.insert(name, Origin::Bootstrap);
        }
        self.follow_refresh_set(&before, now);
        (self.tokens_changed, self.changed) = (true, true);
    }

    /// Schedules what has joined the refresh set since, and forgets what has left it.
    fn follow_refresh_set(&mut self, before: &[RefreshToken], now: Instant) {
        let after = self.registry.refresh_set().to_vec();
        for left in before.iter().filter(|token| !after.contains(token)) {
            self.leave(&left.key, now);
        }
        for joined in after.into_iter().filter(|token| !before.contains(token)) {
            self.join(joined, now);
        }
    }

    /// Drops older data of environments that upstream has answered for completely.
    pub(super) fn settle_restored(&mut self) {
        let fresh = self.restore.origins.keys().filter(|name| self.loads.is_all_fresh(name));
        for name in fresh.cloned().collect::<Vec<_>>() {
            let scopes = self.loads.settle(&name);
            let is_covered = |project: &str| scopes.iter().any(|scope| scope.projects.sees(project));
            self.catalog.keep(&name, is_covered);
            self.restore.origins.remove(&name);
            self.changed = true;
            tracing::info!(environment = %name, "Upstream's data has taken the place of older data");
        }
    }

    /// Upstream said that an environment is gone.
    pub(super) fn forget_restored(&mut self, environment: &str) {
        self.restore.origins.remove(environment);
        self.restore.event_ids.remove(environment);
    }

    /// Offers persist all that is to survive. `tokens_changed`: they are not those of the last time.
    pub(super) fn offer_backup(&mut self, tokens_changed: bool) {
        if self.restore.persist.is_none() {
            return;
        }
        if tokens_changed {
            self.restore.tokens = self.registry.backup().into();
        }
        let Some(link) = self.restore.link() else { return };
        // Data of the bootstrap file is the file's to keep.
        let is_kept = |name: &str| self.restore.origins.get(name) != Some(&Origin::Bootstrap);
        let environments: Vec<Arc<EnvironmentData>> =
            self.catalog.environments().filter(|environment| is_kept(&environment.name)).cloned().collect();
        link.offer(Backup {
            restores: self.restore.taken,
            tokens: Arc::clone(&self.restore.tokens),
            loaded: self.loads.scopes().to_vec(),
            event_ids: self.event_ids(&environments),
            environments,
        });
    }

    /// The id of an environment's newest event: its revision, else what the backup said.
    fn event_ids(&self, environments: &[Arc<EnvironmentData>]) -> EventIds {
        let id = |environment: &EnvironmentData| {
            let revision = environment.meta.as_ref().and_then(|meta| meta.revision_id);
            let stored = || self.restore.event_ids.get(&environment.name).copied();
            revision.and_then(|revision| u32::try_from(revision).ok()).or_else(stored)
        };
        environments.iter().filter_map(|one| Some((Arc::clone(&one.name), id(one)?))).collect()
    }
}

/// To the two largest units.
fn in_words(age: Duration) -> String {
    let seconds = age.as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3_600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_has_two_units() {
        let cases = [(0, "0 s"), (59, "59 s"), (61, "1 min 1 s"), (7_325, "2 h 2 min"), (200_000, "2 d 7 h")];
        for (seconds, expected) in cases {
            assert_eq!(in_words(Duration::from_secs(seconds)), expected);
        }
    }
}
