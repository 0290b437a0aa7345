//! Teams whose processes are threads.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::*;
use crate::cpu::CpuExecutor;
use crate::data::{Dataset, LoadOptions, Source};
use crate::gpu::{DeviceChoice, GpuExecutor, GpuOptions};
use crate::graph::{Executor, State, gradient_pieces};
use crate::models::{Choices, Kind};
use crate::tensor::Tensor;
use crate::train::link::Link;
use crate::train::loopback::Loopback;
use crate::train::{Advance, Config, Position, Team};

/// Five steps of a whole batch, and one of 6 images: 2 shards, of 4 and of 2.
const IMAGES: usize = 86;

fn digits() -> Dataset {
    let options = LoadOptions { limit: Some(IMAGES), ..LoadOptions::default() };
    Dataset::load(&Source::Digits, &options).expect("embedded")
}

fn config(kind: Kind) -> Config {
    of_arch(kind, "dense:12")
}

fn of_arch(kind: Kind, arch: &str) -> Config {
    let arch = Some(arch.parse().expect("an architecture"));
    let choices = Choices { arch, ..Choices::default() };
    let (model, _) = kind.build(digits().shape, 10, &choices, false).expect("they go together");
    Config { batch: 16, shards: 4, learning_rate: 2e-3, epochs: 3, ..Config::new(model) }
}

/// What the leading one of so many processes makes of `work`; or the error that one ends with.
fn by_team<T: Send>(
    links: Vec<impl Link + 'static>,
    config: &Config,
    work: impl Fn(&mut Trainer) -> Result<T> + Sync,
) -> Result<T> {
    by_team_on(&CpuExecutor::new, links, config, work)
}

/// The same on such devices.
fn by_team_on<T: Send, E: Executor>(
    device: &(impl Fn() -> E + Sync),
    links: Vec<impl Link + 'static>,
    config: &Config,
    work: impl Fn(&mut Trainer) -> Result<T> + Sync,
) -> Result<T> {
    let dataset = digits();
    thread::scope(|scope| {
        let mut threads = vec![];
        for link in links {
            let (dataset, work) = (&dataset, &work);
            threads.push(scope.spawn(move || {
                let (team, mut device) = (Team::new(Arc::new(link)), device());
                let trained = Trainer::in_team(&mut device, vec![], team.clone(), config, dataset)
                    .and_then(|mut trainer| match team.leads() {
                        true => {
                            let done = work(&mut trainer)?;
                            trainer.end()?;
                            Ok(Some(done))
                        }
                        false => trainer.follow().map(|()| None),
                    });
                if let Err(error) = &trained {
                    team.fail(error);
                }
                trained
            }));
        }
        let results: Vec<Result<Option<T>>> =
            threads.into_iter().map(|thread| thread.join().expect("no panic")).collect();
        let mut results = results.into_iter();
        let led = results.next().expect("there is one");
        led.map(|done| done.expect("it leads"))
    })
}

/// Takes steps up to `end`; the losses of epochs that end.
fn advance(trainer: &mut Trainer, end: u32) -> Result<Vec<u64>> {
    let mut losses = vec![];
    while trainer.step() < end {
        match trainer.advance(end - trainer.step(), &mut ())? {
            Advance::Epoch(report) => {
                losses.push(report.train_loss.to_bits());
                losses.extend(report.test.0.values().map(|value| value.to_bits()));
            }
            Advance::Paused => {}
            Advance::NotFinite(fault) => return Err(Error::NotFinite(fault.describe())),
        }
    }
    Ok(losses)
}

fn bits(state: &State) -> Vec<u32> {
    let numbers =
        state.parameters.iter().chain(&state.buffers).chain(state.moments.iter().flatten());
    numbers.map(|number| number.to_bits()).collect()
}

#[test]
fn any_number_of_processes_ends_in_the_bits_of_one() {
    let dataset = digits();
    for (kind, arch) in [
        (Kind::Dense, "dense:12"),
        (Kind::Vae, "dense:12"),
        (Kind::Contractive, "dense:12"),
        // Gradients of several pieces.
        (Kind::Vae, "dense:300,200"),
    ] {
        let config = of_arch(kind, arch);
        let mut device = CpuExecutor::new();
        let mut alone = Trainer::new(&mut device, &config, &dataset).expect("it fits");
        let losses = advance(&mut alone, 14).expect("it trains");
        let expected = (bits(&alone.state().expect("there is one")), losses);
        for count in 1..=5 {
            let found = by_team(Loopback::of(count), &config, |trainer| {
                trainer.begin()?;
                let losses = advance(trainer, 14)?;
                let shares: u64 = trainer.shares().iter().map(|(_, shards)| shards).sum();
                assert_eq!(shares, 2 * (5 * 4 + 2) + 2 * 4);
                assert_eq!(trainer.shares().len(), count);
                Ok((bits(&trainer.state()?), losses))
            });
            assert!(found.expect("they train") == expected, "{kind:?}: {count} processes");
        }
    }
}

