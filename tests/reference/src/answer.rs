//! What one feature came out as, in the words both sides share.

use serde::Serialize;

/// On or off, the variant, and what is copied from the feature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// On or off.
    pub enabled: bool,
    /// Name of the variant, `disabled` if there is none.
    pub variant: String,
    /// Whether the variant is a real one.
    pub variant_enabled: bool,
    /// Type and value.
    pub payload: Option<(String, String)>,
    /// `impressionData` of the feature.
    pub impression_data: bool,
    /// Its project, `default` if it names none.
    pub project: String,
}
