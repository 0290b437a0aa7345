//! Anomalies: pictures unlike the normal ones that a model was trained on.
//!
//! An autoencoder that has seen normal pictures alone reconstructs them well and others badly; a
//! variational one finds others improbable. Normal pictures that it was not trained on say which
//! score is still usual.

mod heat_map;
mod judgement;
mod pixel_area;
mod score;
mod verdict;

pub use heat_map::{error_map, error_map_by, overlay};
pub use judgement::{are_enough, auroc, threshold};
pub use pixel_area::PixelArea;
pub use score::Score;
pub use verdict::{Known, Verdict};
