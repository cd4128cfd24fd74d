//! Makes and registers families, each with its labels.
//!
//! All names and labels are constants of this folder, so a refusal is a mistake of ours that the first test shows. Families
//! without labels are made as those with an empty list of labels, so that they appear with their first use.

use std::collections::HashMap;

use prometheus::{
    GaugeVec, HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry, core::Collector,
};

use crate::config::settings::Instance;

const LEGAL: &str = "constant, legal names of metrics and labels, each registered once";

/// See the module.
pub struct Maker<'r> {
    registry: &'r Registry,
    constant: HashMap<String, String>,
}

impl<'r> Maker<'r> {
    /// Families without constant labels.
    pub fn new(registry: &'r Registry) -> Self {
        Self { registry, constant: HashMap::new() }
    }

    /// Families that name the instance.
    pub fn naming(self, instance: &Instance) -> Self {
        let labels = [("app_name", &instance.app_name), ("instance_id", &instance.instance_id)];
        let constant = labels.map(|(name, value)| (name.to_owned(), value.clone())).into();
        Self { constant, ..self }
    }

    pub fn counter(&self, name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
        self.registered(IntCounterVec::new(self.opts(name, help), labels).expect(LEGAL))
    }

    pub fn gauge(&self, name: &str, help: &str, labels: &[&str]) -> IntGaugeVec {
        self.registered(IntGaugeVec::new(self.opts(name, help), labels).expect(LEGAL))
    }

    pub fn float_gauge(&self, name: &str, help: &str, labels: &[&str]) -> GaugeVec {
        self.registered(GaugeVec::new(self.opts(name, help), labels).expect(LEGAL))
    }

    pub fn histogram(&self, name: &str, help: &str, labels: &[&str], buckets: &[f64]) -> HistogramVec {
        let opts = HistogramOpts::from(self.opts(name, help)).buckets(buckets.to_vec());
        self.registered(HistogramVec::new(opts, labels).expect(LEGAL))
    }

    fn opts(&self, name: &str, help: &str) -> Opts {
        Opts::new(name, help).const_labels(self.constant.clone())
    }

    fn registered<C: Collector + Clone + 'static>(&self, family: C) -> C {
        self.registry.register(Box::new(family.clone())).expect(LEGAL);
        family
    }
}
