//! Devices that fail in the middle of a run.

use std::ops::Range;

use clap::Parser;

use super::*;
use crate::cpu::CpuExecutor;
use crate::data::{LoadOptions, Source};
use crate::graph::{Arriving, DataId, Executor, MetricRow, Plan, PlanId, ProfileRow};
use crate::models::Kind;
use crate::ops::{GpuTarget, StepScalars};
use crate::run::checkpoint;
use crate::tensor::Tensor;

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

    fn send_sum(&mut self, sum: usize, words: Range<usize>) -> Result<Box<dyn Arriving>> {
        self.check()?;
        self.device.send_sum(sum, words)
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

    fn remove_plan(&mut self, plan: PlanId) -> Result<()> {
        self.device.remove_plan(plan)
    }

    fn memory_held(&self) -> u64 {
        self.device.memory_held()
    }

    fn write_input(&mut self, plan: PlanId, name: &str, value: &Tensor) -> Result<()> {
        self.device.write_input(plan, name, value)
    }

    fn run(&mut self, plan: PlanId, steps: &[StepScalars]) -> Result<()> {
        self.check()?;
        self.submissions -= 1;
        self.device.run(plan, steps)
    }

    fn run_part(
        &mut self,
        plan: PlanId,
        step: &StepScalars,
        operations: Range<usize>,
    ) -> Result<()> {
        self.check()?;
        self.submissions -= 1;
        self.device.run_part(plan, step, operations)
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
    let mut session =
        Session::begin(trainer, (&dataset, dataset.digest().unwrap()), &folder, None, &args)
            .expect("begins");
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

/// Trains up to `step`, with a checkpoint after each 20 steps of 8 an epoch.
fn train_to(session: &mut Session, step: u32) {
    struct Silent;
    impl Listener for Silent {
        fn advanced(&mut self, _images: usize, _loss: f64) {}
    }
    while session.trainer.step() < step {
        let most = session.schedule.steps_left(session.trainer.step());
        let ended = match session.trainer.advance(most, &mut Silent).expect("trains") {
            Advance::Paused => None,
            Advance::Epoch(report) => Some(*report),
            Advance::NotFinite(fault) => panic!("{}", fault.describe()),
        };
        assert!(session.keep(ended, false).expect("can be saved").is_none());
    }
}

#[test]
fn after_going_back_the_best_checkpoint_is_one_of_what_is_left() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = RunFolder::create(folder.path()).expect("writable");
    let limit = LoadOptions { limit: Some(64), ..LoadOptions::default() };
    let dataset = Dataset::load(&Source::Digits, &limit).expect("embedded");
    let options = "train --arch dense:8 --latent 4 --loss mse --batch 8 --epochs 9 --quiet \
                   --save-every 20 --on-nan rollback --lr 0.001 --schedule constant";
    let args = TrainArgs::try_parse_from(options.split_whitespace()).expect("options are right");
    let config = args.config(&dataset, Kind::Dense).expect("options go together");
    let mut device = CpuExecutor::new();
    let trainer = Trainer::new(&mut device, &config, &dataset).expect("fits");
    let mut session =
        Session::begin(trainer, (&dataset, dataset.digest().unwrap()), &folder, None, &args)
            .expect("begins");
    let best = folder.file(RunFile::Best);
    let step = || checkpoint::read_header(&best).ok().map(|header| header.step);

    // Back to the beginning: nothing is left, and the model begins as it began.
    let first = session.trainer.state().expect("is there");
    train_to(&mut session, 16);
    assert_eq!(step(), Some(16), "the loss falls");
    assert!(session.trainer.state().expect("is there").parameters != first.parameters);
    session.answer(Fault { step: 16, loss: None }).expect("goes back");
    assert_eq!((session.trainer.step(), step()), (0, None));
    assert!(session.trainer.state().expect("is there").parameters == first.parameters);

    // Back to step 20, whose best was that of step 16.
    train_to(&mut session, 20);
    let kept = std::fs::read(&best).expect("is there");
    assert_eq!(step(), Some(16));
    train_to(&mut session, 32);
    assert_eq!(step(), Some(32), "the loss falls");
    session.answer(Fault { step: 32, loss: None }).expect("goes back");
    assert_eq!((session.trainer.step(), session.history.len()), (20, 2));
    assert!(std::fs::read(&best).expect("is back") == kept);

    // The next one that is better is kept, and nothing is put aside once a checkpoint holds it.
    train_to(&mut session, 40);
    assert_eq!(step(), Some(40));
    assert!(!folder.path().join("checkpoints").join(RunFile::Best.name()).exists());
    // A best one that training does not go back beyond stays.
    session.answer(Fault { step: 40, loss: None }).expect("stays");
    assert_eq!((session.trainer.step(), step()), (40, Some(40)));
}

#[test]
fn shards_of_a_device_that_is_lost_go_to_the_others() {
    let limit = LoadOptions { limit: Some(64), ..LoadOptions::default() };
    let dataset = Dataset::load(&Source::Digits, &limit).expect("embedded");
    let options =
        "train --arch dense:8 --latent 4 --loss mse --batch 16 --shards 8 --epochs 3 --quiet";
    let args = TrainArgs::try_parse_from(options.split(' ')).expect("options are right");
    let config = args.config(&dataset, Kind::Dense).expect("options go together");
    type Trained = Result<(State, Vec<(String, u64)>)>;
    let train = |lead: &mut dyn Executor, helpers: Vec<Box<dyn Executor>>| -> Trained {
        let mut trainer = Trainer::with_helpers(lead, helpers, &config, &dataset).expect("fits");
        trainer.begin()?;
        while trainer.epoch() < 3 {
            trainer.epoch_of_training(&mut ())?;
        }
        Ok((trainer.state()?, trainer.shares()))
    };
    let failing = |submissions, error| {
        let device = CpuExecutor::new();
        Box::new(Failing { device, submissions, error }) as Box<dyn Executor>
    };
    let (alone, _) = train(&mut CpuExecutor::new(), vec![]).expect("nothing fails");
    // In the middle of a step, between steps, and in the first.
    for submissions in [11, 16, 1] {
        let helpers = vec![failing(submissions, Error::Gpu), failing(usize::MAX, Error::Gpu)];
        let (state, shares) = train(&mut CpuExecutor::new(), helpers).expect("others are left");
        assert!(state == alone, "{shares:?}");
        assert!(shares[1].1 <= submissions as u64 && shares[2].1 > shares[1].1, "{shares:?}");
    }
    // Nobody takes the place of the first, which measures, nor of one that is not lost but wrong.
    let lead = &mut *failing(11, Error::Gpu);
    let said =
        train(lead, vec![failing(usize::MAX, Error::Gpu)]).expect_err("it leads").to_string();
    assert!(said.contains("it is gone"), "{said}");
    let wrong = vec![failing(11, Error::Graph)];
    let said = train(&mut CpuExecutor::new(), wrong).expect_err("it is wrong").to_string();
    assert!(said.contains("it is gone"), "{said}");
}
