//! `/internal-backstage/metricsbatch`: registrations and counts that were not sent yet (metrics.md part 5). Tokens
//! and impact metrics are not shown.

use std::{collections::BTreeMap, sync::Arc};

use serde::Serialize;

use super::{
    application::Application,
    entry::Entry,
    moment::Moment,
    tables::Tables,
    wire::{EvaluationsOut, json},
};

#[derive(Serialize)]
struct Page<'l> {
    applications: Vec<&'l Application>,
    metrics: Vec<Row<'l>>,
}

#[derive(Serialize)]
struct Row<'l> {
    key: Key<'l>,
    bucket: EvaluationsOut<'l>,
}

#[derive(Serialize, PartialEq, Eq, PartialOrd, Ord)]
struct Key<'l> {
    app_name: &'l str,
    feature_name: &'l str,
    environment: &'l str,
    timestamp: Moment,
}

/// Writes the document.
pub fn write(environments: &BTreeMap<Arc<str>, Tables>) -> Vec<u8> {
    let applications = environments.values().flat_map(|tables| tables.applications.values()).collect();
    let rows = environments.iter().flat_map(|(environment, tables)| {
        tables.hours.iter().map(move |(app, feature, entry)| row(environment, app, feature, entry))
    });
    let mut metrics: Vec<Row<'_>> = rows.collect();
    metrics.sort_unstable_by(|one, other| one.key.cmp(&other.key));
    json(&Page { applications, metrics })
}

fn row<'l>(environment: &'l str, app: &'l str, feature: &'l str, entry: &'l Entry) -> Row<'l> {
    let key = Key { app_name: app, feature_name: feature, environment, timestamp: entry.timestamp };
    Row { key, bucket: EvaluationsOut::new(environment, app, feature, entry) }
}
