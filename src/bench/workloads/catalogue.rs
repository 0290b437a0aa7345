//! All workloads, by their names, and how each comes onto a device.

use super::measure::Loaded;
use super::workload::{Work, Workload};
use super::{models, operations};
use crate::error::{Error, Result};
use crate::graph::{Executor, Plan};
use crate::ops::GpuTarget;
use crate::train::Precision;

impl Workload {
    /// All workloads.
    ///
    /// # Errors
    /// Never: the models' sizes are right.
    pub fn all() -> Result<Vec<Self>> {
        Ok([models::workloads()?, operations::workloads(), transfers()].concat())
    }

    /// Those of `names`, where a name stands for all that begin with it and an underscore, too; all
    /// where there are none. Training steps at each of `batches`, where there are any, and in this precision.
    ///
    /// # Errors
    /// When a name is not known; the error lists them. When a batch is empty, or none is a training step where
    /// something is said of these.
    pub fn named(names: &[String], batches: &[usize], precision: Precision) -> Result<Vec<Self>> {
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
        let chosen: Vec<Self> = all.into_iter().filter(chosen).collect();
        let is_training = |workload: &Self| matches!(workload.work, Work::Training(_));
        let given =
            [("--batch", !batches.is_empty()), ("--precision", precision != Precision::default())];
        let option = given.iter().find(|(_, is_given)| *is_given);
        if let Some((option, _)) = option.filter(|_| !chosen.iter().any(is_training)) {
            let what = "has no effect on these workloads, of which none is a training step";
            return Err(Error::option(*option, what));
        }
        let chosen = chosen.into_iter().map(|workload| workload.by(precision));
        Ok(chosen.flat_map(|workload| workload.at(batches)).collect())
    }

    /// The plan of a training step.
    ///
    /// # Errors
    /// When it is none, or does not fit the adapter.
    pub(crate) fn training_plan(&self, target: Option<&GpuTarget>) -> Result<Plan> {
        match &self.work {
            Work::Training(config) => models::plan_of(config, target),
            _ => Err(Error::Graph(format!("workload {} is no training step", self.name))),
        }
    }

    /// Puts the workload on an executor that holds no state yet.
    ///
    /// # Errors
    /// When the device is short of memory or lost.
    pub fn load(&self, executor: &mut dyn Executor) -> Result<Loaded> {
        self.load_counted(executor, None)
    }

    /// The same, with costs and kernels as for another adapter where one is given.
    ///
    /// # Errors
    /// When the device is short of memory or lost.
    pub fn load_counted(
        &self,
        executor: &mut dyn Executor,
        counted: Option<&GpuTarget>,
    ) -> Result<Loaded> {
        match &self.work {
            Work::Training(config) => models::load_training(executor, config, counted),
            Work::Inference(config) => models::load_inference(executor, config, counted),
            Work::Operations(build) => operations::load(executor, build.as_ref(), counted),
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
