//! Every kernel of the crate.

use super::kernel::Kernel;
use crate::ops::batch::{corrupt, gather_images};
use crate::ops::elementwise::{activation, bias, binary, chain, roofline, unary};
use crate::ops::layout::{concat, gather, one_hot, pad, strided};
use crate::ops::loss::{gaussian_kl, gaussian_nll, sparsity_kl, step_weight};
use crate::ops::optimiser::{global_norm, record, shard_sum, step};
use crate::ops::product::matmul;
use crate::ops::random::{binarise, draws, dropout, reparameterise};
use crate::ops::reduction::{argmin, batch_norm, reduce, softmax, top_k_mask};
use crate::ops::window::{
    avg_pool2d, blur, conv_transpose2d, conv2d, conv2d_weight_gradient, convolution, jpeg,
    max_pool2d, max_pool2d_backward, upsample2d,
};

/// Every kernel of the crate, for tests that translate or validate them all; of those that a [`Chain`](crate::ops::Chain)
/// is written as, an example.
pub fn kernels() -> Vec<&'static Kernel> {
    let mut kernels = vec![
        activation::kernel(),
        argmin::kernel(),
        avg_pool2d::kernel(),
        batch_norm::kernel(),
        bias::kernel(),
        binarise::kernel(),
        binary::kernel(),
        blur::kernel(),
        jpeg::kernel(),
        chain::example(),
        concat::kernel(),
        corrupt::kernel(),
        dropout::kernel(),
        gather::kernel(),
        gather_images::kernel(),
        gaussian_kl::kernel(),
        gaussian_nll::kernel(),
        max_pool2d::kernel(),
        max_pool2d_backward::kernel(),
        one_hot::kernel(),
        pad::kernel(),
        draws::kernel(),
        global_norm::kernel(),
        record::kernel(),
        shard_sum::kernel(),
        step::kernel(),
        reduce::kernel(),
        reparameterise::kernel(),
        roofline::kernel(),
        softmax::kernel(),
        sparsity_kl::kernel(),
        step_weight::kernel(),
        strided::kernel(),
        top_k_mask::kernel(),
        unary::kernel(),
        upsample2d::kernel(),
    ];
    kernels.extend(convolution::kernels());
    kernels.extend(conv2d::kernels());
    kernels.extend(conv2d_weight_gradient::kernels());
    kernels.extend(conv_transpose2d::kernels());
    kernels.extend(matmul::kernels());
    kernels
}
