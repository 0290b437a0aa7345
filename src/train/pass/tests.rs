use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::*;
use crate::cpu::CpuExecutor;
use crate::data::{Cache, Dataset, Element, LoadOptions, MemorySize, Source, Storing};
use crate::gpu::{DeviceChoice, GpuExecutor, GpuOptions};
use crate::graph::{Data, Graph, PlanRequest, State};
use crate::ops;
use crate::rng::Seed;

fn gpu() -> GpuExecutor {
    let gpu = GpuExecutor::choose(&DeviceChoice::Gpu, GpuOptions::default());
    gpu.unwrap_or_else(|error| panic!("{error}"))
}

/// What a batch measured: its mean pixel and, where there are labels, its mean label; and how many images it had.
type Mean = (Vec<f32>, usize);

/// A pass that logs the means of each batch.
fn logging_means<'a>(
    executor: &mut dyn Executor,
    images: &'a Images,
    room: Room,
    batch: usize,
) -> Pass<'a> {
    let target = executor.target().cloned();
    let layout = Graph::new().layout();
    executor.set_state(&State::initial(&layout, Seed(0), 0)).unwrap();
    let bytes = images.image_bytes();
    let pass = Pass::new(executor, images, room, batch, |batch| {
        let mut graph = Graph::new();
        let pixels = graph.data(Data::Pixels, (room.images * bytes).div_ceil(4));
        let order = graph.data(Data::Order, room.images);
        let element = Element::Byte;
        let gathered =
            ops::gather_images(&mut graph, pixels, order, batch, [1, 1, bytes], element)?;
        let mut metrics = vec![("mean".into(), ops::mean_all(&mut graph, gathered)?)];
        if images.labels.is_some() {
            let labels = graph.data(Data::Labels, room.images);
            let labels = ops::gather_labels(&mut graph, labels, order, batch)?;
            metrics.push(("label".into(), ops::mean_all(&mut graph, labels)?));
        }
        Plan::new(&PlanRequest { metrics, ..PlanRequest::new(&graph, &layout, target.as_ref()) })
    });
    pass.unwrap()
}

/// Runs these steps of a pass, to their end or until so many are done, and adds what they measured.
fn run(
    pass: &Pass,
    executor: &mut dyn Executor,
    order: &[u32],
    range: Range<u32>,
    (means, enough): (&mut Vec<Mean>, usize),
) -> Result<u32> {
    pass.run(
        executor,
        order,
        range,
        |_| StepScalars::default(),
        |steps| {
            means.extend(steps.iter().map(|step| (step.row.values.clone(), step.images)));
            Ok(match means.len() >= enough {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            })
        },
    )
}

const ALL: usize = usize::MAX;

/// The means of each batch.
fn means(
    executor: &mut dyn Executor,
    images: &Images,
    room: Room,
    batch: usize,
    order: &[u32],
) -> Vec<Mean> {
    let pass = logging_means(executor, images, room, batch);
    let mut means = vec![];
    // A pass in parts is a pass.
    let mut taken = 0;
    for part in [0..1, 1..4, 4..4, 4..u32::MAX] {
        taken += run(&pass, executor, order, part, (&mut means, ALL)).unwrap() as usize;
    }
    assert_eq!((means.len(), taken), (pass.steps(), pass.steps()));
    // And so are its steps, each taken alone, in any order.
    pass.arrange(executor, order).unwrap();
    for number in (0..pass.steps()).rev() {
        let (step, cursor) = pass.place(executor, order, number as u32).unwrap();
        executor.run(step.plan, &[StepScalars { cursor, ..StepScalars::default() }]).unwrap();
        let [Taken { images, row }] = &pass.arrivals(executor, true).unwrap()[..] else {
            panic!("one step measures once");
        };
        assert_eq!((row.values.clone(), *images), means[number], "step {number}");
    }
    means
}

