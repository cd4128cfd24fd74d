//! The `bucket` of an SDK's post: flags and their counts, read into memory that is used again for the next post.

use std::{fmt, mem, ops::Range};

use serde::{
    Deserialize, Deserializer,
    de::{self, DeserializeSeed, MapAccess},
};

use crate::usage::{
    drops::Dropped,
    entry::Counted,
    limits::{TOGGLES_KEPT, TOGGLES_MAX},
    moment::Moment,
    text::Text,
};

/// Flags and counts of one post.
#[derive(Debug, Default)]
pub struct Toggles<'p> {
    toggles: Vec<Toggle<'p>>,
    /// Of all flags, one after the other.
    variants: Vec<(Text<'p>, u64)>,
    /// Beyond the bound, and not kept.
    pub(super) over: Dropped,
}

#[derive(Debug)]
struct Toggle<'p> {
    name: Text<'p>,
    yes: u64,
    no: u64,
    variants: Range<usize>,
}

impl<'p> Toggles<'p> {
    /// What is counted.
    pub(super) fn iter(&self) -> impl Iterator<Item = Counted<'_>> {
        self.toggles.iter().map(|toggle| Counted {
            feature: &toggle.name,
            yes: toggle.yes,
            no: toggle.no,
            variants: self.variants.get(toggle.variants.clone()).unwrap_or_default(),
        })
    }

    /// The memory, for another post.
    pub(super) fn recycled(self) -> Toggles<'static> {
        Toggles { toggles: emptied(self.toggles), variants: emptied(self.variants), over: Dropped::default() }
    }

    fn push(&mut self, toggle: Toggle<'p>) {
        if self.toggles.len() < TOGGLES_MAX {
            return self.toggles.push(toggle);
        }
        let evaluations = toggle.yes.saturating_add(toggle.no);
        self.variants.truncate(toggle.variants.start);
        self.over.add(Dropped { elements: 1, evaluations });
    }
}

/// The same memory with nothing in it, for elements of another lifetime. The standard library collects in place where
/// sizes agree; if it ever stops, the test that counts allocations says so.
fn emptied<T, U>(mut list: Vec<T>) -> Vec<U> {
    list.clear();
    list.shrink_to(TOGGLES_KEPT);
    list.into_iter().filter_map(|_| None).collect()
}

/// Reads the object, or null; the result is when it began.
pub(super) struct BucketSeed<'s, 'p>(pub &'s mut Toggles<'p>);

impl<'p> DeserializeSeed<'p> for BucketSeed<'_, 'p> {
    type Value = Option<Moment>;

    fn deserialize<D: Deserializer<'p>>(self, deserializer: D) -> Result<Option<Moment>, D::Error> {
        deserializer.deserialize_option(self)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum BucketKey {
    Start,
    Stop,
    Toggles,
    #[serde(other)]
    Other,
}

impl<'p> de::Visitor<'p> for BucketSeed<'_, 'p> {
    type Value = Option<Moment>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with start, stop and toggles")
    }

    fn visit_none<E>(self) -> Result<Option<Moment>, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'p>>(self, deserializer: D) -> Result<Option<Moment>, D::Error> {
        deserializer.deserialize_map(self)
    }

    fn visit_map<A: MapAccess<'p>>(self, mut map: A) -> Result<Option<Moment>, A::Error> {
        let (mut start, mut stop, mut toggles) = (None, None, None);
        while let Some(key) = map.next_key()? {
            match key {
                BucketKey::Start => once(&mut start, "start", map.next_value::<Moment>()?)?,
                BucketKey::Stop => once(&mut stop, "stop", map.next_value::<Moment>()?)?,
                BucketKey::Toggles => {
                    once(&mut toggles, "toggles", map.next_value_seed(TogglesSeed(&mut *self.0))?)?;
                }
                BucketKey::Other => drop(map.next_value::<de::IgnoredAny>()?),
            }
        }
        stop.ok_or_else(|| de::Error::missing_field("stop"))?;
        toggles.ok_or_else(|| de::Error::missing_field("toggles"))?;
        start.map(Some).ok_or_else(|| de::Error::missing_field("start"))
    }
}

pub(super) fn once<T, E: de::Error>(slot: &mut Option<T>, name: &'static str, value: T) -> Result<(), E> {
    slot.replace(value).map_or(Ok(()), |_| Err(E::duplicate_field(name)))
}

struct TogglesSeed<'s, 'p>(&'s mut Toggles<'p>);

impl<'p> DeserializeSeed<'p> for TogglesSeed<'_, 'p> {
    type Value = ();

    fn deserialize<D: Deserializer<'p>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'p> de::Visitor<'p> for TogglesSeed<'_, 'p> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of flags")
    }

    fn visit_map<A: MapAccess<'p>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<Text<'p>>()? {
            let start = self.0.variants.len();
            let (yes, no) = map.next_value_seed(ToggleSeed(&mut self.0.variants))?;
            let variants = start..self.0.variants.len();
            self.0.push(Toggle { name, yes, no, variants });
        }
        Ok(())
    }
}

struct ToggleSeed<'s, 'p>(&'s mut Vec<(Text<'p>, u64)>);

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum ToggleKey {
    Yes,
    No,
    Variants,
    #[serde(other)]
    Other,
}

impl<'p> DeserializeSeed<'p> for ToggleSeed<'_, 'p> {
    type Value = (u64, u64);

    fn deserialize<D: Deserializer<'p>>(self, deserializer: D) -> Result<(u64, u64), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'p> de::Visitor<'p> for ToggleSeed<'_, 'p> {
    type Value = (u64, u64);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with yes and no")
    }

    fn visit_map<A: MapAccess<'p>>(self, mut map: A) -> Result<(u64, u64), A::Error> {
        let (mut yes, mut no) = (None, None);
        while let Some(key) = map.next_key()? {
            match key {
                ToggleKey::Yes => once(&mut yes, "yes", map.next_value()?)?,
                ToggleKey::No => once(&mut no, "no", map.next_value()?)?,
                ToggleKey::Variants => drop(map.next_value_seed(MaybeVariants(&mut *self.0))?),
                ToggleKey::Other => drop(map.next_value::<de::IgnoredAny>()?),
            }
        }
        let yes = yes.ok_or_else(|| de::Error::missing_field("yes"))?;
        Ok((yes, no.ok_or_else(|| de::Error::missing_field("no"))?))
    }
}

/// Counts by variant, or null.
struct MaybeVariants<'s, 'p>(&'s mut Vec<(Text<'p>, u64)>);

impl<'p> DeserializeSeed<'p> for MaybeVariants<'_, 'p> {
    type Value = ();

    fn deserialize<D: Deserializer<'p>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'p> de::Visitor<'p> for MaybeVariants<'_, 'p> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of counts")
    }

    fn visit_none<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_some<D: Deserializer<'p>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }

    fn visit_map<A: MapAccess<'p>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(variant) = map.next_entry()? {
            self.0.push(variant);
        }
        Ok(())
    }
}

/// Counts by variant, in a list of their own.
#[derive(Debug, Default)]
pub(super) struct VariantList<'p>(pub Vec<(Text<'p>, u64)>);

impl<'de: 'p, 'p> Deserialize<'de> for VariantList<'p> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut list = Vec::new();
        deserializer.deserialize_map(MaybeVariants(&mut list))?;
        Ok(Self(list))
    }
}

impl Toggles<'static> {
    /// The memory, and nothing left in its place.
    pub(super) fn lend<'p>(&mut self) -> Toggles<'p> {
        mem::take(self)
    }
}
