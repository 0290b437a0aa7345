//! A step on the CPU takes no memory from the system once it has run a few times.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use diabolo::bench::workloads::Workload;
use diabolo::cpu::CpuExecutor;
use diabolo::graph::{Executor, PlanId};
use diabolo::ops::StepScalars;
use diabolo::train::Precision;

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

#[test]
fn a_step_allocates_nothing() {
    // One thread, since which thread takes which part of the work is not the same at each step.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    pool.install(|| {
        let names = ["W1", "W3", "W4", "W5", "W6", "W3infer", "adam_1M", "M1"].map(String::from);
        for workload in Workload::named(&names, &[8], Precision::F32).unwrap() {
            let mut executor = CpuExecutor::new();
            let loaded = workload.load(&mut executor).unwrap();
            let count = allocations(&mut executor, loaded.plan(), 4);
            assert_eq!(count, 0, "{}: allocations in four steps", workload.name);
        }
    });
}
