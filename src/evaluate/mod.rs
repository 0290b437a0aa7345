//! What is measured: of models under way, of finished ones, of pictures and of codes.

mod assessment;
mod classifier;
mod code_statistics;
mod convolutions;
mod coverage;
mod drawn;
mod evaluation;
mod examples;
mod frechet;
mod nearest;
mod orthonormal;
mod principal;
mod projection;
mod restoration;
mod similarity;
pub mod trouble;
mod yardstick;

pub use assessment::{Assessment, Subject};
pub use classifier::{Classifier, TrainedClassifier};
pub use convolutions::Convolutions;
pub use coverage::{Coverage, coverage};
pub(crate) use evaluation::WeightedMean;
pub use evaluation::{Evaluation, decibels};
pub use examples::Examples;
pub use frechet::frechet_distance;
pub use nearest::nearest_distance;
pub use principal::Principal;
pub use projection::{Projection, principal_components};
pub use restoration::{median3x3, psnr};
pub use similarity::multi_scale_similarity;
pub use trouble::{Finding, Trouble};
pub use yardstick::{Yardstick, mean_image_mse};
