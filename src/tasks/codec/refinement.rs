//! Numbers of a code that suit one picture better than those that the encoder makes of it, as the decoder's slopes tell
//! (after Campos, Meierhans, Djelouah and Schroers, "Content adaptive optimization for neural image compression", 2019).

use super::coder::{Codec, Coded};
use super::integers::BIT;
use super::passes::Slopes;
use crate::error::Result;
use crate::tasks::raster::Raster;

/// The share of the way to what a round found that numbers go: each is found as if the others stayed.
const SHARE: f32 = 0.6;

impl Codec {
    /// The best of `coded`, which was made of these `numbers` of `picture` in steps, and of what so many rounds make of it.
    /// In each, a number goes to where the decoder would have had it, the others being as they were rounded.
    pub(super) fn refined(
        &mut self,
        picture: &Raster,
        mut numbers: Vec<f32>,
        mut coded: Coded,
        rounds: usize,
    ) -> Result<Coded> {
        let mut best = None;
        let mut curvature = None;
        for round in 0..=rounds {
            let Slopes { made, slopes } = self.slopes(picture, &coded.map)?;
            let whole = &coded.map.values;
            let bent = *curvature.get_or_insert_with(|| error_of_a_step(whole, &numbers, &slopes));
            let bits = 8.0 * coded.payload.len() as f64;
            let cost = picture.squared_error(&made) + f64::from(bent * BIT) * bits;
            for ((number, whole), slope) in numbers.iter_mut().zip(whole).zip(&slopes) {
                let wanted = *whole as f32 - slope / (2.0 * bent);
                *number += SHARE * (wanted - *number);
            }
            let is_best = best.as_ref().is_none_or(|(least, _)| cost < *least);
            let next = match round < rounds {
                true => self.coded_near(&numbers, coded.map.shape())?,
                false => coded.clone(),
            };
            let this = std::mem::replace(&mut coded, next);
            if is_best {
                best = Some((cost, this));
            }
        }
        Ok(best.map_or(coded, |(_, best)| best))
    }
}

/// The squared error that one step in one number makes: of an error that grows with the square of a miss, the slope at a
/// miss is twice the miss as often.
fn error_of_a_step(whole: &[i32], numbers: &[f32], slopes: &[f32]) -> f32 {
    let misses = whole.iter().zip(numbers).map(|(whole, number)| *whole as f32 - number);
    let (mut squares, mut products) = (0.0, 0.0);
    for (miss, slope) in misses.zip(slopes) {
        squares += f64::from(miss * miss);
        products += f64::from(miss * slope);
    }
    let error = products / (2.0 * squares);
    // Of a picture that is met exactly, nothing is known and nothing is to be done.
    if error > 0.0 && error.is_finite() { error as f32 } else { f32::MAX }
}
