//! Random draws: the same on every device, as whole numbers to the bit.

use diabolo::ops::{self, RandomKind};
use diabolo::shape::Shape;
use proptest::prelude::*;

use super::super::case::{Case, tensor};
use super::super::compare::Tolerance;
use super::{size, small_shape};

/// Two draws of one graph, which must not be alike.
fn draws(name: &str, shape: Vec<usize>, kind: RandomKind) -> Case {
    Case::many(format!("{name} {shape:?}"), vec![], move |graph, _| {
        let mut draw = || ops::random(graph, Shape::new(shape.clone()), kind);
        Ok(vec![draw()?, draw()?])
    })
}

pub fn words() -> impl Strategy<Value = Case> {
    small_shape()
        .prop_map(|shape| draws("words", shape, RandomKind::Words).within(Tolerance::Exact))
}

pub fn uniform_and_bernoulli() -> impl Strategy<Value = Case> {
    (small_shape(), 0.0_f32..1.0, any::<bool>()).prop_map(|(shape, probability, uniform)| {
        if uniform {
            // Scaling rounds, so these agree to rounding only.
            return draws("uniform", shape, RandomKind::Uniform { low: -0.7, high: 1.9 });
        }
        draws("Bernoulli", shape, RandomKind::Bernoulli { probability }).within(Tolerance::Exact)
    })
}

pub fn normal() -> impl Strategy<Value = Case> {
    (small_shape(), size()).prop_map(|(mut shape, last)| {
        shape.push(last);
        draws("normal", shape, RandomKind::Normal { mean: 0.5, deviation: 1.5 })
    })
}

pub fn dropout() -> impl Strategy<Value = Case> {
    (small_shape(), 0.0_f32..0.95, any::<u64>()).prop_map(|(shape, probability, seed)| {
        let x = tensor(Shape::new(shape), seed, -1.0, 1.0);
        Case::new(format!("dropout {probability}"), vec![x], move |graph, x| {
            ops::dropout(graph, x[0], probability)
        })
        .squared()
        .twice()
    })
}

pub fn reparameterise() -> impl Strategy<Value = Case> {
    (small_shape(), any::<u64>()).prop_map(|(shape, seed)| {
        let mean = tensor(Shape::new(shape.clone()), seed, -2.0, 2.0);
        let log_variance = tensor(Shape::new(shape), seed ^ 1, -3.0, 3.0);
        Case::new("reparameterise", vec![mean, log_variance], |graph, x| {
            ops::reparameterise(graph, x[0], x[1])
        })
        .twice()
    })
}
