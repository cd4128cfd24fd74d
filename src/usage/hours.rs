//! The entries of one environment: by hour, application and flag.
//!
//! Hours come first because they are what makes way when memory is short, the oldest before others.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use super::{
    batch::Evaluations,
    drops::{Dropped, Reason},
    entry::{Counted, Entry, Reporter, Tally, application_bytes},
    limits::NAME_BYTES_MAX,
    moment::Hour,
};

/// Entries of one application within one hour, by flag.
pub type Features = HashMap<Box<str>, Entry>;

/// Entries of one hour, by application and flag.
pub type Applications = HashMap<Arc<str>, Features>;

/// All entries of an environment. No inner table is empty.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Hours(BTreeMap<Hour, Applications>);

impl Hours {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds the counts of one flag. No allocation if there are counts of it already.
    pub fn add(&mut self, app: &str, counted: &Counted<'_>, by: &mut Reporter<'_>, tally: &mut Tally<'_>) {
        let evaluations = counted.evaluations();
        if evaluations == 0 {
            return;
        }
        let features = self.0.get_mut(&by.timestamp.hour()).and_then(|hour| hour.get_mut(app));
        if let Some(entry) = features.and_then(|features| features.get_mut(counted.feature)) {
            return entry.add(counted, by, tally);
        }
        if let Err(reason) = self.insert(app, counted, by, tally) {
            tally.drops.count(reason, evaluations);
        }
    }

    fn insert(
        &mut self,
        app: &str,
        counted: &Counted<'_>,
        by: &mut Reporter<'_>,
        tally: &mut Tally<'_>,
    ) -> Result<(), Reason> {
        if app.len() > NAME_BYTES_MAX || counted.feature.len() > NAME_BYTES_MAX {
            return Err(Reason::NameTooLong);
        }
        if app.is_empty() || counted.feature.is_empty() {
            return Err(Reason::Rejected);
        }
        let mut entry = Entry::new(by);
        let hour = by.timestamp.hour();
        let bytes = entry.bytes(counted.feature) + self.bytes_of_new(hour, app);
        tally.room.admit(bytes)?;
        entry.add(counted, by, tally);
        let applications = self.0.entry(hour).or_default();
        // Not the entry interface: it would want the name as its own, also where it is known.
        match applications.get_mut(app) {
            Some(features) => drop(features.insert(counted.feature.into(), entry)),
            None => {
                let features = Features::from([(counted.feature.into(), entry)]);
                applications.insert(app.into(), features);
            }
        }
        Ok(())
    }

    fn bytes_of_new(&self, hour: Hour, app: &str) -> usize {
        match self.0.get(&hour).is_some_and(|applications| applications.contains_key(app)) {
            true => 0,
            false => application_bytes(app),
        }
    }

    /// Adds what was counted elsewhere within one hour; returns what found no room.
    pub fn merge(&mut self, hour: Hour, incoming: Applications, tally: &mut Tally<'_>) -> Applications {
        let mut left = Applications::new();
        for (app, features) in incoming {
            for (name, entry) in features {
                if let Some((name, entry)) = self.merge_entry(hour, &app, (name, entry), tally) {
                    left.entry(Arc::clone(&app)).or_default().insert(name, entry);
                }
            }
        }
        left
    }

    fn merge_entry(
        &mut self,
        hour: Hour,
        app: &Arc<str>,
        (name, entry): (Box<str>, Entry),
        tally: &mut Tally<'_>,
    ) -> Option<(Box<str>, Entry)> {
        let features = self.0.get_mut(&hour).and_then(|applications| applications.get_mut(app));
        if let Some(known) = features.and_then(|features| features.get_mut(&name)) {
            known.merge(entry, tally);
            return None;
        }
        let bytes = entry.bytes(&name) + self.bytes_of_new(hour, app);
        if tally.room.admit(bytes).is_err() {
            return Some((name, entry));
        }
        self.0.entry(hour).or_default().entry(Arc::clone(app)).or_default().insert(name, entry);
        None
    }

    /// Puts one entry where it was, before anybody asks for room.
    pub fn restore(&mut self, evaluations: Evaluations) {
        let Evaluations { app, feature, entry } = evaluations;
        self.0.entry(entry.timestamp.hour()).or_default().entry(app).or_default().insert(feature, entry);
    }

    /// The oldest hour there is.
    pub fn oldest(&self) -> Option<Hour> {
        self.0.first_key_value().map(|(hour, _)| *hour)
    }

    /// Forgets the oldest hour, and counts it as dropped.
    pub fn forget_oldest(&mut self, tally: &mut Tally<'_>) {
        if let Some((_, applications)) = self.0.pop_first() {
            tally.drops.add(Reason::Bytes, dropped(&applications));
            let (bytes, entries) = size(&applications);
            tally.room.release(bytes, entries);
        }
    }

    /// What would be lost with it.
    pub fn dropped(&self) -> Dropped {
        let mut all = Dropped::default();
        self.0.values().for_each(|applications| all.add(dropped(applications)));
        all
    }

    /// What it takes of a room: bytes and entries.
    pub fn size(&self) -> (usize, usize) {
        self.0
            .values()
            .map(size)
            .fold((0, 0), |(bytes, entries), (more, most)| (bytes + more, entries + most))
    }

    /// Everything, hour by hour.
    pub fn into_hours(self) -> impl Iterator<Item = (Hour, Applications)> {
        self.0.into_iter()
    }

    /// Everything, in order of hours.
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &str, &Entry)> {
        let applications = self.0.values().flatten();
        applications
            .flat_map(|(app, features)| features.iter().map(move |(name, entry)| (app, &**name, entry)))
    }
}

/// What would be lost with these entries.
pub fn dropped(applications: &Applications) -> Dropped {
    let mut dropped = Dropped::default();
    for entry in applications.values().flat_map(HashMap::values) {
        dropped.add(Dropped { elements: 1, evaluations: entry.evaluations() });
    }
    dropped
}

fn size(applications: &Applications) -> (usize, usize) {
    let mut size = (0, 0);
    for (app, features) in applications {
        size.0 += application_bytes(app);
        size.0 += features.iter().map(|(name, entry)| entry.bytes(name)).sum::<usize>();
        size.1 += features.len();
    }
    size
}