/// So many images of so many bytes, with labels, and an order of them.
fn numbered(count: usize, bytes: usize) -> (Images, Vec<u32>) {
    let pixels: Vec<u8> = (0..(count * bytes) as u32).map(|i| (i * i % 251) as u8).collect();
    let labels = Some((0..count as u32).map(|i| i * i % 7).collect());
    let images = Images { pixels, labels, count, ..Images::default() };
    (images, (0..count).map(|i| (i * 37 % count) as u32).collect())
}

#[test]
fn images_that_are_sent_as_needed_are_those_that_stay() {
    let mut gpu = gpu();
    // Windows of some of these sizes do not end with a word.
    for bytes in [1, 5, 6, 7, 12] {
        let (images, order) = numbered(100, bytes);
        let resident = Room::new(&images, bytes, 3, None);
        assert_eq!(resident, Room { images: 100, resident: true });
        let streamed = Room::new(&images, bytes, 3, Some(100 * bytes as u64 - 1));
        assert_eq!(streamed, Room { images: 48, resident: false });
        let expected = means(&mut CpuExecutor::new(), &images, resident, 3, &order);
        assert_eq!(expected.len(), 34);
        assert_eq!(expected[33].1, 1, "the last batch is what is left");
        let on_gpu = means(&mut gpu, &images, resident, 3, &order);
        for (cpu, gpu) in expected.iter().zip(&on_gpu) {
            assert!((cpu.0[0] - gpu.0[0]).abs() < 1e-6 && cpu.1 == gpu.1, "{cpu:?}, {gpu:?}");
            assert!((cpu.0[1] - gpu.0[1]).abs() < 1e-6, "{cpu:?}, {gpu:?}");
        }
        let smaller = [3, 4, 7, 32, 98, 100].map(|images| Room { images, resident: false });
        for room in [streamed].into_iter().chain(smaller) {
            let cpu = means(&mut CpuExecutor::new(), &images, room, 3, &order);
            assert_eq!(expected, cpu, "{room:?} of {bytes}");
            assert_eq!(on_gpu, means(&mut gpu, &images, room, 3, &order), "{room:?} of {bytes}");
        }
    }
}

#[test]
fn fewer_images_than_a_batch_are_one_step() {
    let images = Images { pixels: vec![255; 12], count: 2, ..Images::default() };
    for room in [Room::new(&images, 6, 32, None), Room { images: 2, resident: false }] {
        for executor in [&mut CpuExecutor::new() as &mut dyn Executor, &mut gpu()] {
            let means = means(executor, &images, room, 32, &[1, 0]);
            assert_eq!(means, [(vec![1.0], 2)]);
        }
    }
}

/// Whoever breaks off has the next window gathered already, which is not used.
#[test]
fn a_pass_that_is_broken_off_goes_on_where_it_stopped() {
    let (images, order) = numbered(100, 7);
    let room = Room { images: 6, resident: false };
    let mut gpu = gpu();
    let expected = means(&mut gpu, &images, room, 3, &order);
    let pass = logging_means(&mut gpu, &images, room, 3);
    for enough in [1, 5, 20] {
        let mut means = vec![];
        let taken = run(&pass, &mut gpu, &order, 0..u32::MAX, (&mut means, enough)).unwrap();
        assert!(taken < 34 && means.len() == taken as usize, "{taken} of 34 steps for {enough}");
        run(&pass, &mut gpu, &order, taken..u32::MAX, (&mut means, ALL)).unwrap();
        assert_eq!(means, expected);
        // Nor does it matter where one goes on.
        let mut anew = vec![];
        run(&pass, &mut gpu, &order, 0..3, (&mut anew, 1)).unwrap();
        anew.clear();
        run(&pass, &mut gpu, &order, 0..u32::MAX, (&mut anew, ALL)).unwrap();
        assert_eq!(anew, expected);
    }
}

