//! Sums, greatest ones and ranks along axes, and what is normalised by them.

pub(crate) mod argmin;
pub(crate) mod batch_norm;
pub(crate) mod reduce;
pub(crate) mod softmax;
pub(crate) mod top_k_mask;

pub use argmin::{Argmin, argmax, argmin};
pub use batch_norm::{Normalise, moments, normalise, running_moments};
pub use reduce::{Reduce, ReduceKind, mean_all, reduce, sum_all};
pub use softmax::{Softmax, SoftmaxKind, log_softmax, log_sum_exp, softmax};
pub use top_k_mask::{TopKMask, scheduled_top_k_mask, top_k_mask};
