//! `diabolo restore`: pictures of any size without their noise, and with what they lack.

mod choice;
mod command;
mod options;
mod partners;
mod pixels;
mod progress;
mod restorer;

pub use command::restore;
pub use options::RestoreArgs;
