//! Pictures of a run: images side by side, a first layer's kernels, and charts of codes.

mod bars;
mod code_map;
mod colours;
mod confusion;
mod filters;
mod images;
mod png;
mod sheet;

pub use bars::{code_use, kl_bars};
pub use code_map::code_map;
pub use confusion::confusion;
pub use filters::filters;
pub use images::{compare, grid, reconstructions, strips};
pub use png::save_png;

#[cfg(test)]
mod tests;
