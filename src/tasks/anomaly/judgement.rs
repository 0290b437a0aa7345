//! From scores to a verdict: the threshold, and how well scores tell anomalies from normal pictures.

/// The score above which a picture is flagged, from the scores of `held_out` normal pictures that
/// the model was not trained on.
///
/// Of n scores it is the `ceil((n + 1) (1 - rate))`-th smallest: then a further normal picture of
/// the same kind is flagged with a probability of at most `rate`, whatever the scores' distribution
/// (conformal anomaly detection: R. Laxhammar, 2014; V. Vovk et al., "Algorithmic learning in a
/// random world", 2005). Where n is below `1 / rate - 1` there is no such score; then it is the
/// greatest. `None` without scores.
pub fn threshold(held_out: &[f64], rate: f64) -> Option<f64> {
    let mut sorted = held_out.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = threshold_rank(sorted.len(), rate).min(sorted.len());
    sorted.get(rank.checked_sub(1)?).copied()
}

/// Which of the sorted scores, from 1, the threshold is; more than `count` where they are too few.
fn threshold_rank(count: usize, rate: f64) -> usize {
    // Rounding must not push a whole number, such as 20 * (1 - 0.05), to the next one.
    (((count + 1) as f64 * (1.0 - rate)) - 1e-9).ceil().max(1.0) as usize
}

/// Whether so many held-out pictures are enough for the threshold to keep its promise.
pub fn are_enough(count: usize, rate: f64) -> bool {
    threshold_rank(count, rate) <= count
}

/// The area under the ROC curve: the probability that an anomaly scores higher than a normal
/// picture, where equal scores count a half. It is Mann and Whitney's `U / (a n)`, computed from the
/// sum of the anomalies' ranks, equal scores sharing the mean of their ranks.
///
/// `anomalies` says of each score whether it is an anomaly's. `None` where there are not both kinds.
pub fn auroc(scores: &[f64], anomalies: &[bool]) -> Option<f64> {
    let mut ranked: Vec<(f64, bool)> =
        scores.iter().copied().zip(anomalies.iter().copied()).collect();
    ranked.sort_by(|a, b| a.0.total_cmp(&b.0));
    let positive = ranked.iter().filter(|(_, anomaly)| *anomaly).count() as f64;
    let negative = ranked.len() as f64 - positive;
    if positive == 0.0 || negative == 0.0 {
        return None;
    }
    let (mut rank_sum, mut before) = (0.0, 0);
    for equal in ranked.chunk_by(|a, b| a.0 == b.0) {
        // Ranks from `before + 1` to `before + equal.len()`.
        let mean_rank = before as f64 + (equal.len() + 1) as f64 / 2.0;
        rank_sum += mean_rank * equal.iter().filter(|(_, anomaly)| *anomaly).count() as f64;
        before += equal.len();
    }
    Some((rank_sum - positive * (positive + 1.0) / 2.0) / (positive * negative))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_threshold_is_the_conformal_quantile() {
        let scores: Vec<f64> = (1..=99).rev().map(f64::from).collect();
        // ceil(100 * 0.95) = 95.
        assert_eq!(threshold(&scores, 0.05), Some(95.0));
        assert_eq!(threshold(&scores, 0.5), Some(50.0));
        // 19 are just enough for 5 %: the greatest is above a new one 19 times of 20.
        assert!(are_enough(19, 0.05) && !are_enough(18, 0.05));
        assert_eq!(threshold(&scores[..19], 0.05), Some(99.0));
        assert_eq!(threshold(&[3.0, 4.0, 1.0], 0.05), Some(4.0));
        assert_eq!(threshold(&[3.0, 4.0, 1.0], 0.999), Some(1.0));
        assert_eq!(threshold(&[], 0.05), None);
    }

    #[test]
    fn areas_agree_with_those_counted_by_hand() {
        let area = |normal: &[f64], anomalies: &[f64]| {
            let scores = [normal, anomalies].concat();
            let is_anomaly: Vec<bool> = (0..scores.len()).map(|i| i >= normal.len()).collect();
            auroc(&scores, &is_anomaly)
        };
        assert_eq!(area(&[1.0, 2.0], &[3.0, 4.0]), Some(1.0));
        assert_eq!(area(&[3.0, 4.0], &[1.0, 2.0]), Some(0.0));
        assert_eq!(area(&[5.0; 4], &[5.0; 3]), Some(0.5));
        // scikit-learn's example: 0.35 beats 0.1 alone, 0.8 beats both of 0.1 and 0.4.
        assert_eq!(area(&[0.1, 0.4], &[0.35, 0.8]), Some(0.75));
        // Pairs won: 2 beats 1, ties 2 twice and loses to 3: 1 + 2/2; 3 beats 1, 2, 2 and ties 3:
        // 3 + 1/2. In all 5.5 of 8.
        assert_eq!(area(&[1.0, 2.0, 2.0, 3.0], &[2.0, 3.0]), Some(5.5 / 8.0));
        assert_eq!(area(&[-0.0], &[0.0]), Some(0.5));
        assert_eq!(area(&[1.0], &[]), None);
        assert_eq!(area(&[], &[1.0]), None);
    }

    #[test]
    fn the_area_is_the_share_of_pairs_won() {
        let scores: Vec<f64> = (0..60).map(|i| f64::from(i * i % 17)).collect();
        let anomalies: Vec<bool> = (0..60).map(|i| i % 3 == 0).collect();
        let (mut won, mut pairs) = (0.0, 0.0);
        for (a, _) in scores.iter().zip(&anomalies).filter(|(_, anomaly)| **anomaly) {
            for (b, _) in scores.iter().zip(&anomalies).filter(|(_, anomaly)| !**anomaly) {
                won += if a > b { 1.0 } else { f64::from(u8::from(a == b)) / 2.0 };
                pairs += 1.0;
            }
        }
        let area = auroc(&scores, &anomalies).expect("both kinds are there");
        assert!((area - won / pairs).abs() < 1e-12, "{area}");
    }
}
