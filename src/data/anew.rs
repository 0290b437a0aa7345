//! Pictures that are kept nowhere: decoded whenever their pixels are asked for.

use std::path::PathBuf;

use rayon::prelude::*;

use super::load_options::LoadOptions;
use super::pairs::Partner;
use super::parts::{parts_of, widen};
use crate::error::{Error, Result};
use crate::shape::ImageShape;

/// Where a picture is, and what decides which parts are cut from it.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub path: PathBuf,
    pub partner: Partner,
    pub number: usize,
}

/// Pictures of which it is known what images they become.
#[derive(Debug)]
pub(super) struct Anew {
    places: Vec<Place>,
    /// The first image of each, and the end of the last.
    firsts: Vec<u32>,
    shape: ImageShape,
    options: LoadOptions,
}

impl Anew {
    /// Those at these places, of which each becomes so many images of this shape.
    pub fn new(
        places: Vec<Place>,
        images: &[u32],
        shape: ImageShape,
        options: LoadOptions,
    ) -> Self {
        let mut end = 0;
        let ends = images.iter().map(|count| {
            end += count;
            end
        });
        let firsts = std::iter::once(0).chain(ends).collect();
        Self { places, firsts, shape, options }
    }

    /// Bytes of an image.
    pub fn image_bytes(&self) -> usize {
        self.shape.elements()
    }

    /// Decodes the images of these numbers, each picture once.
    ///
    /// # Errors
    /// When a picture can no longer be used, or has become another one.
    pub fn read(&self, images: &[u32], into: &mut [u8]) -> Result<()> {
        let bytes = self.image_bytes();
        let mut wanted: Vec<(u32, &mut [u8])> =
            images.iter().copied().zip(into.chunks_exact_mut(bytes)).collect();
        wanted.sort_by_key(|(image, _)| *image);
        let picture = |image: u32| self.firsts.partition_point(|first| *first <= image) - 1;
        let of_pictures = wanted.chunk_by_mut(|(a, _), (b, _)| picture(*a) == picture(*b));
        let of_pictures: Vec<&mut [(u32, &mut [u8])]> = of_pictures.collect();
        of_pictures.into_par_iter().try_for_each(|wanted| {
            let picture = picture(wanted[0].0);
            self.decode(picture, wanted)
        })
    }

    fn decode(&self, picture: usize, wanted: &mut [(u32, &mut [u8])]) -> Result<()> {
        let Place { path, partner, number } = &self.places[picture];
        let parts =
            parts_of(path, partner, &self.options, *number).map_err(|fault| fault.error())?;
        let first = self.firsts[picture];
        for (image, into) in wanted {
            let part = parts.get((*image - first) as usize).filter(|part| {
                let ImageShape { height, width, channels } = part.shape;
                (height, width) == (self.shape.height, self.shape.width)
                    && self.shape.channels.is_multiple_of(channels)
            });
            let Some(part) = part else {
                let what = "has become another picture since the training began; bring it back";
                return Err(Error::file(path, what));
            };
            let mut at = 0;
            widen(part, self.shape.channels, |plane| {
                into[at..at + plane.len()].copy_from_slice(plane);
                at += plane.len();
            });
        }
        Ok(())
    }
}
