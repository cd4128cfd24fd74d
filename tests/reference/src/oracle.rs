//! The reference: `unleash-yggdrasil`, asked as Unleash Edge asks it, and the bytes its answers make.

use crate::answer::Answer;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use unleash_types::client_features::{ClientFeatures, Context};
use unleash_types::frontend::{EvaluatedToggle, EvaluatedVariant};
use unleash_yggdrasil::{EngineState, ResolvedToggle, UpdateMessage};

/// The reference engine with one state.
pub struct Oracle {
    engine: EngineState,
    warned: BTreeSet<String>,
}

impl Oracle {
    /// Compiles a document; an error if the reference refuses it.
    pub fn compile(document: &Value) -> Result<Self, serde_json::Error> {
        let mut features: ClientFeatures = serde_json::from_value(document.clone())?;
        keep_last_of_each_name(&mut features);
        let engine = EngineState::default();
        let warnings = engine.take_state(UpdateMessage::FullResponse(features)).unwrap_or_default();
        let warned = warnings.into_iter().map(|warning| warning.toggle_name).collect();
        Ok(Self { engine, warned })
    }

    /// Whether the reference reads a document at all.
    pub fn accepts(document: &Value) -> bool {
        serde_json::from_value::<ClientFeatures>(document.clone()).is_ok()
    }

    /// The features it warned about, which are those that are always off.
    pub fn warned(&self) -> &BTreeSet<String> {
        &self.warned
    }

    /// All features, in the order of the answer.
    pub fn resolve_all(&self, context: &Context) -> BTreeMap<String, Answer> {
        let all: HashMap<String, ResolvedToggle> =
            self.engine.resolve_all(context, &None).unwrap_or_default();
        all.into_iter().map(|(name, toggle)| (name, answer(toggle))).collect()
    }

    /// One feature.
    pub fn resolve(&self, name: &str, context: &Context) -> Option<Answer> {
        self.engine.resolve(name, context, &None).map(answer)
    }
}

/// One feature as Unleash Edge writes it.
pub fn toggle_json(name: &str, answer: &Answer) -> String {
    let payload = answer.payload.clone();
    let payload =
        payload.map(|(kind, value)| unleash_types::client_features::Payload { payload_type: kind, value });
    let toggle = EvaluatedToggle {
        name: name.to_owned(),
        enabled: answer.enabled,
        variant: EvaluatedVariant { name: answer.variant.clone(), enabled: answer.variant_enabled, payload },
        impression_data: answer.impression_data,
        impressionData: answer.impression_data,
    };
    serde_json::to_string(&toggle).expect("texts and flags always make JSON")
}

/// The engine warns about each feature it compiles, also about one that a later one of that name replaces.
fn keep_last_of_each_name(document: &mut ClientFeatures) {
    let mut seen = BTreeSet::new();
    document.features.reverse();
    document.features.retain(|feature| seen.insert(feature.name.clone()));
    document.features.reverse();
}

fn answer(toggle: ResolvedToggle) -> Answer {
    let variant = toggle.variant;
    Answer {
        enabled: toggle.enabled,
        variant: variant.name,
        variant_enabled: variant.enabled,
        payload: variant.payload.map(|payload| (payload.payload_type, payload.value)),
        impression_data: toggle.impression_data,
        project: toggle.project,
    }
}
