//! Plans on the processor: the same schedule as on a GPU, over ordinary memory.

mod executor;
mod log;
mod memory;
mod outputs;

pub use executor::CpuExecutor;
