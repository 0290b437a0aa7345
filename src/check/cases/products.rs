//! Products of matrices: ragged tiles, terms in parts, operands as they lie and across, and what is fused into them.

use crate::check::case::{Case, Draft};
use crate::check::values::ANY;
use crate::error::Result;
use crate::ops::{self, Activation, Transpose};

pub(super) fn cases() -> Result<Vec<Case>> {
    let mut all = vec![];
    // Small; of one column; many terms, which go in parts; several tiles; few rows, whose tiles are wide.
    let sizes = [[5, 7, 3], [17, 33, 1], [9, 1500, 7], [130, 19, 70], [3, 20, 515], [70, 600, 66]];
    for (number, [m, k, n]) in sizes.into_iter().enumerate() {
        let transpose = Transpose { a: number % 2 == 1, b: number % 3 == 1 };
        let a = if transpose.a { [k, m] } else { [m, k] };
        let b = if transpose.b { [n, k] } else { [k, n] };
        let name = format!("product {m}x{k}x{n}");
        all.push(
            Draft::new(name, &[(&a, ANY), (&b, ANY)])
                .case(|graph, x| Ok(vec![ops::matmul_transposed(graph, x[0], x[1], transpose)?]))?,
        );
    }
    let batched = [(&[3, 9, 21][..], ANY), (&[3, 21, 6][..], ANY)];
    all.push(
        Draft::new("batch of products", &batched)
            .case(|graph, x| Ok(vec![ops::matmul(graph, x[0], x[1])?]))?,
    );
    for (batch, from, to) in [(13, 37, 21), (600, 22, 45)] {
        let inputs = [
            (&[batch, from][..], ANY),
            (&[to, from][..], ANY),
            (&[to][..], ANY),
            (&[5, to][..], ANY),
            (&[5][..], ANY),
        ];
        all.push(Draft::new(format!("dense layers of {batch} rows"), &inputs).case(
            |graph, x| {
                let transpose = Transpose { a: false, b: true };
                let y = ops::matmul_transposed(graph, x[0], x[1], transpose)?;
                let y = ops::bias(graph, y, x[2])?;
                let y = ops::activate(graph, y, Activation::Tanh)?;
                let z = ops::matmul_transposed(graph, y, x[3], transpose)?;
                Ok(vec![ops::bias(graph, z, x[4])?])
            },
        )?);
    }
    Ok(all)
}
