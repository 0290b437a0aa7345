//! Images, and sets of them in two parts.

use std::borrow::Cow;
use std::ops::Range;

use super::scaling::Scaling;
use super::stored::Stored;
use crate::arithmetic::byte::number_of_byte;
use crate::error::{Result, counted};
use crate::shape::{Element, ImageShape};

/// Some images of one shape.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Images {
    /// The bytes of all elements, `[count, channels, height, width]`, stored as [`Dataset::element`] says.
    /// Where pixels are missing there is one channel more, the last: 255 (or 1, among numbers) where a
    /// pixel is seen and 0 where it is missing, and 0 in all its colours then. In pairs, the channels of
    /// what is given come first and then as many of what it should become.
    ///
    /// Empty where they are [not in memory](Images::stored); [`Images::part`] and [`Images::read`] have them
    /// either way.
    pub pixels: Vec<u8>,
    /// The class of each image as an index into [`Dataset::classes`], where there are classes.
    pub labels: Option<Vec<u32>>,
    /// How many images there are.
    pub count: usize,
    /// The files they come from, in their order; empty where they come from none that are pictures.
    pub files: Vec<ImageFile>,
    /// Where the pixels are read from as they are needed, if they are more than was to be
    /// [kept in memory](super::storing::Storing).
    pub stored: Option<Stored>,
}

/// A picture file, and how many images of a dataset come from it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ImageFile {
    /// Its path in the folder of the dataset.
    pub file: String,
    /// The MD5 of its bytes, by which it is known wherever it lies.
    pub md5: String,
    /// How many images come from it: 1, or as many parts as were cut from it and are kept.
    pub images: usize,
    /// In pairs, the MD5 of the picture that it should become.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clean: Option<String>,
}

impl ImageFile {
    /// That of its bytes and, in pairs, of those of the picture that it should become.
    pub(super) fn digests(&self) -> impl Iterator<Item = &String> {
        std::iter::once(&self.md5).chain(&self.clean)
    }
}

impl Images {
    /// The bytes of image `index`, `[channels, height, width]`, which is in memory.
    ///
    /// # Panics
    /// When there is no such image, or it is [not in memory](Images::stored).
    pub fn image(&self, index: usize) -> &[u8] {
        assert!(index < self.count, "image {index} of {}", self.count);
        let elements = self.pixels.len() / self.count;
        &self.pixels[index * elements..][..elements]
    }

    /// Bytes of one image, in memory or not.
    pub fn image_bytes(&self) -> usize {
        match &self.stored {
            Some(stored) => stored.image_bytes(),
            None => self.pixels.len() / self.count.max(1),
        }
    }

    /// The bytes of the images at these indices, in this order, in memory or not.
    ///
    /// # Errors
    /// When they cannot be read.
    ///
    /// # Panics
    /// When an index names no image.
    pub fn read(&self, indices: &[u32]) -> Result<Vec<u8>> {
        let bytes = self.image_bytes();
        if let Some(stored) = &self.stored {
            let mut pixels = vec![0; bytes * indices.len()];
            return stored.read(indices, &mut pixels).map(|()| pixels);
        }
        Ok(self.copied(indices))
    }

    /// Hands `take` the same bytes, some whole images at a time: what is in memory from where it lies, what is in a
    /// file in pieces that stay in a processor's cache.
    ///
    /// # Errors
    /// When they cannot be read, or `take` fails.
    ///
    /// # Panics
    /// When an index names no image.
    pub(crate) fn read_in_pieces(
        &self,
        indices: &[u32],
        mut take: impl FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        let Some(stored) = &self.stored else {
            return indices.iter().try_for_each(|index| take(self.image(*index as usize)));
        };
        let mut pixels = vec![];
        for piece in indices.chunks(stored.at_once()) {
            pixels.resize(piece.len() * self.image_bytes(), 0);
            stored.read(piece, &mut pixels)?;
            take(&pixels)?;
        }
        Ok(())
    }

