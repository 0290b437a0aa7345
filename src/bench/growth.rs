//! How the time of a step grows with the batch.

use std::collections::BTreeSet;

use super::table::Row;

/// The line `fixed + each * images` that is nearest to times of steps, by the squares of the relative
/// errors, so that small batches count as much as large ones.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Line {
    fixed: f64,
    each: f64,
    /// The largest relative error.
    farthest: f64,
}

impl Line {
    /// Through points of images and milliseconds at three batch sizes or more, for any two lie on a
    /// line.
    fn through(points: &[(f64, f64)]) -> Option<Self> {
        let sizes: BTreeSet<u64> = points.iter().map(|(images, _)| *images as u64).collect();
        if sizes.len() < 3 {
            return None;
        }
        // With weights w = 1 / time^2, the normal equations of a + b n.
        let sum = |of: &dyn Fn(f64, f64) -> f64| -> f64 {
            points.iter().map(|(images, time)| of(*images, *time) / (time * time)).sum()
        };
        let (w, wn, wnn) = (sum(&|_, _| 1.0), sum(&|n, _| n), sum(&|n, _| n * n));
        let (wt, wnt) = (sum(&|_, t| t), sum(&|n, t| n * t));
        let determinant = w * wnn - wn * wn;
        let each = (w * wnt - wn * wt) / determinant;
        let fixed = (wt * wnn - wnt * wn) / determinant;
        let error = |(images, time): &(f64, f64)| ((fixed + each * images) / time - 1.0).abs();
        let farthest = points.iter().map(error).fold(0.0, f64::max);
        Some(Self { fixed, each, farthest })
    }
}

/// A sentence for each workload and device that was measured at three batch sizes or more.
pub(super) fn growth(rows: &[Row]) -> Vec<String> {
    let mut series: Vec<(String, Vec<(f64, f64)>)> = vec![];
    for row in rows {
        let Some((workload, images)) = row.name.split_once('@') else { continue };
        let Ok(images) = images.parse::<f64>() else { continue };
        let name = format!("{workload} on {}", row.device);
        let point = (images, row.median_ms);
        match series.iter_mut().find(|(known, _)| *known == name) {
            Some((_, points)) => points.push(point),
            None => series.push((name, vec![point])),
        }
    }
    let sentence = |(name, points): &(String, Vec<(f64, f64)>)| {
        let Line { fixed, each, farthest } = Line::through(points)?;
        Some(format!(
            "{name}: {fixed:.3} ms and {each:.4} ms an image, which all batches are within {:.0}% of",
            100.0 * farthest
        ))
    };
    series.iter().filter_map(sentence).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_on_a_line_give_it_back() {
        let points = [32.0, 64.0, 512.0].map(|images| (images, 0.5 + 0.25 * images));
        let line = Line::through(&points).unwrap();
        assert!((line.fixed - 0.5).abs() < 1e-9 && (line.each - 0.25).abs() < 1e-9, "{line:?}");
        assert!(line.farthest < 1e-9, "{line:?}");
    }

    #[test]
    fn a_point_off_the_line_is_found() {
        let points = [(32.0, 32.0), (64.0, 64.0), (128.0, 128.0), (256.0, 512.0)];
        let line = Line::through(&points).unwrap();
        assert!(line.farthest > 0.2, "{line:?}");
    }

    #[test]
    fn one_batch_size_is_no_line() {
        assert_eq!(Line::through(&[(32.0, 1.0), (32.0, 1.1), (32.0, 1.2)]), None);
        assert_eq!(Line::through(&[(32.0, 1.0), (64.0, 2.0)]), None);
    }
}
