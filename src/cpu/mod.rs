//! Plans on the processor: the same schedule as on a GPU, over ordinary memory.

mod executor;

pub use executor::CpuExecutor;