    /// The same of images in memory.
    fn copied(&self, indices: &[u32]) -> Vec<u8> {
        let mut pixels = Vec::with_capacity(self.image_bytes() * indices.len());
        indices.iter().for_each(|index| pixels.extend_from_slice(self.image(*index as usize)));
        pixels
    }

    /// The bytes of consecutive images, in memory or not.
    ///
    /// # Errors
    /// When they cannot be read.
    ///
    /// # Panics
    /// When there are no such images.
    pub fn part(&self, part: Range<usize>) -> Result<Cow<'_, [u8]>> {
        if self.stored.is_some() {
            let indices: Vec<u32> = part.map(|index| index as u32).collect();
            return self.read(&indices).map(Cow::Owned);
        }
        let bytes = self.image_bytes();
        Ok(Cow::Borrowed(&self.pixels[part.start * bytes..part.end * bytes]))
    }

    /// The same images with their pixels in memory.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn brought_to_memory(self) -> Result<Images> {
        match self.stored {
            None => Ok(self),
            Some(_) => {
                let pixels = self.part(0..self.count)?.into_owned();
                Ok(Images { pixels, stored: None, ..self })
            }
        }
    }

    /// Has the system bring the images at these indices to memory meanwhile, if they are not there and it can.
    pub(crate) fn expect(&self, indices: &[u32]) {
        if let Some(stored) = &self.stored {
            stored.expect(indices);
        }
    }

    /// The images at these indices, in this order. Those that are not in memory stay where they are.
    ///
    /// # Panics
    /// When an index names no image.
    pub fn select(&self, indices: &[u32]) -> Images {
        let pixels = if self.stored.is_some() { vec![] } else { self.copied(indices) };
        let stored = self.stored.as_ref().map(|stored| stored.select(indices));
        let labels = self
            .labels
            .as_ref()
            .map(|labels| indices.iter().map(|&index| labels[index as usize]).collect());
        let files = self.files_of(indices);
        Images { pixels, labels, count: indices.len(), files, stored }
    }

    /// The files that the images at these indices come from.
    fn files_of(&self, indices: &[u32]) -> Vec<ImageFile> {
        let ends = self.files.iter().scan(0, |end, file| {
            *end += file.images;
            Some(*end)
        });
        let ends: Vec<usize> = ends.collect();
        let mut found: Vec<(usize, ImageFile)> = vec![];
        for index in indices {
            let place = ends.partition_point(|end| *end <= *index as usize);
            match (found.last_mut(), self.files.get(place)) {
                (Some((last, file)), _) if *last == place => file.images += 1,
                (_, Some(file)) => found.push((place, ImageFile { images: 1, ..file.clone() })),
                (_, None) => {}
            }
        }
        found.into_iter().map(|(_, file)| file).collect()
    }

    /// What each image is called: its file, with a number where several come from one; nothing where
    /// images come from no files.
    pub fn names(&self) -> Vec<String> {
        let of = |file: &ImageFile| match file.images {
            1 => vec![file.file.clone()],
            parts => (0..parts).map(|part| format!("{}#{part}", file.file)).collect(),
        };
        self.files.iter().flat_map(of).collect()
    }

    /// The first `count` images, or all where there are no more.
    pub fn take(mut self, count: usize) -> Images {
        if count < self.count && self.stored.is_some() {
            return self.select(&(0..count as u32).collect::<Vec<_>>());
        }
        if count < self.count {
            let elements = self.pixels.len() / self.count;
            self.pixels.truncate(count * elements);
            self.pixels.shrink_to_fit();
            self.files = self.files_of(&(0..count as u32).collect::<Vec<_>>());
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
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dataset {
    /// A short name: `digits`, `mnist`, `sprites`, or the folder's name.
    pub name: String,
    /// The shape of every image, without the channel that says what is seen, and without its partner.
    pub shape: ImageShape,
    /// Whether [`Images::pixels`] has that channel.
    pub masked: bool,
    /// Whether [`Images::pixels`] has as many channels more: those of what each image should become.
    pub paired: bool,
    /// How elements are stored.
    pub element: Element,
    /// What numbers without bounds were standardised by; none for pixels.
    pub scaling: Option<Scaling>,
    /// The images to train on.
    pub train: Images,
    /// The images that are held out; where none are, some of those that are trained on.
    pub test: Images,
    /// Whether nothing is held out, so that `test` says nothing of images that were never seen.
    pub trains_on_all: bool,
    /// The names of the classes; empty where images have no labels.
    pub classes: Vec<String>,
}

impl Dataset {
    /// Whether each sample is a row of numbers that have no neighbours.
    pub fn is_of_vectors(&self) -> bool {
        self.element == Element::Number && self.shape.channels == 1 && self.shape.height == 1
    }

    /// So many of its samples in words, such as `60000 images of 28x28 gray` or `1 vector of 12 numbers`.
    pub fn in_words(&self, count: usize) -> String {
        let ImageShape { channels, height, width } = self.shape;
        let one = if self.paired { "pair" } else { "image" };
        match (self.is_of_vectors(), &self.scaling) {
            (true, _) => format!("{} of {}", counted(count, "vector"), counted(width, "number")),
            (false, None) => format!("{} of {}", counted(count, one), self.shape),
            (false, Some(_)) => {
                format!("{} of {channels}x{height}x{width} numbers", counted(count, "image"))
            }
        }
    }

    /// How many channels [`Images::pixels`] has: those of the image, and one that says what is seen
    /// where pixels are missing; in pairs, those of both pictures.
    pub fn stored_channels(&self) -> usize {
        self.shape.channels * (1 + usize::from(self.paired)) + usize::from(self.masked)
    }

    /// How many elements of one image are stored.
    pub fn stored_elements(&self) -> usize {
        self.stored_channels() * self.shape.height * self.shape.width
    }

    /// How many bytes of [`Images::pixels`] belong to one image.
    pub fn stored_bytes(&self) -> usize {
        self.stored_elements() * self.element.bytes()
    }

    /// What element `at` of these bytes of [`Images::pixels`] stands for.
    pub(crate) fn number(&self, bytes: &[u8], at: usize) -> f32 {
        match self.element {
            Element::Byte => number_of_byte(bytes[at]),
            Element::Number => {
                let (words, _) = bytes.as_chunks::<4>();
                f32::from_le_bytes(words[at])
            }
        }
    }

    /// What these bytes of [`Images::pixels`] stand for: pixels in [0, 1], or numbers.
    pub fn numbers(&self, bytes: &[u8]) -> Vec<f32> {
        match self.element {
            Element::Byte => bytes.iter().map(|byte| number_of_byte(*byte)).collect(),
            Element::Number => {
                let (words, _) = bytes.as_chunks::<4>();
                words.iter().map(|word| f32::from_le_bytes(*word)).collect()
            }
        }
    }

    /// Which of an image's elements are what a model should make of it: in pairs, the second picture's,
    /// else the image's own.
    pub fn target(&self) -> Range<usize> {
        let (own, first) = (self.shape.elements(), usize::from(self.paired));
        first * own..(first + 1) * own
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> Images {
        let file = |(file, images): (&str, usize)| ImageFile {
            file: file.into(),
            md5: String::new(),
            images,
            clean: None,
        };
        let files = [("a.png", 2), ("b.png", 1)].map(file).to_vec();
        Images {
            pixels: (0..12).collect(),
            labels: Some(vec![7, 8, 9]),
            count: 3,
            files,
            stored: None,
        }
    }

    #[test]
    fn select_and_take_keep_pixels_and_labels_together() {
        let picked = three().select(&[2, 0]);
        assert_eq!(picked.pixels, [8, 9, 10, 11, 0, 1, 2, 3]);
        assert_eq!((&picked.labels, picked.count), (&Some(vec![9, 7]), 2));
        assert_eq!(picked.names(), ["b.png", "a.png"]);
        assert_eq!(three().names(), ["a.png#0", "a.png#1", "b.png"]);
        let first = three().take(1);
        assert_eq!(first.image(0), [0, 1, 2, 3]);
        assert_eq!((first.labels, first.count), (Some(vec![7]), 1));
        assert_eq!(three().take(5), three());
    }
}
