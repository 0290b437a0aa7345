//! Telling whether images are those of another time.

use md5::digest::Output;
use md5::{Digest, Md5};
use rayon::prelude::*;

use super::dataset::{Dataset, Images};
use crate::error::Result;
use crate::shape::Element;

/// Bytes that are digested at a time, side by side with others.
const PIECE: usize = 4 << 20;

impl Dataset {
    /// A digest of every pixel, label and size: two datasets that differ in anything that training
    /// reads have different ones.
    ///
    /// # Errors
    /// When pixels that are not in memory cannot be read.
    pub fn digest(&self) -> Result<String> {
        let mut whole = Md5::new();
        let sizes = [self.shape.channels, self.shape.height, self.shape.width];
        whole.update(format!("{sizes:?} {} {}", self.masked, self.classes.len()));
        if self.element == Element::Number {
            whole.update(" numbers");
        }
        if self.paired {
            whole.update(" paired");
        }
        for images in [&self.train, &self.test] {
            whole.update(format!(" {} ", images.count));
            for piece in pieces(images)? {
                whole.update(piece);
            }
            let labels: &[u32] = images.labels.as_deref().unwrap_or(&[]);
            for piece in bytemuck::cast_slice::<u32, u8>(labels).chunks(PIECE) {
                whole.update(Md5::digest(piece));
            }
        }
        Ok(whole.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

/// The digests of the pieces that the pixels of images are, one after the other.
fn pieces(images: &Images) -> Result<Vec<Output<Md5>>> {
    let (each, all) = (images.image_bytes().max(1), images.image_bytes() * images.count);
    let digest = |start: usize| {
        let end = all.min(start + PIECE);
        // Images that the piece has parts of.
        let first = start / each;
        let pixels = images.part(first..end.div_ceil(each))?;
        Ok(Md5::digest(&pixels[start - first * each..end - first * each]))
    };
    (0..all.div_ceil(PIECE)).into_par_iter().map(|piece| digest(piece * PIECE)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::load_options::LoadOptions;
    use crate::data::source::Source;

    #[test]
    fn whatever_training_reads_changes_the_digest() {
        let dataset = Dataset::load(&Source::Digits, &LoadOptions::default()).expect("embedded");
        let digest = dataset.digest().expect("in memory");
        assert_eq!(digest, dataset.clone().digest().expect("in memory"));
        let changes: [fn(&mut Dataset); 5] = [
            |dataset| dataset.paired = true,
            |dataset| dataset.train.pixels[7] ^= 1,
            |dataset| dataset.test.pixels[7] ^= 1,
            |dataset| dataset.train.labels = None,
            |dataset| std::mem::swap(&mut dataset.train, &mut dataset.test),
        ];
        for change in changes {
            let mut other = dataset.clone();
            change(&mut other);
            assert_ne!(digest, other.digest().expect("in memory"));
        }
    }
}
