//! `diabolo restore`: pictures of any size without their noise, and with what they lack.

mod command;
mod partners;
mod pixels;

pub use command::{RestoreArgs, restore};