/// Sixty pictures of 5x3 in a folder, read from `cache` or, without one, from the pictures themselves.
fn stored(folder: &Path, cache: Cache) -> Dataset {
    let pictures = folder.join("pictures");
    fs::create_dir_all(&pictures).unwrap();
    for number in 0..60_u32 {
        let light = |x, y| image::Luma([(number * 91 + x * 40 + y * 7) as u8]);
        let picture = image::GrayImage::from_fn(5, 3, light);
        picture.save(pictures.join(format!("{number:02}.png"))).unwrap();
    }
    let storing = Storing { cache, memory: MemorySize(0) };
    let options = LoadOptions { storing, ..LoadOptions::default() };
    let dataset = Dataset::load(&Source::Images(pictures), &options).unwrap();
    assert!(dataset.train.stored.is_some() && dataset.train.count > 40);
    dataset
}

fn only_file(folder: &Path) -> PathBuf {
    fs::read_dir(folder).unwrap().next().unwrap().unwrap().path()
}

/// What a pass says whose pixels cannot be read from its middle on. Its steps before that are right, and so is the next
/// pass once they can be.
fn fails_and_recovers(
    executor: &mut dyn Executor,
    images: &Images,
    spoil: &dyn Fn(bool),
) -> String {
    let order: Vec<u32> = (0..images.count as u32).collect();
    let room = Room { images: 6, resident: false };
    let expected = means(executor, images, room, 3, &order);
    let pass = logging_means(executor, images, room, 3);
    spoil(true);
    let mut means = vec![];
    let error = run(&pass, executor, &order, 0..u32::MAX, (&mut means, ALL)).unwrap_err();
    executor.take_metrics(true).unwrap();
    assert!(!means.is_empty() && means[..] == expected[..means.len()], "{means:?}");
    spoil(false);
    means.clear();
    run(&pass, executor, &order, 0..u32::MAX, (&mut means, ALL)).unwrap();
    assert_eq!(means, expected);
    error.to_string()
}

#[test]
fn what_cannot_be_read_ends_a_pass_with_its_words() {
    for executor in [&mut CpuExecutor::new() as &mut dyn Executor, &mut gpu()] {
        let folder = TempDir::new().unwrap();
        let cache = folder.path().join("cache");
        let cached = stored(folder.path(), Cache::Folder(cache.clone()));
        let file = only_file(&cache);
        let whole = fs::read(&file).unwrap();
        let error = fails_and_recovers(executor, &cached.train, &|is_spoilt| {
            let bytes = if is_spoilt { &whole[..whole.len() / 4] } else { &whole };
            fs::write(&file, bytes).unwrap();
        });
        assert!(error.contains("cannot be read") && error.contains("cache --clear"), "{error}");

        let anew = stored(folder.path(), Cache::Nowhere);
        let picture = folder.path().join("pictures").join(&anew.train.files[30].file);
        let elsewhere = folder.path().join("elsewhere.png");
        let error = fails_and_recovers(executor, &anew.train, &|is_spoilt| {
            let (from, to) =
                if is_spoilt { (&picture, &elsewhere) } else { (&elsewhere, &picture) };
            fs::rename(from, to).unwrap();
        });
        assert!(error.contains("there is no such file"), "{error}");
    }
}

#[test]
fn a_panic_of_the_thread_that_gathers_is_an_error() {
    let (images, mut order) = numbered(40, 5);
    let mut gpu = gpu();
    let room = Room { images: 6, resident: false };
    let expected = means(&mut gpu, &images, room, 3, &order);
    let pass = logging_means(&mut gpu, &images, room, 3);
    let number = std::mem::replace(&mut order[30], 40);
    let run = |gpu: &mut GpuExecutor, order: &[u32]| {
        let mut means = vec![];
        run(&pass, gpu, order, 0..u32::MAX, (&mut means, ALL)).map(|_| means)
    };
    let error = run(&mut gpu, &order).unwrap_err().to_string();
    assert!(error.contains("panicked") && error.contains("image 40 of 40"), "{error}");
    gpu.take_metrics(true).unwrap();
    order[30] = number;
    assert_eq!(run(&mut gpu, &order).unwrap(), expected);
}
