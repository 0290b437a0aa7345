//! Images whose pixels are not in memory, and are read as they are needed.

use std::fmt;
use std::sync::Arc;

use rayon::prelude::*;

use super::anew::Anew;
use super::pixel_file::PixelFile;
use crate::error::Result;
use crate::shape::ImageShape;

/// Bytes of a file's images that are read at once, where there is a choice: a processor's cache holds them.
const PIECE: usize = 1 << 20;

/// Where images are read from.
#[derive(Debug)]
pub(super) enum Rows {
    /// A file of their pixels.
    File(PixelFile),
    /// Their pictures.
    Pictures(Box<Anew>),
}

impl Rows {
    fn image_bytes(&self) -> usize {
        match self {
            Self::File(file) => file.image_bytes(),
            Self::Pictures(pictures) => pictures.image_bytes(),
        }
    }

    fn read(&self, images: &[u32], into: &mut [u8]) -> Result<()> {
        match self {
            Self::File(file) => file.read(images, into),
            Self::Pictures(pictures) => pictures.read(images, into),
        }
    }
}

/// Writes which pixels of the image of a number are seen, 255 or 0 each.
pub(super) type Mask = Arc<dyn Fn(u32, &mut [u8]) + Send + Sync>;

/// Images that are read as they are needed: those of some numbers, in some order.
#[derive(Clone)]
pub struct Stored {
    rows: Arc<Rows>,
    /// The number of each image among all that can be read.
    places: Vec<u32>,
    /// How often each channel stands in an image: gray ones may be three colours alike.
    repeats: usize,
    hidden: Option<Hidden>,
    shape: ImageShape,
}

/// What of images is hidden.
#[derive(Clone)]
struct Hidden {
    mask: Mask,
    /// The number of each image to the mask.
    numbers: Vec<u32>,
}

impl fmt::Debug for Stored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} images of {:?}", self.places.len(), self.rows)
    }
}

impl PartialEq for Stored {
    /// Whether they are the same images of the same file.
    fn eq(&self, other: &Self) -> bool {
        let mask = |hidden: &Option<Hidden>| {
            hidden.as_ref().map(|hidden| Arc::as_ptr(&hidden.mask).cast::<()>())
        };
        Arc::ptr_eq(&self.rows, &other.rows)
            && (&self.places, self.repeats) == (&other.places, other.repeats)
            && mask(&self.hidden) == mask(&other.hidden)
    }
}

impl Eq for Stored {}

impl Stored {
    /// The images of these numbers, each of this shape.
    pub(super) fn new(rows: Arc<Rows>, places: Vec<u32>, shape: ImageShape) -> Self {
        Self { rows, places, repeats: 1, hidden: None, shape }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.places.len()
    }

    /// Bytes of one.
    pub fn image_bytes(&self) -> usize {
        let ImageShape { height, width, .. } = self.shape;
        self.shape.elements() * self.repeats
            + if self.hidden.is_some() { height * width } else { 0 }
    }

    /// Those at these indices, in this order.
    ///
    /// # Panics
    /// When an index names none.
    pub(super) fn select(&self, indices: &[u32]) -> Self {
        let chosen = |numbers: &[u32]| -> Vec<u32> {
            indices.iter().map(|index| numbers[*index as usize]).collect()
        };
        let hidden = self.hidden.as_ref().map(|Hidden { mask, numbers }| Hidden {
            mask: mask.clone(),
            numbers: chosen(numbers),
        });
        Self { rows: self.rows.clone(), places: chosen(&self.places), hidden, ..*self }
    }

    /// The same with each channel `times` times.
    pub(super) fn repeated(self, times: usize) -> Self {
        Self { repeats: self.repeats * times, ..self }
    }

    /// The same with a channel more, which `mask` writes for the images' numbers from `first` on, and without the
    /// colours of what it hides.
    pub(super) fn hidden(self, mask: Mask, first: u32) -> Self {
        let numbers = (first..).take(self.places.len()).collect();
        Self { hidden: Some(Hidden { mask, numbers }), ..self }
    }

    /// How many should be read at once: pictures as many as may be, since one of which several images are wanted is
    /// decoded for all of them.
    pub(super) fn at_once(&self) -> usize {
        match &*self.rows {
            Rows::File(_) => (PIECE / self.image_bytes().max(1)).max(1),
            Rows::Pictures(_) => usize::MAX,
        }
    }

    /// Reads the images at these indices, in this order, into as many times their bytes.
    ///
    /// # Errors
    /// When they cannot be read.
    ///
    /// # Panics
    /// When an index names none.
    pub(super) fn read(&self, indices: &[u32], into: &mut [u8]) -> Result<()> {
        let places: Vec<u32> = indices.iter().map(|index| self.places[*index as usize]).collect();
        if self.repeats == 1 && self.hidden.is_none() {
            return self.rows.read(&places, into);
        }
        let plain = self.rows.image_bytes();
        let mut pixels = vec![0; plain * places.len()];
        self.rows.read(&places, &mut pixels)?;
        into.par_chunks_exact_mut(self.image_bytes())
            .zip(pixels.par_chunks_exact(plain))
            .zip(indices)
            .for_each(|((into, pixels), index)| self.change(pixels, *index as usize, into));
        Ok(())
    }

    /// What an image is, as it is read, to be as it is here.
    fn change(&self, pixels: &[u8], index: usize, into: &mut [u8]) {
        let plane = self.shape.height * self.shape.width;
        let (colours, seen) = into.split_at_mut(pixels.len() * self.repeats);
        let planes = pixels.chunks(plane).flat_map(|plane| (0..self.repeats).map(move |_| plane));
        colours.chunks_mut(plane).zip(planes).for_each(|(to, from)| to.copy_from_slice(from));
        if let Some(Hidden { mask, numbers }) = &self.hidden {
            mask(numbers[index], seen);
            conceal(colours, seen);
        }
    }

    /// Has the system bring the images at these indices to memory meanwhile, where that is possible.
    ///
    /// # Panics
    /// When an index names none.
    pub(super) fn expect(&self, indices: &[u32]) {
        if let Rows::File(file) = &*self.rows {
            let places: Vec<u32> =
                indices.iter().map(|index| self.places[*index as usize]).collect();
            file.expect(&places);
        }
    }
}

/// Blackens the pixels that are not seen, in each channel.
pub(super) fn conceal(colours: &mut [u8], seen: &[u8]) {
    for channel in colours.chunks_mut(seen.len()) {
        channel.iter_mut().zip(seen).for_each(|(colour, seen)| *colour &= seen);
    }
}
