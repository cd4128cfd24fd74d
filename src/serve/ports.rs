//! What each port of the process is for, by the index that requests come with.

use brink_shards::Origin;

use crate::config::settings::Role;

/// The roles of the ports; an index beyond them is the API's.
#[derive(Debug, Default)]
pub struct Ports(Box<[Role]>);

impl Ports {
    /// In the order of the pool's ports.
    pub fn new(roles: &[Role]) -> Self {
        Self(roles.into())
    }

    /// Of the port that a request has come to.
    pub fn role(&self, origin: Origin) -> Role {
        self.0.get(origin.port).copied().unwrap_or(Role::Api)
    }
}
