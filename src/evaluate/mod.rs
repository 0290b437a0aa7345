//! What is measured: of models under way, of finished ones, of pictures and of codes.

mod assessment;
mod classifier;
mod code_statistics;
mod drawn;
mod evaluation;
mod examples;
mod orthonormal;
mod principal;
mod projection;
mod restoration;
pub mod trouble;
mod yardstick;

pub use assessment::{Assessment, Subject};
pub use classifier::{Classifier, TrainedClassifier};
pub(crate) use evaluation::WeightedMean;
pub use evaluation::{Evaluation, decibels};
pub use examples::Examples;
pub use principal::Principal;
pub use projection::{Projection, principal_components};
pub use restoration::{median3x3, psnr};
pub use trouble::{Finding, Trouble};
pub use yardstick::{Yardstick, mean_image_mse};
