//! Pixels drawn as 0 or 1 by their brightness, as a binarised training sees them.

use rand::RngExt;

use crate::rng::{Philox, Seed, stream};

/// Draws pixels one after the other, the same for every model; or leaves them as they are.
pub(super) struct Drawn(Option<Philox>);

impl Drawn {
    /// Draws where a training is binarised.
    pub fn new(binarised: bool) -> Self {
        Self(binarised.then(|| Philox::new(Seed(0), stream::BINARISE)))
    }

    /// Draws the next pixels.
    pub fn draw(&mut self, pixels: &mut [f32]) {
        if let Some(random) = &mut self.0 {
            for value in pixels {
                *value = f32::from(u8::from(random.random::<f32>() < *value));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_are_bright_as_often_as_they_are_bright() {
        let grey = vec![0.25; 4000];
        let [mut first, mut next, mut same] = [grey.clone(), grey.clone(), grey.clone()];
        let mut drawn = Drawn::new(true);
        drawn.draw(&mut first);
        drawn.draw(&mut next);
        assert!(first.iter().all(|x| [0.0, 1.0].contains(x)) && first != next);
        let mean = first.iter().sum::<f32>() / 4000.0;
        assert!((mean - 0.25).abs() < 0.03, "{mean}");
        Drawn::new(false).draw(&mut same);
        assert_eq!(same, grey);
    }
}
