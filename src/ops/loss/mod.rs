//! Terms of losses that are more than arithmetic.

pub(crate) mod gaussian_kl;
pub(crate) mod gaussian_nll;
pub(crate) mod sparsity_kl;
pub(crate) mod step_weight;

pub use gaussian_kl::{GaussianKl, gaussian_kl};
pub use gaussian_nll::{GaussianNll, gaussian_nll};
pub use sparsity_kl::{SparsityKl, sparsity_kl};
pub use step_weight::{StepWeight, step_weight};
