//! What an SDK says about itself beside its counts.
//!
//! Kept once per post and shared by the entries it made, written with every one of them.

use std::mem::size_of;

use serde::{Deserialize, Serialize};

use super::{
    limits::{FLAVOR_VERSION_BYTES_MAX, METADATA_BYTES_MAX},
    text::Text,
};

/// On which side an SDK runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SdkType {
    /// With a backend token.
    Backend,
    /// In a browser or an app.
    Frontend,
}

/// The description, kept. Texts that are empty or too long are left away:
/// upstream would refuse a whole post for them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    /// Unleash refuses a registration where it is null, and with it the whole post. The others may be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sdk_version: Option<Box<str>>,
    pub(super) sdk_type: Option<SdkType>,
    pub(super) yggdrasil_version: Option<Box<str>>,
    pub(super) platform_name: Option<Box<str>>,
    pub(super) platform_version: Option<Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sdk_flavor: Option<Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sdk_flavor_version: Option<Box<str>>,
}

/// The description, as it stands in a post.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct MetadataText<'a> {
    pub sdk_version: Option<&'a Text<'a>>,
    pub sdk_type: Option<SdkType>,
    pub yggdrasil_version: Option<&'a Text<'a>>,
    pub platform_name: Option<&'a Text<'a>>,
    pub platform_version: Option<&'a Text<'a>>,
    pub sdk_flavor: Option<&'a Text<'a>>,
    pub sdk_flavor_version: Option<&'a Text<'a>>,
}

impl MetadataText<'_> {
    /// A copy to keep.
    pub fn keep(&self) -> Metadata {
        Metadata {
            sdk_version: kept(self.sdk_version, METADATA_BYTES_MAX),
            sdk_type: self.sdk_type,
            yggdrasil_version: kept(self.yggdrasil_version, METADATA_BYTES_MAX),
            platform_name: kept(self.platform_name, METADATA_BYTES_MAX),
            platform_version: kept(self.platform_version, METADATA_BYTES_MAX),
            sdk_flavor: kept(self.sdk_flavor, METADATA_BYTES_MAX),
            sdk_flavor_version: kept(self.sdk_flavor_version, FLAVOR_VERSION_BYTES_MAX),
        }
    }
}

impl Metadata {
    /// Memory, as far as it depends on the content.
    pub(super) fn bytes(&self) -> usize {
        let texts = [
            &self.sdk_version,
            &self.yggdrasil_version,
            &self.platform_name,
            &self.platform_version,
            &self.sdk_flavor,
            &self.sdk_flavor_version,
        ];
        size_of::<Self>() + texts.iter().filter_map(|text| text.as_deref()).map(str::len).sum::<usize>()
    }
}

fn kept(text: Option<&Text<'_>>, bytes_max: usize) -> Option<Box<str>> {
    text.filter(|text| (1..=bytes_max).contains(&text.len())).map(Text::boxed)
}
