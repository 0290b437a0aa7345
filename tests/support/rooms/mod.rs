//! Each operation at random shapes: sizes of 1, odd sizes, sizes that no tile divides. A room is a
//! function that gives a strategy for cases.

mod arithmetic;
mod corruption;
mod fusion;
mod images;
mod layout;
mod losses;
mod random;

pub use arithmetic::*;
pub use corruption::*;
pub use fusion::*;
pub use images::*;
pub use layout::*;
pub use losses::*;
pub use random::*;

use proptest::prelude::*;

/// Calls a macro with the names of all rooms.
#[macro_export]
macro_rules! for_each_room {
    ($with:ident) => {
        $with! {
            matmul, matmul_batched, matmul_fused, activation, unary, binary, broadcast, bias,
            reduce, long_sum, expand,
            conv2d, conv2d_same, conv2d_sliding, conv2d_fused, conv_transpose2d, conv_transpose2d_filling,
            conv_transpose2d_fused,
            max_pool2d, avg_pool2d, upsample2d, normalise, running_moments,
            reshape, detach, permute, concat, slice, pad, gather, argmin, top_k_mask, one_hot, gather_images,
            binary_cross_entropy, gaussian_nll, gaussian_kl, sparsity_kl, softmax,
            words, uniform_and_bernoulli, normal, dropout, reparameterise,
            corrupt, corrupted_batch, blur, jpeg, binarise, step_weight, chain, long_chain, chain_functions,
            rectified_pool, dense_layers, roofline
        }
    };
}

/// Sizes around those of tiles and vectors.
fn size() -> impl Strategy<Value = usize> {
    prop_oneof![1 => Just(1_usize), 4 => 2_usize..20, 2 => 20_usize..90]
}

fn small_shape() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(prop_oneof![Just(1_usize), 2_usize..9], 0..5)
}
