//! Random draws: as whole numbers the same to the bit.

use crate::arithmetic::byte::SHARE;
use crate::check::case::{Case, Draft};
use crate::check::tolerance::Tolerance;
use crate::check::values::{ANY, Values};
use crate::error::Result;
use crate::ops::{self, Corruption, CorruptionKind, RandomKind};
use crate::shape::Shape;

pub(super) fn cases() -> Result<Vec<Case>> {
    let mut all = vec![];
    let kinds = [
        ("uniform numbers", RandomKind::Uniform { low: -0.7, high: 1.9 }, Tolerance::Elementwise),
        ("coins", RandomKind::Bernoulli { probability: 0.3 }, Tolerance::Exact),
        (
            "normal numbers",
            RandomKind::Normal { mean: 0.5, deviation: 1.5 },
            Tolerance::Elementwise,
        ),
    ];
    for (name, kind, tolerance) in kinds {
        all.push(Draft::new(name, &[]).differentiable(0).within(tolerance).case(|graph, _| {
            let mut draw = || ops::random(graph, Shape::from([5, 77]), kind);
            Ok(vec![draw()?, draw()?])
        })?);
    }
    let shape = &[3, 2, 9, 7];
    let unit = Values::Between { low: 0.0, high: 1.0 };
    for (corruption, tolerance) in [
        ("gaussian:0.3", Tolerance::Elementwise),
        ("gaussian:0.1-0.4", Tolerance::Elementwise),
        ("camera:0.2", Tolerance::Elementwise),
        ("camera:0.05-0.3", Tolerance::Elementwise),
        ("salt-pepper:0.2", Tolerance::Exact),
        ("salt-pepper:0.1-0.6", Tolerance::Exact),
        ("mask:0.3", Tolerance::Exact),
        ("mask:0.1-0.9", Tolerance::Exact),
        ("rectangles:0.25", Tolerance::Exact),
        ("haze:0.6", Tolerance::Elementwise),
        ("haze:0.2-0.9", Tolerance::Elementwise),
    ] {
        let corruption: Corruption = corruption.parse()?;
        let draft = Draft::new(format!("noise {corruption}"), &[(shape, unit)]);
        all.push(
            draft
                .differentiable(0)
                .within(tolerance)
                .case(|graph, x| Ok(vec![ops::corrupt(graph, x[0], corruption)?]))?,
        );
    }
    let jpeg = Corruption::new(CorruptionKind::Jpeg, [5.0, 80.0]);
    for channels in [2, 3] {
        // Of bytes: between two of them, an adapter's rounding decides, and then each bit of a block.
        let shape = [3, channels, 11, 19];
        let bytes = [(&shape[..], Values::Whole { below: 256 })];
        let draft = Draft::new(format!("noise {jpeg} of {channels} channels"), &bytes);
        all.push(draft.differentiable(0).within(Tolerance::Exact).case(|graph, x| {
            let images = ops::affine(graph, x[0], SHARE, 0.0)?;
            Ok(vec![ops::corrupt(graph, images, jpeg)?])
        })?);
    }
    let near = |name: &str, count: usize| {
        Draft::new(name, &vec![(&shape[..], ANY); count]).within(Tolerance::Elementwise)
    };
    all.push(near("dropout", 1).case(|graph, x| Ok(vec![ops::dropout(graph, x[0], 0.4)?]))?);
    all.push(
        near("a code drawn", 2)
            .case(|graph, x| Ok(vec![ops::reparameterise(graph, x[0], x[1])?]))?,
    );
    all.push(
        Draft::new("pixels drawn as 0 or 1", &[(shape, unit)])
            .differentiable(0)
            .within(Tolerance::Exact)
            .case(|graph, x| Ok(vec![ops::binarise(graph, x[0])?]))?,
    );
    Ok(all)
}
