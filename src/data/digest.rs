//! Telling whether images are those of another time.

use md5::{Digest, Md5};
use rayon::prelude::*;

use super::dataset::{Dataset, Images};
use crate::shape::Element;

/// Bytes that are digested at a time, side by side with others.
const PIECE: usize = 4 << 20;

impl Dataset {
    /// A digest of every pixel, label and size: two datasets that differ in anything that training
    /// reads have different ones.
    pub fn digest(&self) -> String {
        let mut whole = Md5::new();
        let sizes = [self.shape.channels, self.shape.height, self.shape.width];
        whole.update(format!("{sizes:?} {} {}", self.masked, self.classes.len()));
        if self.element == Element::Number {
            whole.update(" numbers");
        }
        if self.paired {
            whole.update(" paired");
        }
        for Images { pixels, labels, count, .. } in [&self.train, &self.test] {
            whole.update(format!(" {count} "));
            let labels: &[u32] = labels.as_deref().unwrap_or(&[]);
            for bytes in [&pixels[..], bytemuck::cast_slice(labels)] {
                let pieces: Vec<_> = bytes.par_chunks(PIECE).map(Md5::digest).collect();
                pieces.iter().for_each(|piece| whole.update(piece));
            }
        }
        whole.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::load_options::LoadOptions;
    use crate::data::source::Source;

    #[test]
    fn whatever_training_reads_changes_the_digest() {
        let dataset = Dataset::load(&Source::Digits, &LoadOptions::default()).expect("embedded");
        let digest = dataset.digest();
        assert_eq!(digest, dataset.clone().digest());
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
            assert_ne!(digest, other.digest());
        }
    }
}
