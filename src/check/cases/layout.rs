//! What moves numbers about.

use crate::check::case::{Case, Draft};
use crate::check::tolerance::Tolerance;
use crate::check::values::{ANY, Values};
use crate::error::Result;
use crate::ops;
use crate::shape::Shape;

pub(super) fn cases() -> Result<Vec<Case>> {
    let moved =
        |name: &str, shape: &[usize]| Draft::new(name, &[(shape, ANY)]).within(Tolerance::Exact);
    let whole = |below| Values::Whole { below };
    let mut all = vec![
        moved("permutation", &[3, 5, 2, 7])
            .case(|graph, x| Ok(vec![ops::permute(graph, x[0], &[2, 0, 3, 1])?]))?,
        moved("slice", &[5, 9, 4])
            .case(|graph, x| Ok(vec![ops::slice(graph, x[0], &[1, 2, 0], &[4, 9, 3])?]))?,
        moved("padding", &[3, 4, 5])
            .case(|graph, x| Ok(vec![ops::pad(graph, x[0], &[1, 0, 2], &[0, 3, 1], 1.5)?]))?,
        Draft::new("expansion", &[(&[5, 1, 3], ANY)])
            .case(|graph, x| Ok(vec![ops::expand(graph, x[0], &Shape::from([2, 5, 7, 3]))?]))?,
    ];
    let parts: Vec<[usize; 3]> = (1..8).map(|part| [3, part, 4]).collect();
    let parts: Vec<_> = parts.iter().map(|shape| (&shape[..], ANY)).collect();
    all.push(
        Draft::new("concatenation", &parts)
            .within(Tolerance::Exact)
            .case(|graph, x| Ok(vec![ops::concat(graph, x, 1)?]))?,
    );
    all.push(
        Draft::new("gathered rows", &[(&[9, 13], ANY), (&[31], whole(9))])
            .differentiable(1)
            .case(|graph, x| Ok(vec![ops::gather(graph, x[0], x[1])?]))?,
    );
    all.push(
        Draft::new("classes", &[(&[23], whole(8))])
            .differentiable(0)
            .within(Tolerance::Exact)
            .case(|graph, x| Ok(vec![ops::one_hot(graph, x[0], 7)?]))?,
    );
    Ok(all)
}
