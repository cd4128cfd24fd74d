//! A difference between the two sides, and the comparison that finds it.

use serde::Serialize;
use serde_json::{Value, json};

/// Something that is not equal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// What was compared.
    pub point: &'static str,
    /// The feature, if it is about one.
    pub feature: Option<String>,
    /// brink's answer.
    pub ours: Value,
    /// The reference's answer.
    pub theirs: Value,
}

/// What a comparison gives.
pub type Compared<T = ()> = Result<T, Box<Difference>>;

impl Difference {
    /// A difference about the whole document or context.
    pub fn new(
        point: &'static str,
        ours: &(impl Serialize + ?Sized),
        theirs: &(impl Serialize + ?Sized),
    ) -> Box<Self> {
        Box::new(Self { point, feature: None, ours: json!(ours), theirs: json!(theirs) })
    }
}

/// Compares two things that must be equal.
pub fn same<T: PartialEq + Serialize + ?Sized>(point: &'static str, ours: &T, theirs: &T) -> Compared {
    if ours == theirs { Ok(()) } else { Err(Difference::new(point, ours, theirs)) }
}

/// Compares two answers about one feature.
pub fn same_of<T: PartialEq + Serialize + ?Sized>(
    point: &'static str,
    feature: &str,
    ours: &T,
    theirs: &T,
) -> Compared {
    same(point, ours, theirs)
        .map_err(|difference| Box::new(Difference { feature: Some(feature.to_owned()), ..*difference }))
}
