//! Puts a document together: flags by plan, segments, and descriptions that fill it to its size.

use serde_json::{Value, json};

use super::constraint::{self, Lists};
use super::dice::Dice;
use super::plan::Plan;
use super::strategy::{self, Temper, Wish};
use super::{variant, words};

/// The encoded document of a plan, in the shape of `GET /api/client/features`. The same seed gives
/// the same bytes.
pub fn document(plan: &Plan, seed: u64) -> String {
    let mut dice = Dice::new(seed, plan.name);
    let projects = projects(plan.projects);
    let segments = segments(&mut dice, plan);
    let mut features = features(&mut dice, plan, &projects);
    add_dependencies(&mut dice, &mut features, plan.dependents);
    features.sort_by(|left, right| left["name"].as_str().cmp(&right["name"].as_str()));
    let shown = if plan.projects > 1 { projects } else { vec!["*".to_owned()] };
    let hash = format!("{:08x}", dice.between(0x1000_0000, 0xffff_fff0));
    let mut document = json!({
        "version": 2,
        "features": features,
        "segments": segments,
        "query": { "environment": "development", "inlineSegmentConstraints": false, "project": shown },
        "meta": {
            "etag": format!("\"{hash}:{}\"", plan.revision),
            "revisionId": plan.revision,
            "queryHash": hash,
        },
    });
    fill(&mut dice, &mut document, plan.bytes);
    encode(&document)
}

fn encode(document: &Value) -> String {
    let mut text = document.to_string();
    text.push('\n');
    text
}

fn projects(count: usize) -> Vec<String> {
    let teams = words::AREAS.iter().map(|area| format!("{area}-team"));
    std::iter::once("default".to_owned()).chain(teams).take(count).collect()
}

fn segments(dice: &mut Dice, plan: &Plan) -> Vec<Value> {
    let lists = if plan.segments > 100 { Lists::Long } else { Lists::Short };
    let made = (1..=plan.segments).map(|id| {
        let count = dice.between(1, 3);
        json!({ "id": id, "name": format!("audience-{id}"), "constraints": constraint::closed_group(dice, count, lists) })
    });
    made.collect()
}

/// What one flag is to look like.
struct Shape {
    enabled: bool,
    /// One per strategy.
    tempers: Vec<Temper>,
}

fn shapes(dice: &mut Dice, plan: &Plan) -> Vec<Shape> {
    let guarded = plan.flags - plan.plain;
    let extra = dice.spread(plan.strategies - guarded, guarded, 2);
    let plain = (0..plan.plain).map(|at| Shape { enabled: at < plan.plain_on, tempers: vec![] });
    let with_strategies = extra.into_iter().enumerate().map(|(at, extra)| {
        let disabled = at >= plan.guarded_on && at < plan.guarded_on + plan.guarded_disabled;
        let (first, others) = match at {
            _ if at < plan.guarded_on => (Temper::Open, Temper::Any),
            _ if disabled => (Temper::Any, Temper::Any),
            _ => (Temper::Closed, Temper::Closed),
        };
        let tempers = std::iter::once(first).chain(std::iter::repeat_n(others, extra)).collect();
        Shape { enabled: !disabled, tempers }
    });
    let mut shapes: Vec<Shape> = plain.chain(with_strategies).collect();
    dice.shuffle(&mut shapes);
    shapes
}

fn features(dice: &mut Dice, plan: &Plan, projects: &[String]) -> Vec<Value> {
    let shapes = shapes(dice, plan);
    let guarded =
        shapes.iter().flat_map(|shape| &shape.tempers).filter(|&&temper| temper != Temper::Open).count();
    let mut shares = dice.spread(plan.constraints, guarded, 3).into_iter();
    let mut made = Vec::with_capacity(plan.flags);
    for (at, shape) in shapes.iter().enumerate() {
        let name = flag_name(at);
        let mut strategies = Vec::with_capacity(shape.tempers.len());
        for &temper in &shape.tempers {
            let constraints = if temper == Temper::Open { 0 } else { shares.next().unwrap_or(0) };
            let wish = Wish {
                flag: &name,
                temper,
                constraints,
                segments: plan.segments,
                variants_percent: plan.strategy_variants_percent,
            };
            strategies.push(strategy::strategy(dice, &wish));
        }
        let project = dice.pick(projects).clone();
        made.push(feature(dice, plan, &name, &project, shape.enabled, strategies));
    }
    made
}

/// Names are unique: the number carries on where the combinations of words end.
fn flag_name(at: usize) -> String {
    let area = words::AREAS[at % words::AREAS.len()];
    let subject = words::SUBJECTS[at / 3 % words::SUBJECTS.len()];
    let aspect = words::ASPECTS[at / 7 % words::ASPECTS.len()];
    format!("{area}-{subject}-{aspect}-{at}")
}

fn feature(
    dice: &mut Dice,
    plan: &Plan,
    name: &str,
    project: &str,
    enabled: bool,
    strategies: Vec<Value>,
) -> Value {
    let varied = !strategies.is_empty() && dice.chance(plan.variants_percent);
    let variants = if varied { variant::group(dice, "default", true) } else { vec![] };
    json!({
        "name": name,
        "type": dice.pick(words::KINDS),
        "description": "",
        "enabled": enabled,
        "stale": dice.chance(7),
        "impressionData": dice.chance(10),
        "project": project,
        "strategies": strategies,
        "variants": variants,
    })
}

/// Lets some disabled flags depend on flags that depend on nothing themselves, as upstream
/// demands. Disabled, because the number of flags that are on must not change.
fn add_dependencies(dice: &mut Dice, features: &mut [Value], dependents: usize) {
    let (mut children, parents): (Vec<usize>, Vec<usize>) =
        (0..features.len()).partition(|&at| features[at]["enabled"] == Value::Bool(false));
    dice.shuffle(&mut children);
    for child in children.into_iter().take(dependents) {
        let parent = &features[*dice.pick(&parents)];
        let mut wanted = json!({ "feature": parent["name"] });
        match (dice.below(10), parent["variants"].get(0)) {
            (0..=1, _) => wanted["enabled"] = json!(false),
            (2..=6, Some(variant)) => {
                wanted["enabled"] = json!(true);
                wanted["variants"] = json!([variant["name"]]);
            }
            _ => {}
        }
        features[child]["dependencies"] = json!([wanted]);
    }
}

/// Adds words to the descriptions, one flag after the other, until the document has its size.
fn fill(dice: &mut Dice, document: &mut Value, bytes: usize) {
    let mut missing = bytes.saturating_sub(encode(document).len());
    let Some(features) = document["features"].as_array_mut() else { return };
    let mut descriptions = vec![String::new(); features.len()];
    'full: loop {
        for description in &mut descriptions {
            let word = *dice.pick(words::PROSE);
            let length = word.len() + usize::from(!description.is_empty());
            if length > missing {
                break 'full;
            }
            if !description.is_empty() {
                description.push(' ');
            }
            description.push_str(word);
            missing -= length;
        }
    }
    for (feature, description) in features.iter_mut().zip(descriptions) {
        feature["description"] = Value::String(description);
    }
}
