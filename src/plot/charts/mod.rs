//! Charts: curves, bars, maps of codes. They have letters, and so need a font.

mod bars;
mod chart;
mod code_map;
mod confusion;
mod loss_curves;
mod rate_curves;

pub use bars::{code_use, kl_bars};
pub use code_map::code_map;
pub use confusion::confusion;
pub use loss_curves::{EpochLoss, loss_curves};
pub use rate_curves::{Curve, Point, rate_curves};
