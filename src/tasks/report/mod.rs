//! A run as one page: curves, numbers, options and pictures, in a file that needs no other.

mod contents;
mod curves;
mod measures;
mod page;

pub use page::{html, html_beside};
