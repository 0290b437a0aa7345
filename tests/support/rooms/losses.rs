//! Losses and what they are made of.

use diabolo::ops;
use diabolo::shape::Shape;
use proptest::prelude::*;

use super::super::case::{Case, tensor};
use super::super::compare::Tolerance;
use super::small_shape;

pub fn binary_cross_entropy() -> impl Strategy<Value = Case> {
    (small_shape(), any::<u64>()).prop_map(|(shape, seed)| {
        let logits = tensor(Shape::new(shape.clone()), seed, -9.0, 9.0);
        let targets = tensor(Shape::new(shape), seed ^ 1, 0.0, 1.0);
        Case::new("binary cross-entropy", vec![logits, targets], |graph, x| {
            ops::binary_cross_entropy(graph, x[0], x[1])
        })
        .twice()
    })
}

pub fn gaussian_nll() -> impl Strategy<Value = Case> {
    (small_shape(), any::<u64>()).prop_map(|(shape, seed)| {
        let mean = tensor(Shape::new(shape.clone()), seed, -1.0, 1.0);
        let log_variance = tensor(Shape::new(shape.clone()), seed ^ 1, -2.0, 2.0);
        let target = tensor(Shape::new(shape), seed ^ 2, -1.0, 1.0);
        Case::new("gaussian_nll", vec![mean, log_variance, target], |graph, x| {
            ops::gaussian_nll(graph, x[0], x[1], x[2])
        })
        .twice()
    })
}

pub fn gaussian_kl() -> impl Strategy<Value = Case> {
    (small_shape(), any::<u64>()).prop_map(|(shape, seed)| {
        let mean = tensor(Shape::new(shape.clone()), seed, -2.0, 2.0);
        let log_variance = tensor(Shape::new(shape), seed ^ 1, -3.0, 3.0);
        Case::new("gaussian_kl", vec![mean, log_variance], |graph, x| {
            ops::gaussian_kl(graph, x[0], x[1])
        })
        .twice()
    })
}

pub fn sparsity_kl() -> impl Strategy<Value = Case> {
    (small_shape(), 0.02_f32..0.9, any::<u64>()).prop_map(|(shape, rho, seed)| {
        let p = tensor(Shape::new(shape), seed, 0.05, 0.95);
        Case::new(format!("sparsity_kl to {rho}"), vec![p], move |graph, x| {
            ops::sparsity_kl(graph, x[0], rho)
        })
        .twice()
    })
}

pub fn softmax() -> impl Strategy<Value = Case> {
    let rest = prop::collection::vec(1_usize..7, 0..3);
    let last = prop_oneof![Just(1_usize), 2_usize..70, 200_usize..700];
    (rest, last, 0_usize..3, any::<u64>()).prop_map(|(rest, last, kind, seed)| {
        let x = tensor(Shape::new([&rest[..], &[last]].concat()), seed, -8.0, 8.0);
        let (name, build) = [
            ("softmax", ops::softmax as fn(&mut dyn ops::Builder, ops::NodeId) -> _),
            ("log_softmax", ops::log_softmax),
            ("log_sum_exp", ops::log_sum_exp),
        ][kind];
        Case::new(name, vec![x], move |graph, x| build(graph, x[0])).within(Tolerance::Sums).twice()
    })
}
