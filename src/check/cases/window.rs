//! Convolutions, pooling and resizing.

use crate::check::case::{Case, Draft};
use crate::check::values::{ANY, Values};
use crate::error::Result;
use crate::ops::{self, Activation, Amount, ConvGeometry, Corruption, CorruptionKind, Upsampling};

pub(super) fn cases() -> Result<Vec<Case>> {
    let mut all = vec![];
    let same = ConvGeometry::symmetric([3, 3], [1, 1], [1, 1]);
    let ragged = ConvGeometry {
        kernel: [3, 2],
        stride: [2, 1],
        padding: [[1, 0], [2, 1]],
        dilation: [1, 2],
    };
    let halving = ConvGeometry::symmetric([2, 2], [2, 2], [0, 0]);
    let wide = ConvGeometry::symmetric([5, 5], [1, 1], [2, 2]);
    // Few channels, which go without tiles; whole vectors of windows; many channels; strides and dilation; terms in parts.
    for (name, geometry, [n, from, to], [height, width]) in [
        ("few channels", same, [2, 1, 3], [9, 7]),
        ("whole vectors", wide, [2, 3, 4], [6, 8]),
        ("many channels", same, [2, 9, 34], [7, 5]),
        ("ragged windows", ragged, [3, 5, 6], [8, 9]),
        ("halved sides", halving, [2, 6, 10], [12, 10]),
        ("many terms", same, [3, 33, 8], [13, 11]),
    ] {
        let [kh, kw] = geometry.kernel;
        let x = [n, from, height, width];
        let inputs = [(&x[..], ANY), (&[to, from, kh, kw][..], ANY)];
        all.push(
            Draft::new(format!("convolution of {name}"), &inputs)
                .case(|graph, x| Ok(vec![ops::conv2d(graph, x[0], x[1], geometry)?]))?,
        );
        let inputs = [(&x[..], ANY), (&[from, to, kh, kw][..], ANY)];
        all.push(Draft::new(format!("transposed convolution of {name}"), &inputs).case(
            |graph, x| Ok(vec![ops::conv_transpose2d(graph, x[0], x[1], geometry, [0; 2])?]),
        )?);
    }
    let layer = [(&[2, 5, 8, 6][..], ANY), (&[9, 5, 3, 3][..], ANY), (&[9][..], ANY)];
    all.push(Draft::new("a layer of convolutions", &layer).case(|graph, x| {
        let y = ops::conv2d(graph, x[0], x[1], same)?;
        let y = ops::bias(graph, y, x[2])?;
        let y = ops::activate(graph, y, Activation::Relu)?;
        Ok(vec![ops::max_pool2d(graph, y, halving)?])
    })?);
    all.extend(pooling()?);
    Ok(all)
}

fn pooling() -> Result<Vec<Case>> {
    let mut all = vec![];
    let shape = &[2, 3, 9, 7];
    let halving = ConvGeometry::symmetric([2, 2], [2, 2], [0, 0]);
    let overlapping = ConvGeometry::symmetric([3, 3], [2, 2], [1, 1]);
    for (name, geometry) in [("halving", halving), ("overlapping", overlapping)] {
        let maxima = Draft::new(format!("maxima of {name} windows"), &[(shape, Values::Apart)]);
        all.push(maxima.case(|graph, x| Ok(vec![ops::max_pool2d(graph, x[0], geometry)?]))?);
        let means = Draft::new(format!("means of {name} windows"), &[(shape, ANY)]);
        all.push(means.case(|graph, x| Ok(vec![ops::avg_pool2d(graph, x[0], geometry)?]))?);
    }
    for kind in [Upsampling::Nearest, Upsampling::Bilinear] {
        for to in [[18, 14], [5, 10]] {
            let [height, width] = to;
            let name = format!("{kind:?} resizing to {height}x{width}");
            let draft = Draft::new(name, &[(shape, ANY)]);
            all.push(draft.case(|graph, x| Ok(vec![ops::upsample2d(graph, x[0], to, kind)?]))?);
        }
    }
    for deviation in [Amount::from(0.8), Amount::from([0.2, 2.5])] {
        let blur = Corruption::new(CorruptionKind::Blur, deviation);
        let draft = Draft::new(format!("noise {blur}"), &[(shape, ANY)]).differentiable(0);
        all.push(draft.case(|graph, x| Ok(vec![ops::corrupt(graph, x[0], blur)?]))?);
    }
    Ok(all)
}
