//! `diabolo check`: whether an adapter computes what the processor does, and how fast it is; in this program, or as a
//! page for any browser.

mod bench;
mod case;
mod cases;
mod command;
mod outcome;
mod page;
mod part;
mod suite;
mod tolerance;
mod values;

pub use command::{CheckArgs, check};
pub use outcome::{Adapter, Outcome, Rates, Report, Timing};
pub use part::Part;
