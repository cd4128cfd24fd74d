//! What SDKs and edges below us post: read from the body without copying, and put into a [`Bucket`].
//!
//! A body is read to its end before anything of it is counted: one that is refused leaves nothing behind.

mod bulk;
mod impact;
mod instance;
mod metrics;
mod registration;
mod toggles;

use serde::{Deserialize, de::DeserializeSeed};
use serde_json::error::Category;

pub use self::toggles::Toggles;
#[cfg(doc)]
use super::Bucket;
use super::{SdkType, limits::NAME_BYTES_MAX};
use crate::tokens::scope::{Projects, Scope};

/// Longest explanation why a body is refused; it may quote the body.
const EXPLANATION_BYTES_MAX: usize = 300;

/// The environment of what is posted with a token that has none, as in Unleash Edge 20.4.
const ENVIRONMENT_DEFAULT: &str = "development";

/// Who posts, as the token says, and when.
#[derive(Debug, Clone, Copy)]
pub struct Poster<'p> {
    /// Of the token.
    pub environment: &'p str,
    /// Of the token.
    pub projects: &'p Projects,
    /// What an SDK is that does not say it.
    pub sdk_type: SdkType,
    /// What time it is.
    pub now_unix_ms: i64,
}

impl<'p> Poster<'p> {
    /// The bearer of a token with this scope.
    pub fn new(scope: &'p Scope, sdk_type: SdkType, now_unix_ms: i64) -> Self {
        let environment = scope.environment.as_deref().unwrap_or(ENVIRONMENT_DEFAULT);
        Self { environment, projects: &scope.projects, sdk_type, now_unix_ms }
    }
}

/// Why a body is refused, with an explanation for whoever wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BadBody {
    /// Not JSON.
    NotJson(String),
    /// JSON, but not what is expected.
    WrongShape(String),
}

impl BadBody {
    fn new(error: &serde_json::Error) -> Self {
        let mut text = error.to_string();
        text.truncate(text.floor_char_boundary(EXPLANATION_BYTES_MAX));
        match error.classify() {
            Category::Data => Self::WrongShape(text),
            Category::Io | Category::Syntax | Category::Eof => Self::NotJson(text),
        }
    }
}

fn read<'p, T: Deserialize<'p>>(body: &'p [u8]) -> Result<T, BadBody> {
    serde_json::from_slice(body).map_err(|error| BadBody::new(&error))
}

fn read_with<'p, S: DeserializeSeed<'p>>(seed: S, body: &'p [u8]) -> Result<S::Value, BadBody> {
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let value = seed.deserialize(&mut deserializer);
    value.and_then(|value| deserializer.end().map(|()| value)).map_err(|error| BadBody::new(&error))
}

/// Whether a name may be kept.
fn is_name(text: &str) -> bool {
    text.len() <= NAME_BYTES_MAX
}
