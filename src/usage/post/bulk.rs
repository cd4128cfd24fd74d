//! `POST /api/client/metrics/bulk` (http-api.md 10.7): what an edge below us has gathered.

use serde::Deserialize;

use super::{
    BadBody, Poster,
    impact::{self, ImpactPost},
    read,
    registration::ApplicationPost,
    toggles::VariantList,
};
use crate::{
    tokens::token::Token,
    usage::{
        Bucket,
        drops::Reason,
        entry::{Counted, Reporter},
        metadata::{MetadataText, SdkType},
        moment::Moment,
        text::Text,
    },
};

/// Bulk posts do not say which application an impact metric is of.
const NO_APPLICATION: &str = "";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BulkPost<'p> {
    #[serde(borrow)]
    applications: Vec<ApplicationPost<'p>>,
    #[serde(borrow)]
    metrics: Vec<EvaluationsPost<'p>>,
    impact_metrics: Option<Vec<ImpactPost>>,
    #[serde(borrow)]
    seen_tokens: Option<Vec<Text<'p>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EvaluationsPost<'p> {
    #[serde(borrow)]
    feature_name: Text<'p>,
    #[serde(borrow)]
    app_name: Text<'p>,
    #[serde(borrow)]
    environment: Text<'p>,
    timestamp: Moment,
    yes: u64,
    no: u64,
    #[serde(borrow)]
    variants: VariantList<'p>,
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

impl Bucket {
    /// Takes everything an edge below us has gathered. Registrations and tokens stay with the environments they
    /// name, counts of other environments than the token's are left out.
    ///
    /// # Errors
    /// If the body is not what it should be; then nothing is taken.
    pub fn take_bulk(&mut self, body: &[u8], poster: &Poster<'_>) -> Result<(), BadBody> {
        let post: BulkPost<'_> = read(body)?;
        for application in &post.applications {
            match application.keep(poster.environment) {
                Ok(application) => self.register(application),
                Err(reason) => self.omit(reason, 0),
            }
        }
        for evaluations in &post.metrics {
            self.take_evaluations(evaluations, poster);
        }
        for metric in post.impact_metrics.into_iter().flatten() {
            impact::take(self, metric, NO_APPLICATION, poster.environment);
        }
        // What is not in token grammar is nothing that upstream could know.
        for token in post.seen_tokens.iter().flatten().filter_map(|text| Token::parse(text).ok()) {
            let environment: Box<str> = token.environment().into();
            self.see(token, &environment, false);
        }
        Ok(())
    }

    fn take_evaluations(&mut self, post: &EvaluationsPost<'_>, poster: &Poster<'_>) {
        let variants = &post.variants.0;
        let counted = Counted { feature: &post.feature_name, yes: post.yes, no: post.no, variants };
        if counted.evaluations() == 0 {
            return;
        }
        if *post.environment != *poster.environment {
            return self.omit(Reason::ForeignEnvironment, counted.evaluations());
        }
        if !post.timestamp.is_believable(poster.now_unix_ms) {
            return self.omit(Reason::Timestamp, counted.evaluations());
        }
        let mut by = Reporter::new(post.timestamp, post.metadata());
        self.add(poster.environment, &post.app_name, &counted, &mut by);
    }
}

impl EvaluationsPost<'_> {
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
