//! Matrix products on the processor, without allocations.
//!
//! `out[m, n] = sum over k of a[m, k] b[k, n]`, in tiles of 8 rows by 48 columns whose sums stay in
//! registers over 256 terms. Rows of `a` and of `b` are read where they lie; only what lies crosswise,
//! or on addresses that a cache cannot hold together, is packed first. Each sum adds up its terms in
//! the order of `k` whatever the number of threads, so results are the same bits.

mod multiply;
mod operand;
mod pack;
mod tile;

pub use multiply::{Threads, accumulate, product};
pub use operand::Operand;
pub use pack::crosswise;