#[test]
fn adapters_give_pieces_of_gradients_and_end_in_the_bits_of_one() {
    let adapter = || {
        let device = GpuExecutor::choose(&DeviceChoice::Gpu, GpuOptions::default());
        device.unwrap_or_else(|error| panic!("{error}"))
    };
    let dataset = digits();
    let config = of_arch(Kind::Vae, "dense:300,200");
    let mut device = adapter();
    let mut alone = Trainer::new(&mut device, &config, &dataset).expect("it fits");
    assert_eq!(gradient_pieces(alone.layout()).len(), 3);
    let losses = advance(&mut alone, 7).expect("it trains");
    let expected = (bits(&alone.state().expect("there is one")), losses);
    let found = by_team_on(&adapter, Loopback::of(2), &config, |trainer| {
        trainer.begin()?;
        let losses = advance(trainer, 7)?;
        Ok((bits(&trainer.state()?), losses))
    });
    assert!(found.expect("they train") == expected);
}

#[test]
fn a_team_of_another_size_goes_on_to_the_same_bits() {
    let config = config(Kind::Vae);
    let whole = by_team(Loopback::of(3), &config, |trainer| {
        trainer.begin()?;
        advance(trainer, 15)?;
        trainer.state()
    });
    let half: Result<(State, Position)> = by_team(Loopback::of(2), &config, |trainer| {
        trainer.begin()?;
        advance(trainer, 8)?;
        Ok((trainer.state()?, trainer.position().clone()))
    });
    let (state, position) = half.expect("they train");
    let rest = by_team(Loopback::of(4), &config, |trainer| {
        trainer.resume(&state, position.clone())?;
        advance(trainer, 15)?;
        trainer.state()
    });
    assert_eq!(bits(&whole.expect("they train")), bits(&rest.expect("they train")));
}

/// A way on which process 1 hears one number wrong.
struct Faulty {
    link: Loopback,
    /// Messages of numbers until then.
    left: AtomicUsize,
}

impl Link for Faulty {
    fn rank(&self) -> usize {
        self.link.rank()
    }

    fn count(&self) -> usize {
        self.link.count()
    }

    fn host(&self) -> &str {
        self.link.host()
    }

    fn send(&self, to: usize, message: Vec<u8>) {
        self.link.send(to, message);
    }

    fn receive(&self, from: usize) -> Result<Vec<u8>> {
        let mut message = self.link.receive(from)?;
        // Numbers have a byte and a note of eight before them.
        let has_numbers = message[0] == 1 && message.len() > 9;
        if self.rank() == 1 && has_numbers && self.left.fetch_sub(1, Ordering::SeqCst) == 1 {
            message[12] ^= 0x40;
        }
        Ok(message)
    }
}

#[test]
fn a_process_with_other_parameters_is_named() {
    let config = config(Kind::Dense);
    // The state has a message for parameters and two for moments. Of the first step come sums of shards from each
    // of the two others, which all have in the same way, and then their parts of the whole.
    for left in [1, 3, 6, 7] {
        let links = Loopback::of(3).into_iter();
        let links = links.map(|link| Faulty { link, left: AtomicUsize::new(left) }).collect();
        let found = by_team(links, &config, |trainer| {
            trainer.begin()?;
            advance(trainer, 1)?;
            trainer.state()
        });
        let text = found.expect_err("one has other numbers").to_string();
        let words = "rank 1 on here: CPU";
        assert!(text.contains(words) && text.contains("has come to other parameters"), "{text}");
    }
}

#[test]
fn a_process_that_fails_ends_the_training_with_its_words() {
    let config = config(Kind::Dense);
    let mut links = Loopback::of(3).into_iter();
    let failing = links.next_back().expect("there are three");
    let links: Vec<Loopback> = links.collect();
    thread::scope(|scope| {
        scope.spawn(move || {
            let team = Team::new(Arc::new(failing));
            team.fail(&Error::option("--device", "no adapter is called `x`"));
        });
        let found = by_team(links, &config, |trainer| trainer.begin());
        let error = found.expect_err("one has failed");
        assert_eq!(error.to_string(), "rank 2 on here: --device: no adapter is called `x`");
        assert_eq!(error.exit_code(), 2);
    });
}

#[test]
fn who_leads_does_not_follow_and_whole_steps_have_no_team() {
    let found = by_team(Loopback::of(1), &config(Kind::Dense), |trainer| trainer.follow());
    found.expect_err("it leads");
    let whole = Config { shards: 1, ..config(Kind::Dense) };
    let text = by_team(Loopback::of(1), &whole, |_| Ok(())).expect_err("no shards").to_string();
    assert!(text.contains("--shards: 1 leaves nothing for a second process"), "{text}");
}

#[test]
fn what_is_over_gives_its_memory_back_and_takes_no_step() {
    let dataset = digits();
    for shards in [1, 4] {
        let config = Config { shards, ..config(Kind::Vae) };
        let mut device = CpuExecutor::new();
        let mut trainer = Trainer::new(&mut device, &config, &dataset).expect("it fits");
        advance(&mut trainer, 2).expect("it trains");
        let state = trainer.state().expect("there is one");
        let held = trainer.executor.memory_held();
        trainer.end().expect("the device is there");
        trainer.end().expect("once is enough");
        assert!(trainer.executor.memory_held() < held, "{shards} shards");
        assert!(advance(&mut trainer, 3).is_err() && trainer.evaluate().is_err());
        assert_eq!(bits(&trainer.state().expect("it is kept")), bits(&state));
        let images = Tensor::full([2, 1, 8, 8], 0.5);
        let made = trainer.inference().reconstruct(&images, None).expect("the model is there");
        assert_eq!(made.shape(), images.shape());
    }
}
