//! `POST /api/client/metrics/edge` (http-api.md 10.8): the document of an edge below us, kept as it came.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{BadBody, is_name, read};
use crate::usage::{Bucket, Child, drops::Reason, limits::CHILD_BYTES_MAX, text::Text};

/// All that has to be there: older and newer edges differ in the rest.
#[derive(Deserialize)]
struct InstancePost<'p> {
    #[serde(borrow)]
    identifier: Text<'p>,
}

impl Bucket {
    /// Takes the document.
    ///
    /// # Errors
    /// If it is not JSON, or does not say whose it is.
    pub fn take_instance(&mut self, body: &[u8]) -> Result<(), BadBody> {
        let post: InstancePost<'_> = read(body)?;
        let document: &RawValue = read(body)?;
        if document.get().len() > CHILD_BYTES_MAX {
            self.omit(Reason::Child, 0);
        } else if is_name(&post.identifier) {
            self.adopt(Child { identifier: post.identifier.boxed(), document: document.to_owned() });
        } else {
            self.omit(Reason::NameTooLong, 0);
        }
        Ok(())
    }
}
