//! Registrations: which applications there are, and through which edges they speak.

use serde::{Deserialize, Serialize};

use super::{metadata::Metadata, moment::Moment};

/// One edge on the way from an application to upstream.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Hop {
    /// `--app-name` there.
    pub app_name: Box<str>,
    /// `--instance-id` there.
    pub instance_id: Box<str>,
}

/// A registration, as it is sent upstream. The newest of an application's instance counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Application {
    pub(super) app_name: Box<str>,
    pub(super) connect_via: Option<Vec<Hop>>,
    pub(super) environment: Box<str>,
    pub(super) projects: Option<Vec<Box<str>>>,
    /// `default` if it has none, as upstream reads that.
    pub(super) instance_id: Box<str>,
    pub(super) connection_id: Option<Box<str>>,
    /// As sent; SDKs mean milliseconds.
    pub(super) interval: u64,
    pub(super) started: Moment,
    pub(super) strategies: Vec<Box<str>>,
    #[serde(flatten)]
    pub(super) metadata: Metadata,
}

/// Under which a registration is kept.
pub type ApplicationKey = (Box<str>, Box<str>);

impl Application {
    pub(super) fn key(&self) -> ApplicationKey {
        (self.app_name.clone(), self.instance_id.clone())
    }

    /// One more hop, the farthest from the application.
    pub(super) fn extend(&mut self, hop: &Hop) {
        self.connect_via.get_or_insert_default().push(hop.clone());
    }

    /// Memory, key included. Allocations round up, hence twice the texts.
    pub(super) fn bytes(&self) -> usize {
        let lists = [self.projects.as_deref().unwrap_or_default(), &self.strategies];
        let lists = lists.iter().flat_map(|list| list.iter()).map(|text| text.len() + 16).sum::<usize>();
        let hops = self.connect_via.iter().flatten();
        let hops =
            hops.map(|hop| hop.app_name.len() + hop.instance_id.len() + size_of::<Hop>()).sum::<usize>();
        let texts = self.app_name.len() * 2
            + self.instance_id.len() * 2
            + self.environment.len()
            + self.connection_id.as_deref().map_or(0, str::len);
        size_of::<(ApplicationKey, Self)>() * 2 + 2 * (texts + lists + hops) + self.metadata.bytes()
    }
}
