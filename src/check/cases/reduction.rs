//! Sums, maxima, places, softmax, normalisation by batches.

use crate::check::case::{Case, Draft};
use crate::check::tolerance::Tolerance;
use crate::check::values::{ANY, Values};
use crate::error::Result;
use crate::ops::{self, Builder, NodeId, ReduceKind};
use crate::shape::Shape;

type Unary = fn(&mut dyn Builder, NodeId) -> Result<NodeId>;

pub(super) fn cases() -> Result<Vec<Case>> {
    let mut all = vec![];
    for kind in [ReduceKind::Sum, ReduceKind::Mean, ReduceKind::Max] {
        // Along the first axis, in the middle, along the last, and over so many that it takes two passes.
        let sizes: [(&[usize], &[usize]); 4] =
            [(&[11, 6], &[0]), (&[3, 9, 5], &[1]), (&[4, 3, 37], &[0, 2]), (&[2, 5003], &[1])];
        for (shape, axes) in sizes {
            let name = format!("{kind:?} of {} over axis {axes:?}", Shape::from(shape));
            let draft = Draft::new(name, &[(shape, Values::Apart)]);
            all.push(draft.case(|graph, x| Ok(vec![ops::reduce(graph, x[0], kind, axes)?]))?);
        }
    }
    let softmaxes: [(&str, Unary); 3] = [
        ("softmax", ops::softmax),
        ("logarithm of a softmax", ops::log_softmax),
        ("logarithm of a sum of powers", ops::log_sum_exp),
    ];
    for (name, build) in softmaxes {
        for (rows, columns) in [(5, 37), (3, 300)] {
            let wide = Values::Between { low: -8.0, high: 8.0 };
            let draft = Draft::new(format!("{name} of {columns}"), &[(&[rows, columns], wide)]);
            all.push(draft.case(|graph, x| Ok(vec![build(graph, x[0])?]))?);
        }
    }
    all.push(
        Draft::new("places of extremes", &[(&[7, 45], Values::Apart)])
            .differentiable(0)
            .within(Tolerance::Exact)
            .case(|graph, x| Ok(vec![ops::argmin(graph, x[0])?, ops::argmax(graph, x[0])?]))?,
    );
    for columns in [45, 400] {
        let draft = Draft::new(format!("top 9 of {columns}"), &[(&[3, columns], Values::Apart)]);
        all.push(draft.within(Tolerance::Exact).case(|graph, x| {
            let mask = ops::top_k_mask(graph, x[0], 9)?;
            Ok(vec![ops::mul(graph, x[0], mask)?, mask])
        })?);
    }
    let positive = Values::Between { low: 0.5, high: 2.0 };
    for shape in [&[6, 5][..], &[3, 6, 7, 5][..]] {
        let inputs = [(shape, ANY), (&shape[1..2], positive), (&shape[1..2], ANY)];
        let draft = Draft::new(format!("normalisation of {}", Shape::from(shape)), &inputs);
        all.push(draft.case(|graph, x| {
            let (mean, variance) = ops::moments(graph, x[0])?;
            Ok(vec![ops::normalise(graph, x[0], [mean, variance], x[1], x[2], 1e-2)?])
        })?);
    }
    Ok(all)
}
