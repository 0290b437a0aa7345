//! The workloads that speed is measured on, the same on every device: training steps of whole
//! models on random images, single operations, and transfers.

mod measure;
mod models;
mod operations;

use std::sync::Arc;

pub use measure::{Ceilings, Loaded, Measured, PlanCosts};

use crate::error::{Error, Result};
use crate::graph::{Executor, Graph};
use crate::ops::NodeId;
use crate::train::Config;

/// What a workload computes.
type Build = dyn Fn(&mut Graph) -> Result<Vec<NodeId>> + Send + Sync;

/// Something to be timed.
#[derive(Clone)]
pub struct Workload {
    /// The name in reports, such as `W1` or `conv_64x64_28_forward`.
    pub name: String,
    work: Work,
}

#[derive(Clone)]
enum Work {
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
    /// All workloads.
    ///
    /// # Errors
    /// Never: the models' sizes are right.
    pub fn all() -> Result<Vec<Self>> {
        Ok([models::workloads()?, operations::workloads(), transfers()].concat())
    }

    /// Those of `names`, where a name stands for all that begin with it and an underscore, too; all
    /// where there are none. Training steps at each of `batches`, where there are any.
    ///
    /// # Errors
    /// When a name is not known; the error lists them. When a batch is empty.
    pub fn named(names: &[String], batches: &[usize]) -> Result<Vec<Self>> {
        let all = Self::all()?;
        let means = |name: &String, workload: &Self| {
            let rest = workload.name.strip_prefix(name.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
        };
        let known = |name: &&String| all.iter().any(|workload| means(name, workload));
        if let Some(unknown) = names.iter().find(|name| !known(name)) {
            let list: Vec<_> = all.iter().map(|workload| workload.name.as_str()).collect();
            let what = format!("there is no `{unknown}`; choose from {}", list.join(", "));
            return Err(Error::option("--only", what));
        }
        if batches.contains(&0) {
            return Err(Error::option("--batch", "a batch holds one image at least"));
        }
        let chosen =
            |workload: &Self| names.is_empty() || names.iter().any(|name| means(name, workload));
        Ok(all.into_iter().filter(chosen).flat_map(|workload| workload.at(batches)).collect())
    }

    /// The same at each of `batches`, if it has a batch and there are any.
    fn at(self, batches: &[usize]) -> Vec<Self> {
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

    /// Puts the workload on an executor that holds no state yet.
    ///
    /// # Errors
    /// When the device is short of memory or lost.
    pub fn load(&self, executor: &mut dyn Executor) -> Result<Loaded> {
        match &self.work {
            Work::Training(config) => models::load_training(executor, config),
            Work::Inference(config) => models::load_inference(executor, config),
            Work::Operations(build) => operations::load(executor, build.as_ref()),
            Work::Upload(words) => operations::load_transfer(executor, *words, true),
            Work::Readback(words) => operations::load_transfer(executor, *words, false),
        }
    }
}

fn transfers() -> Vec<Workload> {
    const WORDS: usize = 4 << 20;
    let workload = |name: &str, work| Workload { name: name.into(), work };
    vec![
        workload("upload_16MiB", Work::Upload(WORDS)),
        workload("readback_16MiB", Work::Readback(WORDS)),
    ]
}
