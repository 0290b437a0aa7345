//! Sheets of pictures, and charts, of what they are handed.
//!
//! Charts come with the feature `cli`, since they bring a drawing library and a font along.

#[cfg(feature = "cli")]
mod charts;
mod colours;
mod filters;
mod images;
mod png;
mod sheet;

#[cfg(feature = "cli")]
pub use charts::{
    Curve, EpochLoss, Point, code_map, code_use, confusion, kl_bars, loss_curves, rate_curves,
};
pub use filters::filters;
pub use images::{compare, grid, reconstructions, sheet, sheet_size, standardised, strips};
pub use png::save_png;

#[cfg(test)]
mod tests;
