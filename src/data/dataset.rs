//! Images, and sets of them in two parts.

use crate::shape::ImageShape;

/// Some images of one shape.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Images {
    /// One byte an element, `[count, channels, height, width]`. Where pixels are missing there is
    /// one channel more, the last: 255 where a pixel is seen and 0 where it is missing, and 0 in all
    /// its colours then.
    pub pixels: Vec<u8>,
    /// The class of each image as an index into [`Dataset::classes`], where there are classes.
    pub labels: Option<Vec<u32>>,
    /// How many images there are.
    pub count: usize,
}

impl Images {
    /// The bytes of image `index`, `[channels, height, width]`.
    ///
    /// # Panics
    /// When there is no such image.
    pub fn image(&self, index: usize) -> &[u8] {
        assert!(index < self.count, "image {index} of {}", self.count);
        let elements = self.pixels.len() / self.count;
        &self.pixels[index * elements..][..elements]
    }

    /// The images at these indices, in this order.
    ///
    /// # Panics
    /// When an index names no image.
    pub fn select(&self, indices: &[u32]) -> Images {
        let elements = self.pixels.len() / self.count.max(1);
        let mut pixels = Vec::with_capacity(elements * indices.len());
        for &index in indices {
            pixels.extend_from_slice(self.image(index as usize));
        }
        let labels = self
            .labels
            .as_ref()
            .map(|labels| indices.iter().map(|&index| labels[index as usize]).collect());
        Images { pixels, labels, count: indices.len() }
    }

    /// The first `count` images, or all where there are no more.
    pub fn take(mut self, count: usize) -> Images {
        if count < self.count {
            let elements = self.pixels.len() / self.count;
            self.pixels.truncate(count * elements);
            self.pixels.shrink_to_fit();
            if let Some(labels) = &mut self.labels {
                labels.truncate(count);
            }
            self.count = count;
        }
        self
    }
}

/// Images in two parts: one to train on, one held out.
///
/// ```
/// use diabolo::data::{Dataset, LoadOptions, Source};
///
/// let options = LoadOptions { limit: Some(100), ..LoadOptions::default() };
/// let dataset = Dataset::load(&Source::Digits, &options)?;
/// assert_eq!(dataset.shape.to_string(), "8x8 gray");
/// assert_eq!(dataset.train.count, 100);
/// assert_eq!(dataset.test.image(0).len(), dataset.shape.elements());
/// # Ok::<(), diabolo::error::Error>(())
/// ```
///
/// A [`Source`](super::source::Source) is parsed from the words of `--data`, as in
/// `"images:my-photos".parse()`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dataset {
    /// A short name: `digits`, `mnist`, `sprites`, or the folder's name.
    pub name: String,
    /// The shape of every image, without the channel that says what is seen.
    pub shape: ImageShape,
    /// Whether [`Images::pixels`] has that channel.
    pub masked: bool,
    /// The images to train on.
    pub train: Images,
    /// The images that are held out.
    pub test: Images,
    /// The names of the classes; empty where images have no labels.
    pub classes: Vec<String>,
}

impl Dataset {
    /// How many channels [`Images::pixels`] has: those of the image, and one that says what is seen
    /// where pixels are missing.
    pub fn stored_channels(&self) -> usize {
        self.shape.channels + usize::from(self.masked)
    }

    /// How many bytes of [`Images::pixels`] belong to one image.
    pub fn stored_elements(&self) -> usize {
        self.stored_channels() * self.shape.height * self.shape.width
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> Images {
        Images { pixels: (0..12).collect(), labels: Some(vec![7, 8, 9]), count: 3 }
    }

    #[test]
    fn select_and_take_keep_pixels_and_labels_together() {
        let picked = three().select(&[2, 0]);
        assert_eq!(picked.pixels, [8, 9, 10, 11, 0, 1, 2, 3]);
        assert_eq!((picked.labels, picked.count), (Some(vec![9, 7]), 2));
        let first = three().take(1);
        assert_eq!(first.image(0), [0, 1, 2, 3]);
        assert_eq!((first.labels, first.count), (Some(vec![7]), 1));
        assert_eq!(three().take(5), three());
    }
}
