//! What a workload is.

use std::sync::Arc;

use crate::error::Result;
use crate::graph::Graph;
use crate::ops::NodeId;
use crate::train::{Config, Precision};

/// What a workload computes.
pub(super) type Build = dyn Fn(&mut Graph) -> Result<Vec<NodeId>> + Send + Sync;

/// Something to be timed.
#[derive(Clone)]
pub struct Workload {
    /// The name in reports, such as `W1` or `conv_64x64_28_forward`.
    pub name: String,
    pub(super) work: Work,
}

#[derive(Clone)]
pub(super) enum Work {
    /// Forward, backward and Adam of a model.
    Training(Box<Config>),
    /// The reconstruction of a batch.
    Inference(Box<Config>),
    /// Operations on inputs of random numbers.
    Operations(Arc<Build>),
    /// Words written to a device.
    Upload(usize),
    /// Words read back from it.
    Readback(usize),
}

impl Workload {
    /// How it trains, if it is a training step.
    pub(in crate::bench) fn training(&self) -> Option<&Config> {
        match &self.work {
            Work::Training(config) => Some(config),
            _ => None,
        }
    }

    /// The same in another precision than the usual one, if it is a training step.
    pub(super) fn by(self, precision: Precision) -> Self {
        match self.work {
            Work::Training(config) if precision == Precision::Mixed => Self {
                name: format!("{}_mixed", self.name),
                work: Work::Training(Box::new(Config { precision, ..*config })),
            },
            _ => self,
        }
    }

    /// The same at each of `batches`, if it has a batch and there are any.
    pub(super) fn at(self, batches: &[usize]) -> Vec<Self> {
        let Work::Training(config) = &self.work else { return vec![self] };
        if batches.is_empty() {
            return vec![self];
        }
        let with = |batch: &usize| {
            let config = Config { batch: *batch, ..(**config).clone() };
            Self { name: format!("{}@{batch}", self.name), work: Work::Training(Box::new(config)) }
        };
        batches.iter().map(with).collect()
    }
}
