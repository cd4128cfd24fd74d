//! Who asks: requests by SDK, version, client specification and accepted codings, in closed sets.
//!
//! What clients write into headers makes no series of its own: SDK names come from a list, versions must be plain ones and
//! are capped, codings are a set of known ones, and combinations are capped as well; the rest counts as `other`. One
//! counter per combination serves three families. A text that was just seen costs one comparison, a known one a few;
//! neither allocates. Names are taken up from requests that were served, so nobody without a token uses them up.

mod names;
mod texts;

use std::collections::HashMap;

use self::texts::{Heard, is_version};
use super::endpoint::Endpoint;

/// SDK versions that are told apart, and versions of the client specification.
const SDK_VERSIONS_MAX: usize = 50;
const SPECS_MAX: usize = 20;
/// Combinations that are told apart. Beyond that only the SDK is, see [`Combination::folded`]: with all SDKs on all endpoints
/// some thousands more, and a copy of all of them is 200 kB.
const COMBINATIONS_MAX: usize = 1_000;

const OTHER: &str = "other";
const UNKNOWN: &str = "unknown";

/// Number of an SDK and version in [`Clients`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SdkId(u16);

/// Number of a version of the client specification in [`Clients`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpecId(u8);

impl SdkId {
    const NONE: Self = Self(0);
    const OTHER: Self = Self(1);
}

impl SpecId {
    const NONE: Self = Self(0);
    const OTHER: Self = Self(1);
}

/// Codings that a client accepts, a bit each; whether it prefers or refuses them is not looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Codings(u8);

/// By name, in the order in which they are shown.
const CODINGS: [&str; 7] = ["*", "br", "deflate", "gzip", "identity", "x-gzip", "zstd"];

/// An SDK, as its label says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sdk {
    /// Out of a list, or `other`, or `unknown` for none.
    pub name: &'static str,
    /// A plain version, or `other`, or `unknown` for none.
    pub version: Box<str>,
}

/// Where a request is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Combination {
    /// What it asked for.
    pub endpoint: Endpoint,
    /// Who asked.
    pub client: Client,
}

/// What the headers of a request say about its client.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Client {
    /// Of `Unleash-SDK`.
    pub sdk: SdkId,
    /// Of `Unleash-Client-Spec`.
    pub spec: SpecId,
    /// Of `Accept-Encoding`.
    pub codings: Codings,
}

/// Counts, and the names behind the numbers.
#[derive(Debug, Clone)]
pub struct Clients {
    sdks: Vec<Sdk>,
    specs: Vec<Box<str>>,
    counts: HashMap<Combination, u64>,
}

impl Default for Clients {
    fn default() -> Self {
        let sdk = |name: &'static str| Sdk { name, version: name.into() };
        Self {
            sdks: vec![sdk(UNKNOWN), sdk(OTHER)],
            specs: vec!["".into(), OTHER.into()],
            counts: HashMap::new(),
        }
    }
}

impl Sdk {
    fn is_spelt(&self, text: &[u8]) -> bool {
        let rest = text.strip_prefix(self.name.as_bytes()).and_then(|rest| rest.strip_prefix(b":"));
        rest == Some(self.version.as_bytes())
    }
}

impl Codings {
    /// Of a header's value.
    pub fn of(accept_encoding: &[u8]) -> Self {
        let names = accept_encoding
            .split(|byte| *byte == b',')
            .map(|element| element.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii());
        let bits = names.filter_map(|name| {
            let known = CODINGS.iter().position(|known| known.as_bytes().eq_ignore_ascii_case(name))?;
            Some(2 << known)
        });
        // The lowest bit tells a header without a known coding from none.
        Self(bits.fold(1, |all, bit: u8| all | bit))
    }

    /// The label `accept_encoding`.
    pub fn label(self) -> String {
        match self.0 {
            0 => "none".to_owned(),
            1 => OTHER.to_owned(),
            bits => {
                let named = CODINGS.iter().enumerate().filter(|(at, _)| bits & (2 << at) != 0);
                named.map(|(_, name)| *name).collect::<Vec<_>>().join(",")
            }
        }
    }
}

const _: () = assert!(CODINGS.len() < 8, "a bit each, and one");

impl Clients {
    /// Counts a request.
    pub fn count(&mut self, combination: Combination) {
        self.add_count(combination, 1);
    }

    fn add_count(&mut self, combination: Combination, count: u64) {
        if let Some(known) = self.counts.get_mut(&combination) {
            *known += count;
            return;
        }
        let has_room = self.counts.len() < COMBINATIONS_MAX;
        let place = if has_room { combination } else { combination.folded() };
        *self.counts.entry(place).or_default() += count;
    }

    /// The number of an SDK; `name:version` as in the header.
    fn sdk(&mut self, text: &[u8]) -> SdkId {
        if let Some(at) = self.sdks.iter().position(|sdk| sdk.is_spelt(text)) {
            return u16::try_from(at).map_or(SdkId::OTHER, SdkId);
        }
        let Ok(text) = std::str::from_utf8(text) else { return SdkId::OTHER };
        let (name, version) = text.split_once(':').unwrap_or((text, ""));
        let Some(name) = names::known(name) else { return SdkId::OTHER };
        let version = if is_version(version) { version } else { OTHER };
        self.sdk_of(name, version)
    }

