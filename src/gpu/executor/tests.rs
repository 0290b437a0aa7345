use std::sync::atomic::Ordering;

use super::*;
use crate::graph::{Graph, PlanRequest, StateLayout};
use crate::ops;

/// The best adapter, with nothing kept on disk.
fn adapter() -> GpuExecutor {
    let options = GpuOptions { cache: None, tuning: None, ..GpuOptions::default() };
    GpuExecutor::choose(&DeviceChoice::Gpu, options).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn a_lost_device_is_an_error_from_then_on() {
    let mut executor = adapter();
    let mut graph = Graph::new();
    let x = graph.input("x", [4]);
    let y = ops::add(&mut graph, x, x).unwrap();
    let sum = ops::sum_all(&mut graph, y).unwrap();
    let layout = StateLayout::default();
    let request = PlanRequest {
        outputs: vec![("y".into(), y)],
        metrics: vec![("sum".into(), sum)],
        ..PlanRequest::new(&graph, &layout, executor.target())
    };
    let plan = executor.add_plan(Plan::new(&request).unwrap(), None).unwrap();
    executor.run(plan, &[StepScalars::default(); 3]).unwrap();
    executor.device.device.destroy();
    // The driver's word may come with any of the next calls.
    let _ = executor.run(plan, &[StepScalars::default(); 9]);
    let _ = executor.take_metrics(true);
    let error = executor.run(plan, &[StepScalars::default()]).unwrap_err().to_string();
    assert!(error.contains("lost"), "{error}");
    assert!(executor.state().is_err() && executor.add_data(1, 1).is_err());
    assert!(executor.read_output(plan, "y").is_err() && executor.take_metrics(true).is_err());
}

/// What the adapter's memory is used for, counted by the allocator, where there is one that counts.
#[test]
fn a_removed_plan_gives_its_memory_back_to_the_adapter() {
    let mut executor = adapter();
    let allocated = |executor: &GpuExecutor| {
        let report = executor.device.device.generate_allocator_report();
        report.map(|report| report.total_allocated_bytes)
    };
    let mut graph = Graph::new();
    let x = graph.input("x", [1 << 20]);
    let y = ops::add(&mut graph, x, x).unwrap();
    let layout = graph.layout();
    let request = PlanRequest {
        outputs: vec![("y".into(), y)],
        ..PlanRequest::new(&graph, &layout, executor.target())
    };
    let plan = Plan::new(&request).unwrap();
    let mut seen = vec![];
    for _ in 0..4 {
        let id = executor.add_plan(plan.clone(), None).unwrap();
        executor.run(id, &[StepScalars::default()]).unwrap();
        executor.wait().unwrap();
        let with = allocated(&executor);
        executor.remove_plan(id).unwrap();
        seen.push([with, allocated(&executor)]);
    }
    if seen[0][0].is_none() {
        return println!("note: this adapter's allocator does not count");
    }
    let bytes = plan.own_bytes();
    for [with, without] in &seen {
        assert!(*with >= without.map(|without| without + bytes), "{bytes}: {seen:?}");
    }
    assert_eq!(seen[1], seen[3], "a plan leaves nothing behind");
}

#[test]
fn too_large_a_dataset_is_an_error_and_the_device_lives_on() {
    let opened = GpuExecutor::choose(&DeviceChoice::Gpu, GpuOptions::default());
    let mut executor = opened.unwrap_or_else(|error| panic!("{error}"));
    let most = usize::try_from(executor.device.limits.max_buffer_size).unwrap_or(usize::MAX);
    for (images, bytes) in [(usize::MAX, 2), (most / 2, 3)] {
        let error = executor.add_data(images, bytes).unwrap_err();
        assert!(matches!(error, Error::Memory(_)), "{error}");
    }
    executor.add_data(2, 2).unwrap();
}

/// A state without numbers, and a plan of `count` products of two matrices of `side` rows and columns,
/// each of the one before, with the sum of the last as its metric.
fn products(executor: &mut GpuExecutor, side: usize, count: usize) -> PlanId {
    let mut graph = Graph::new();
    let x = graph.input("x", [side, side]);
    let product = |y, _| ops::matmul(&mut graph, y, x);
    let y = (0..count).try_fold(x, product).unwrap();
    let sum = ops::sum_all(&mut graph, y).unwrap();
    let layout = graph.layout();
    let request = PlanRequest {
        metrics: vec![("sum".into(), sum)],
        ..PlanRequest::new(&graph, &layout, executor.target())
    };
    let plan = executor.add_plan(Plan::new(&request).unwrap(), None).unwrap();
    let numbers = (0..side * side).map(|i| ((i * 7 % 13) as f32 - 5.5) / side as f32);
    let x = Tensor::new([side, side], numbers.collect()).unwrap();
    executor.write_input(plan, "x", &x).unwrap();
    plan
}

fn rows(rows: std::ops::Range<u32>) -> Vec<StepScalars> {
    rows.map(|row| StepScalars { row, ..StepScalars::default() }).collect()
}

#[test]
fn short_steps_go_many_at_once_and_long_ones_in_parts() {
    let mut executor = adapter();
    let short = products(&mut executor, 4, 3);
    assert_eq!(executor.submissions.pace(short), (1, 1), "nothing is known of it");
    // Whatever else the machine is busy with may make single submissions long.
    let grows = |_| {
        executor.run(short, &rows(0..200)).unwrap();
        executor.wait().unwrap();
        executor.steps_at_once(short) > 8
    };
    assert!((0..20).any(grows), "{:?}", executor.submissions.pace(short));

    // As many products as take the adapter a second.
    let one = products(&mut executor, 512, 1);
    executor.run(one, &rows(0..1)).unwrap();
    executor.wait().unwrap();
    let begin = std::time::Instant::now();
    executor.run(one, &rows(0..4)).unwrap();
    executor.wait().unwrap();
    let seconds = begin.elapsed().as_secs_f64() / 4.0;
    let count = (1.0 / seconds).ceil().min(500.0) as usize;
    let long = products(&mut executor, 512, count.max(3));
    executor.submissions.add(long, Pace::new(count.max(3) + 1, 0.0));
    executor.take_metrics(true).unwrap();
    for row in 0..4 {
        executor.run(long, &rows(row..row + 1)).unwrap();
        executor.wait().unwrap();
        assert_eq!(executor.steps_at_once(long), 1);
        let parts = executor.submissions.pace(long).1;
        assert!(parts > 1, "{count} products of {seconds} s are {parts} parts");
    }
    let metrics = executor.take_metrics(true).unwrap();
    assert_eq!(metrics.len(), 4, "one row a step, whatever its parts");
    let bits = |row: &MetricRow| row.values[0].to_bits();
    assert!(metrics.iter().all(|row| bits(row) == bits(&metrics[0])), "{metrics:?}");
    assert!(metrics[0].values[0].is_finite());
}

#[test]
fn steps_in_parts_are_steps_in_one() {
    let mut executor = adapter();
    let plan = products(&mut executor, 33, 7);
    let mut seen = vec![];
    for parts in [1, 2, 3, 8] {
        executor.submit(plan, &rows(5..6), parts).unwrap();
        seen.extend(executor.take_metrics(true).unwrap());
    }
    assert_eq!(seen.len(), 4);
    assert!(seen.iter().all(|row| row.values == seen[0].values && row.scalars.row == 5));
}

/// What has begun may end, but what does not is waited for no longer.
#[test]
fn a_wish_to_end_does_not_break_off_what_answers() {
    let mut executor = adapter();
    let plan = products(&mut executor, 256, 20);
    executor.heed(Arc::new(AtomicBool::new(true)));
    executor.run(plan, &rows(0..2)).unwrap();
    assert_eq!(executor.take_metrics(true).unwrap().len(), 2);
}

/// Metal calls a submission done that its watchdog killed: what the host reads then is what lay there
/// before, and looks right.
#[test]
fn dropped_work_is_an_error_wherever_its_results_are_read() {
    let says_so = |error: Error| {
        let text = error.to_string();
        assert!(text.contains("the GPU dropped work"), "{text}");
        assert!(text.contains("smaller batch"), "{text}");
    };
    for read in 0..4 {
        let mut executor = adapter();
        let layout = StateLayout::default();
        executor.set_state(&State::initial(&layout, crate::rng::Seed(0), 0)).unwrap();
        let plan = products(&mut executor, 4, 3);
        executor.run(plan, &rows(0..3)).unwrap();
        assert_eq!(executor.take_metrics(true).unwrap().len(), 3);
        executor.device.drops.store(true, Ordering::Relaxed);
        // A readback has a token of its own.
        if read < 3 {
            executor.run(plan, &rows(3..4)).unwrap();
            executor.device.drops.store(false, Ordering::Relaxed);
        }
        match read {
            0 => says_so(executor.take_metrics(true).unwrap_err()),
            1 => says_so(executor.state().unwrap_err()),
            2 => says_so(executor.wait().unwrap_err()),
            _ => says_so(executor.run_operation(plan, 0, &StepScalars::default()).unwrap_err()),
        }
        // What it holds is worth nothing from then on.
        executor.device.drops.store(false, Ordering::Relaxed);
        says_so(executor.state().unwrap_err());
        says_so(executor.run(plan, &rows(4..5)).unwrap_err());
    }
}

#[test]
fn pixels_are_put_together_where_there_is_room_for_them() {
    let mut executor = adapter();
    let data = executor.add_data(3, 5).unwrap();
    assert!(executor.stage(DataId(9), 1).is_err() && executor.stage(data, 4).is_err());
    assert!(executor.stage(data, 0).unwrap().is_none());
    let mut stage = |images| executor.stage(data, images).unwrap().unwrap();
    let mut too_few = stage(2);
    too_few.push(&[1; 9]).unwrap();
    let error = too_few.send().unwrap_err().to_string();
    assert!(error.contains("10 bytes of pixels were to be sent, and 9 are there"), "{error}");
    let mut whole = stage(3);
    whole.push(&[1; 9]).unwrap();
    let error = whole.push(&[1; 7]).unwrap_err().to_string();
    assert!(error.contains("16 bytes of pixels do not fit where there is room for 15"), "{error}");
    whole.push(&[2; 6]).unwrap();
    whole.send().unwrap();
    // One may be dropped.
    drop(stage(1));
    executor.wait().unwrap();
    let much = executor.add_data(1 << 10, (1 << 18) + 1).unwrap();
    assert!(executor.stage(much, 1 << 10).unwrap().is_none());
    assert!(executor.stage(much, 1).unwrap().is_some());
}

/// A thread that fills a room knows nothing of a device that is lost meanwhile, of which others are told.
#[test]
fn a_device_may_be_lost_while_pixels_are_put_together() {
    let mut executor = adapter();
    let data = executor.add_data(1 << 10, 1 << 12).unwrap();
    let [mut first, mut second] = [(); 2].map(|()| executor.stage(data, 1 << 10).unwrap().unwrap());
    first.push(&[1; 1 << 21]).unwrap();
    executor.device.device.destroy();
    // With nothing under way, polling frees what the device held.
    let _ = executor.device.poll();
    let _ = executor.wait();
    first.push(&[2; 1 << 21]).unwrap();
    second.push(&[3; 1 << 22]).unwrap();
    first.send().unwrap();
    let error = executor.write_data(data, &[], &[1]).unwrap_err().to_string();
    assert!(error.contains("lost"), "{error}");
    drop(second);
    assert!(executor.stage(data, 1).is_err());
}
