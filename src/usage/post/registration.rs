//! `POST /api/client/register` and its frontend forms (http-api.md 10.5), also as a part of bulk posts.

use serde::Deserialize;

use super::{BadBody, Poster, is_name, read};
use crate::usage::{
    Bucket,
    application::{Application, Hop},
    drops::Reason,
    limits::{INTERVAL_MAX, LIST_MAX},
    metadata::{MetadataText, SdkType},
    moment::Moment,
    text::Text,
};

/// What upstream makes of an application without instance.
const INSTANCE_DEFAULT: &str = "default";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ApplicationPost<'p> {
    #[serde(borrow)]
    app_name: Text<'p>,
    interval: u64,
    started: Moment,
    #[serde(borrow)]
    strategies: Vec<Text<'p>>,
    #[serde(borrow)]
    instance_id: Option<Text<'p>>,
    #[serde(borrow)]
    connection_id: Option<Text<'p>>,
    #[serde(borrow)]
    environment: Option<Text<'p>>,
    #[serde(borrow)]
    projects: Option<Vec<Text<'p>>>,
    connect_via: Option<Vec<Hop>>,
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
    /// Takes the registration of an SDK: environment and projects are the token's.
    ///
    /// # Errors
    /// If the body is not what it should be.
    pub fn take_registration(&mut self, body: &[u8], poster: &Poster<'_>) -> Result<(), BadBody> {
        let post: ApplicationPost<'_> = read(body)?;
        match post.keep(poster.environment) {
            Ok(mut application) => {
                application.environment = poster.environment.into();
                application.projects = Some(poster.projects.names().into_iter().map(Into::into).collect());
                application.metadata.sdk_type.get_or_insert(poster.sdk_type);
                self.register(application);
            }
            Err(reason) => self.omit(reason, 0),
        }
        Ok(())
    }
}

impl ApplicationPost<'_> {
    /// A copy, or why the names in it may not be kept. Lists are cut at their bound, where no real one is as long.
    pub fn keep(&self, environment_default: &str) -> Result<Application, Reason> {
        let environment = self.environment.as_deref().unwrap_or(environment_default);
        let instance_id = self.instance_id.as_deref().filter(|id| !id.is_empty()).unwrap_or(INSTANCE_DEFAULT);
        if self.app_name.is_empty() || environment.is_empty() {
            return Err(Reason::Rejected);
        }
        if !(is_name(&self.app_name) && is_name(instance_id) && is_name(environment)) {
            return Err(Reason::NameTooLong);
        }
        Ok(Application {
            app_name: self.app_name.boxed(),
            connect_via: self.connect_via.as_deref().map(hops),
            environment: environment.into(),
            projects: self.projects.as_deref().map(names),
            instance_id: instance_id.into(),
            connection_id: self.connection_id.as_ref().filter(|text| is_name(text)).map(Text::boxed),
            interval: self.interval.min(INTERVAL_MAX),
            started: self.started,
            strategies: names(&self.strategies),
            metadata: self.metadata().keep(),
        })
    }

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

fn names(texts: &[Text<'_>]) -> Vec<Box<str>> {
    texts.iter().filter(|text| is_name(text)).take(LIST_MAX).map(Text::boxed).collect()
}

fn hops(hops: &[Hop]) -> Vec<Hop> {
    let is_kept = |hop: &&Hop| is_name(&hop.app_name) && is_name(&hop.instance_id);
    hops.iter().filter(is_kept).take(LIST_MAX).cloned().collect()
}