    fn sdk_of(&mut self, name: &'static str, version: &str) -> SdkId {
        let find = |sdks: &[Sdk], version: &str| {
            sdks.iter().position(|sdk| sdk.name == name && &*sdk.version == version)
        };
        let versions = self.sdks.iter().skip(2).filter(|sdk| &*sdk.version != OTHER).count();
        let version = match find(&self.sdks, version) {
            None if versions >= SDK_VERSIONS_MAX => OTHER,
            _ => version,
        };
        let at = find(&self.sdks, version).unwrap_or_else(|| {
            self.sdks.push(Sdk { name, version: version.into() });
            self.sdks.len() - 1
        });
        u16::try_from(at).map_or(SdkId::OTHER, SdkId)
    }

    /// The number of a version of the client specification.
    fn spec(&mut self, text: &str) -> SpecId {
        if let Some(at) = self.specs.iter().position(|known| **known == *text) {
            return u8::try_from(at).map_or(SpecId::OTHER, SpecId);
        }
        if !is_version(text) || self.specs.len() >= SPECS_MAX + 2 {
            return SpecId::OTHER;
        }
        self.specs.push(text.into());
        u8::try_from(self.specs.len() - 1).map_or(SpecId::OTHER, SpecId)
    }

    /// Starts to add up from nothing; what has a number keeps it, and what has a counter keeps it at zero, so that sums
    /// that are made again and again fold the same things into `other`.
    pub fn reset(&mut self) {
        self.counts.values_mut().for_each(|count| *count = 0);
    }

    /// Adds all counts of another, whose numbers may mean other things.
    pub fn add(&mut self, other: &Self) {
        let sdks: Vec<SdkId> = other.sdks.iter().map(|sdk| self.same_sdk(sdk)).collect();
        let specs: Vec<SpecId> = other.specs.iter().map(|spec| self.spec(spec)).collect();
        for (combination, count) in &other.counts {
            let theirs = combination.client;
            let sdk = sdks.get(usize::from(theirs.sdk.0)).copied().unwrap_or(SdkId::OTHER);
            let spec = specs.get(usize::from(theirs.spec.0)).copied().unwrap_or(SpecId::OTHER);
            let client = Client { sdk, spec, ..theirs };
            self.add_count(Combination { client, ..*combination }, *count);
        }
    }

    fn same_sdk(&mut self, sdk: &Sdk) -> SdkId {
        match sdk.name {
            UNKNOWN => SdkId::NONE,
            OTHER => SdkId::OTHER,
            name => self.sdk_of(name, &sdk.version),
        }
    }

    /// All counts, in no order.
    pub fn counts(&self) -> impl Iterator<Item = (Combination, u64)> {
        self.counts.iter().filter(|(_, count)| **count > 0).map(|(combination, count)| (*combination, *count))
    }

    /// The SDK behind a number.
    pub fn name_sdk(&self, id: SdkId) -> (&'static str, &str) {
        self.sdks.get(usize::from(id.0)).map_or((OTHER, OTHER), |sdk| (sdk.name, &sdk.version))
    }

    /// The version of the client specification behind a number; `None` if the client named none.
    pub fn name_spec(&self, id: SpecId) -> Option<&str> {
        match id {
            SpecId::NONE => None,
            id => Some(self.specs.get(usize::from(id.0)).map_or(OTHER, |spec| spec)),
        }
    }
}

impl Combination {
    /// Where it counts when there is no more room: at most two per endpoint and SDK. Whoever makes up codings does not take
    /// away from what is known of SDKs.
    fn folded(self) -> Self {
        let spec = if self.client.spec == SpecId::NONE { SpecId::NONE } else { SpecId::OTHER };
        Self { client: Client { spec, codings: Codings(1), ..self.client }, ..self }
    }
}

/// What the request that is handled says, and what that means.
#[derive(Debug, Default)]
pub struct Reader {
    sdk: Heard<SdkId>,
    spec: Heard<SpecId>,
    codings: Heard<Codings>,
}

impl Reader {
    /// Takes the headers of a new request. Nothing is read yet.
    pub fn hear(&mut self, sdk: Option<&[u8]>, spec: Option<&[u8]>, accept_encoding: Option<&[u8]>) {
        self.sdk.hear(sdk);
        self.spec.hear(spec);
        self.codings.hear(accept_encoding);
    }

    /// The client, by names that are known from now on. For those whose request was served: whoever has no token must not
    /// use up the names.
    pub fn client(&mut self, clients: &mut Clients) -> Client {
        Client {
            sdk: self.sdk.meaning(SdkId::NONE, |text| clients.sdk(text)),
            spec: self.spec.meaning(SpecId::NONE, |text| {
                std::str::from_utf8(text).map_or(SpecId::OTHER, |text| clients.spec(text))
            }),
            codings: self.codings.meaning(Codings::default(), Codings::of),
        }
    }

    /// A client that needed no token: whatever it says of itself counts as `other`.
    pub fn stranger(&mut self) -> Client {
        Client {
            sdk: if self.sdk.is_there() { SdkId::OTHER } else { SdkId::NONE },
            spec: if self.spec.is_there() { SpecId::OTHER } else { SpecId::NONE },
            codings: self.codings.meaning(Codings::default(), Codings::of),
        }
    }
}

#[cfg(test)]
mod tests;
