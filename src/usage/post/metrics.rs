//! `POST /api/client/metrics` and its frontend forms (http-api.md 10.6): the post that every SDK sends once a minute.

use std::{fmt, mem};

use serde::{
    Deserialize, Deserializer,
    de::{self, DeserializeSeed, MapAccess},
};

use super::{
    BadBody, Poster, Toggles,
    impact::{self, ImpactPost},
    read_with,
    toggles::{BucketSeed, once},
};
use crate::usage::{
    Bucket,
    drops::Reason,
    entry::Reporter,
    metadata::{MetadataText, SdkType},
    moment::Moment,
    text::Text,
};

/// All of a post but its counts.
#[derive(Default)]
struct MetricsPost<'p> {
    app_name: Option<Text<'p>>,
    /// When the bucket began, if there is one.
    start: Option<Moment>,
    impact_metrics: Vec<ImpactPost>,
    sdk_version: Option<Text<'p>>,
    sdk_type: Option<SdkType>,
    yggdrasil_version: Option<Text<'p>>,
    platform_name: Option<Text<'p>>,
    platform_version: Option<Text<'p>>,
    sdk_flavor: Option<Text<'p>>,
    sdk_flavor_version: Option<Text<'p>>,
}

impl MetricsPost<'_> {
    fn metadata(&self) -> MetadataText<'_> {
        MetadataText {
            sdk_version: self.sdk_version.as_ref(),
            sdk_type: self.sdk_type,
            yggdrasil_version: self.yggdrasil_version.as_ref(),
            platform_name: self.platform_name.as_ref(),
            platform_version: self.platform_version.as_ref(),
            sdk_flavor: self.sdk_flavor.as_ref(),
            sdk_flavor_version: self.sdk_flavor_version.as_ref(),
        }
    }
}

impl Bucket {
    /// Counts what an SDK reports. `memory` is used for the time of the call; with it, a post about what is in the
    /// bucket already allocates nothing.
    ///
    /// # Errors
    /// If the body is not what it should be; then nothing is counted.
    pub fn take_metrics(
        &mut self,
        body: &[u8],
        poster: &Poster<'_>,
        memory: &mut Toggles<'static>,
    ) -> Result<(), BadBody> {
        let mut toggles = memory.lend();
        let taken = read_with(PostSeed(&mut toggles), body).map(|mut post| {
            let impact_metrics = mem::take(&mut post.impact_metrics);
            let app = post.app_name.as_deref().unwrap_or_default();
            if let Some(start) = post.start {
                self.count((app, start), &post, &toggles, poster);
            }
            for metric in impact_metrics {
                impact::take(self, metric, app, poster.environment);
            }
        });
        *memory = toggles.recycled();
        taken
    }

    fn count(
        &mut self,
        (app, start): (&str, Moment),
        post: &MetricsPost<'_>,
        toggles: &Toggles<'_>,
        poster: &Poster<'_>,
    ) {
        self.drops_mut().add(Reason::Entries, toggles.over);
        let used = toggles.iter().filter(|counted| counted.evaluations() > 0);
        if !start.is_believable(poster.now_unix_ms) {
            return used.for_each(|counted| self.omit(Reason::Timestamp, counted.evaluations()));
        }
        let mut by = Reporter::new(start, post.metadata());
        used.for_each(|counted| self.add(poster.environment, app, &counted, &mut by));
    }
}

/// Reads a post in one pass. Derived code could not put the counts into memory that is there.
struct PostSeed<'s, 'p>(&'s mut Toggles<'p>);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum Key {
    AppName,
    Bucket,
    ImpactMetrics,
    SdkVersion,
    SdkType,
    YggdrasilVersion,
    PlatformName,
    PlatformVersion,
    SdkFlavor,
    SdkFlavorVersion,
    #[serde(other)]
    Other,
}

impl<'p> DeserializeSeed<'p> for PostSeed<'_, 'p> {
    type Value = MetricsPost<'p>;

    fn deserialize<D: Deserializer<'p>>(self, deserializer: D) -> Result<MetricsPost<'p>, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'p> de::Visitor<'p> for PostSeed<'_, 'p> {
    type Value = MetricsPost<'p>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with appName")
    }

    fn visit_map<A: MapAccess<'p>>(self, mut map: A) -> Result<MetricsPost<'p>, A::Error> {
        let mut post = MetricsPost::default();
        let mut bucket = None;
        while let Some(key) = map.next_key()? {
            match key {
                Key::AppName => once(&mut post.app_name, "appName", map.next_value()?)?,
                Key::Bucket => {
                    once(&mut bucket, "bucket", map.next_value_seed(BucketSeed(&mut *self.0))?)?;
                }
                Key::ImpactMetrics => {
                    post.impact_metrics = map.next_value::<Option<_>>()?.unwrap_or_default();
                }
                Key::SdkVersion => post.sdk_version = map.next_value()?,
                Key::SdkType => post.sdk_type = map.next_value()?,
                Key::YggdrasilVersion => post.yggdrasil_version = map.next_value()?,
                Key::PlatformName => post.platform_name = map.next_value()?,
                Key::PlatformVersion => post.platform_version = map.next_value()?,
                Key::SdkFlavor => post.sdk_flavor = map.next_value()?,
                Key::SdkFlavorVersion => post.sdk_flavor_version = map.next_value()?,
                Key::Other => drop(map.next_value::<de::IgnoredAny>()?),
            }
        }
        post.start = bucket.flatten();
        if post.app_name.is_none() {
            return Err(de::Error::missing_field("appName"));
        }
        Ok(post)
    }
}
