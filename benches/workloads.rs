//! Products, convolutions with and without their gradients, and training steps, on the CPU and on
//! every adapter. `cargo bench -- cpu/W1` runs those whose name contains the text.

use std::time::Duration;

use criterion::{Criterion, SamplingMode, criterion_group, criterion_main};
use diabolo::bench::workloads::Workload;
use diabolo::cpu::CpuExecutor;
use diabolo::gpu::{AdapterSummary, Adapters, GpuExecutor, GpuOptions};
use diabolo::graph::Executor;

/// Makes a device afresh, so that no workload pays for the memory of another.
type Open<'a> = Box<dyn Fn() -> Box<dyn Executor> + 'a>;

fn devices(adapters: &Adapters) -> Vec<(String, Open<'_>)> {
    let mut devices: Vec<(String, Open)> =
        vec![("cpu".into(), Box::new(|| Box::new(CpuExecutor::new())))];
    let usable = adapters.list().iter().enumerate();
    for (index, adapter) in usable.filter(|(_, adapter)| adapter.is_usable()) {
        let open = move || -> Box<dyn Executor> {
            let opened = GpuExecutor::open(adapters, index, GpuOptions::default());
            Box::new(opened.unwrap_or_else(|error| panic!("{adapter}: {error}")))
        };
        devices.push((label(index, adapter), Box::new(open)));
    }
    devices
}

/// A name without slashes, which separate the parts of a benchmark's name.
fn label(index: usize, adapter: &AdapterSummary) -> String {
    format!("{index} {adapter}").replace('/', " ")
}

fn workloads(criterion: &mut Criterion) {
    let adapters = Adapters::find();
    for (device, open) in devices(&adapters) {
        let mut group = criterion.benchmark_group(device);
        // Flat: as many steps a sample throughout, since on a software adapter a step takes seconds.
        group.sampling_mode(SamplingMode::Flat).sample_size(10);
        group.warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(3));
        for workload in Workload::all().expect("the workloads' models are right") {
            // Loaded only if the benchmark is chosen: compiling a model's kernels takes a while.
            let mut loaded = None;
            group.bench_function(&workload.name, |bencher| {
                let (executor, step) = loaded.get_or_insert_with(|| {
                    let mut executor = open();
                    let step = workload.load(executor.as_mut());
                    let step = step.unwrap_or_else(|error| panic!("{}: {error}", workload.name));
                    (executor, step)
                });
                bencher.iter_custom(|count| {
                    let run = step.run(executor.as_mut(), count as usize);
                    Duration::from_secs_f64(run.unwrap_or_else(|error| panic!("{error}")))
                });
            });
        }
        group.finish();
    }
}

criterion_group!(benches, workloads);
criterion_main!(benches);
