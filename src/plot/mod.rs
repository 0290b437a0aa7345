//! Charts, and sheets of pictures, of the numbers that they are handed.

mod bars;
mod chart;
mod code_map;
mod colours;
mod confusion;
mod filters;
mod images;
mod loss_curves;
mod png;
mod rate_curves;
mod sheet;

pub use bars::{code_use, kl_bars};
pub use code_map::code_map;
pub use confusion::confusion;
pub use filters::filters;
pub use images::{compare, grid, reconstructions, strips};
pub use loss_curves::{EpochLoss, loss_curves};
pub use png::save_png;
pub use rate_curves::{Curve, Point, rate_curves};

#[cfg(test)]
mod tests;
