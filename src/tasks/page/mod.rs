//! A trained model as a page: one file of HTML that runs in any browser with WebGPU, and trains on there.

mod adapters;
mod codes;
mod contents;
mod facts;
mod html;
mod modules;
mod training;

pub(crate) use adapters::add_plans;
pub use contents::PageOptions;
pub(crate) use html::{Page, page as html};
pub(crate) use modules::CHECK;
