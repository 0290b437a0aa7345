//! Devices that fail in the middle of a run.

use clap::Parser;

use super::*;
use crate::cpu::CpuExecutor;
use crate::data::{LoadOptions, Source};
use crate::graph::{DataId, Executor, MetricRow, Plan, PlanId, ProfileRow};
use crate::models::Kind;
use crate::ops::{GpuTarget, StepScalars};
use crate::tensor::Tensor;
use crate::train::checkpoint;

/// A device that is lost after some submissions.
struct Failing {
    device: CpuExecutor,
    submissions: usize,
    error: fn(String) -> Error,
}

impl Failing {
    fn is_lost(&self) -> bool {
        self.submissions == 0
    }

    fn check(&self) -> Result<()> {
        match self.is_lost() {
            true => Err((self.error)("it is gone".into())),
            false => Ok(()),
        }
    }
}

impl Executor for Failing {
    fn name(&self) -> String {
        self.device.name()
    }

    fn target(&self) -> Option<&GpuTarget> {
        None
    }

    fn set_state(&mut self, state: &State) -> Result<()> {
        self.check()?;
        self.device.set_state(state)
    }

    fn state(&mut self) -> Result<State> {
        self.check()?;
        Executor::state(&mut self.device)
    }

    fn add_data(&mut self, images: usize, bytes: usize) -> Result<DataId> {
        self.device.add_data(images, bytes)
    }

    fn write_data(&mut self, data: DataId, pixels: &[u8], labels: &[u32]) -> Result<()> {
        self.device.write_data(data, pixels, labels)
    }

    fn write_order(&mut self, data: DataId, order: &[u32]) -> Result<()> {
        self.check()?;
        self.device.write_order(data, order)
    }

    fn add_plan(&mut self, plan: Plan, data: Option<DataId>) -> Result<PlanId> {
        self.device.add_plan(plan, data)
    }

    fn write_input(&mut self, plan: PlanId, name: &str, value: &Tensor) -> Result<()> {
        self.device.write_input(plan, name, value)
    }

    fn run(&mut self, plan: PlanId, steps: &[StepScalars]) -> Result<()> {
        self.check()?;
        self.submissions -= 1;
        self.device.run(plan, steps)
    }

    fn plan(&self, plan: PlanId) -> Result<&Plan> {
        self.device.plan(plan)
    }

    fn run_operation(
        &mut self,
        plan: PlanId,
        operation: usize,
        scalars: &StepScalars,
    ) -> Result<Vec<Vec<f32>>> {
        self.device.run_operation(plan, operation, scalars)
    }

    fn read_output(&mut self, plan: PlanId, name: &str) -> Result<Tensor> {
        self.device.read_output(plan, name)
    }

    fn take_metrics(&mut self, wait: bool) -> Result<Vec<MetricRow>> {
        self.check()?;
        self.device.take_metrics(wait)
    }

    fn wait(&mut self) -> Result<()> {
        self.device.wait()
    }

    fn set_profiling(&mut self, on: bool) -> Result<()> {
        self.device.set_profiling(on)
    }

    fn profile(&mut self) -> Result<Vec<ProfileRow>> {
        self.device.profile()
    }
}

/// Trains until the device fails after so many submissions; what the error says, and the step of
/// the last checkpoint.
fn fail_after(submissions: usize, error: fn(String) -> Error) -> (Error, Option<u64>) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = RunFolder::create(folder.path()).expect("writable");
    let limit = LoadOptions { limit: Some(64), ..LoadOptions::default() };
    let dataset = Dataset::load(&Source::Digits, &limit).expect("embedded");
    let options = "train --arch dense:8 --latent 4 --loss mse --batch 8 --epochs 9 --quiet";
    let args = TrainArgs::try_parse_from(options.split(' ')).expect("options are right");
    let config = args.config(&dataset, Kind::Dense).expect("options go together");
    let mut device = Failing { device: CpuExecutor::new(), submissions, error };
    let trainer = Trainer::new(&mut device, &config, &dataset).expect("fits");
    let mut session = Session::begin(trainer, &config, &dataset, &folder, &args).expect("begins");
    let error = session.train(&Interruption::default()).expect_err("the device fails");
    // Nothing took the device's place, and nothing was saved that it had not finished.
    assert!(session.trainer.state().is_err());
    let header = checkpoint::read_header(&folder.file(RunFile::Model));
    (error, header.ok().map(|header| header.step))
}

#[test]
fn a_device_that_is_lost_ends_the_run_with_the_last_checkpoint() {
    let (error, step) = fail_after(1, Error::Gpu);
    let text = error.to_string();
    assert!(matches!(error, Error::Gpu(_)) && step.is_none(), "{text}");
    assert!(text.contains("it is gone; there is no checkpoint yet"), "{text}");
    // An epoch is a submission of 8 steps, and some to measure.
    let (error, step) = fail_after(30, Error::Memory);
    let (text, step) = (error.to_string(), step.expect("an epoch was saved"));
    assert!(matches!(error, Error::Memory(_)) && step > 0 && step.is_multiple_of(8), "{text}");
    let last = format!("model.safetensors, at step {step}, and --resume goes on from it");
    assert!(text.contains("it is gone; the last checkpoint is ") && text.contains(&last), "{text}");
}
