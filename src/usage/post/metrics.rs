//! `POST /api/client/metrics` and its frontend forms (http-api.md 10.6): the post that every SDK sends once a minute.

use serde::{Deserialize, de::DeserializeSeed};
use serde_json::value::RawValue;

use super::{
    BadBody, Poster, Toggles,
    impact::{self, ImpactPost},
    read,
    toggles::BucketSeed,
};
use crate::usage::{
    Bucket,
    drops::Reason,
    entry::Reporter,
    metadata::{MetadataText, SdkType},
    moment::Moment,
    text::Text,
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MetricsPost<'p> {
    #[serde(borrow)]
    app_name: Text<'p>,
    /// Read in a second step, into memory that is there.
    #[serde(borrow)]
    bucket: Option<&'p RawValue>,
    impact_metrics: Option<Vec<ImpactPost>>,
    #[serde(borrow)]
    sdk_version: Option<Text<'p>>,
    sdk_type: Option<SdkType>,
    #[serde(borrow)]
    yggdrasil_version: Option<Text<'p>>,
    #[serde(borrow)]
    platform_name: Option<Text<'p>>,
    #[serde(borrow)]
    platform_version: Option<Text<'p>>,
    #[serde(borrow)]
    sdk_flavor: Option<Text<'p>>,
    #[serde(borrow)]
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
        let taken = read_post(body, &mut toggles).map(|(post, start)| {
            if let Some(start) = start {
                self.count(&post, start, &toggles, poster);
            }
            for metric in post.impact_metrics.into_iter().flatten() {
                impact::take(self, metric, &post.app_name, poster.environment);
            }
        });
        *memory = toggles.recycled();
        taken
    }

    fn count(&mut self, post: &MetricsPost<'_>, start: Moment, toggles: &Toggles<'_>, poster: &Poster<'_>) {
        self.drops_mut().add(Reason::Entries, toggles.over);
        let used = toggles.iter().filter(|counted| counted.evaluations() > 0);
        if !start.is_believable(poster.now_unix_ms) {
            return used.for_each(|counted| self.omit(Reason::Timestamp, counted.evaluations()));
        }
        let mut by = Reporter::new(start, post.metadata());
        used.for_each(|counted| self.add(poster.environment, &post.app_name, &counted, &mut by));
    }
}

fn read_post<'p>(
    body: &'p [u8],
    toggles: &mut Toggles<'p>,
) -> Result<(MetricsPost<'p>, Option<Moment>), BadBody> {
    let post: MetricsPost<'p> = read(body)?;
    let Some(bucket) = post.bucket else { return Ok((post, None)) };
    let start = BucketSeed(toggles).deserialize(&mut serde_json::Deserializer::from_str(bucket.get()));
    start.map(|start| (post, Some(start))).map_err(|error| BadBody::new(&error, "bucket: "))
}
