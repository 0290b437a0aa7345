//! A step on the CPU takes no memory from the system once it has run a few times, but for what the
//! library of matrix products packs its operands into: that is counted apart, product by product.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use diabolo::cpu::CpuExecutor;
use diabolo::graph::{Executor, Graph, Plan, PlanId, PlanRequest, State, Step};
use diabolo::ops::{Builder, Op, StepScalars};
use diabolo::rng::Seed;
use diabolo::workloads::Workload;

struct Counting;

static COUNT: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller keeps to the contract of this very function.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps to the contract of this very function.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        COUNT.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller keeps to the contract of this very function.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Allocations of `steps` steps, after as many for warm-up.
fn allocations(executor: &mut CpuExecutor, plan: PlanId, steps: u32) -> usize {
    let scalars: Vec<_> = (0..steps)
        .map(|row| StepScalars { row, corrections: [1.0; 4], ..Default::default() })
        .collect();
    for _ in 0..2 {
        executor.run(plan, &scalars).unwrap();
        executor.take_metrics(true).unwrap();
    }
    let before = COUNT.load(Ordering::Relaxed);
    executor.run(plan, &scalars).unwrap();
    COUNT.load(Ordering::Relaxed) - before
}

/// What the products of one step allocate, each run alone.
fn of_product(step: &Step) -> usize {
    let mut graph = Graph::new();
    let inputs = step.shapes.inputs.iter().enumerate();
    let inputs: Vec<_> =
        inputs.map(|(number, shape)| graph.input(&number.to_string(), shape.clone())).collect();
    let op: Arc<dyn Op> = match step.op.variants(&step.shapes) {
        Some(variants) => variants.plain,
        None => return 0,
    };
    let y = graph.apply(op, &inputs[..2]).unwrap();
    let layout = graph.layout();
    let outputs = vec![("y".into(), y)];
    let request = PlanRequest { outputs, ..PlanRequest::new(&graph, &layout, None) };
    let mut executor = CpuExecutor::new();
    executor.set_state(&State::initial(&layout, Seed(0), 0)).unwrap();
    let plan = executor.add_plan(Plan::new(&request).unwrap(), None).unwrap();
    allocations(&mut executor, plan, 4)
}

#[test]
fn a_step_allocates_nothing_but_what_its_products_pack() {
    // One thread, since which thread takes which part of the work is not the same at each step.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    pool.install(|| {
        let names = ["W1", "W3", "W4", "W5", "W3infer", "adam_1M"].map(String::from);
        for workload in Workload::named(&names, &[8]).unwrap() {
            let mut executor = CpuExecutor::new();
            let loaded = workload.load(&mut executor).unwrap();
            let steps = allocations(&mut executor, loaded.plan(), 4);
            let products: usize = loaded.costs.steps.iter().map(|(step, _)| of_product(step)).sum();
            assert_eq!(steps, products, "{}: in four steps, and its products alone", workload.name);
        }
    });
}
