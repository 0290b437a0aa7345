//! How an image of any size meets a model: which part of the code and of the image are computed at a
//! time.
//!
//! Where encoder and decoder are nothing but convolutions, an image has one map for a code, whatever
//! its size, and large ones are computed by windows that overlap as far as one place reaches: each
//! keeps its inner part, so that there are no seams. All other models see tiles of the size of the
//! images they were trained on, each with a code of its own.

use crate::models::{Architecture, Block, CodeForm, Model, Norm, Stages};

/// Pixels of a window's side, unless so little would be left within its margins.
const WINDOW: usize = 512;
/// The same where image and code are both computed, so that maps of some windows are held at a time.
const WHOLE_WINDOW: usize = 320;

/// What a code's places stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Grid {
    /// Height and width in pixels of one place.
    pub cell: [usize; 2],
    /// Places of the code by which one depends on its surroundings; 0 for tiles.
    pub reach: usize,
    /// The most places of a window's side.
    pub most: usize,
}

impl Grid {
    /// Of `model`, encoder and decoder each by itself, and of nothing else that it is given.
    pub fn new(model: &Model) -> Self {
        let stages = &model.network.stages;
        match (&model.network.architecture, model.network.code) {
            // Its moments are those of the whole image.
            _ if stages.norm == Norm::Group => Self::of_tiles(model),
            (Architecture::Conv(sizes), CodeForm::Map(_) | CodeForm::Features) => {
                Self::of_map(sizes.encoder.len(), reach(stages))
            }
            // Each layer, none of which is at another size, reaches a place.
            (Architecture::Flat(flat), CodeForm::Map(_) | CodeForm::Features) => {
                Self::of_map(1, flat.decoder())
            }
            _ => Self::of_tiles(model),
        }
    }

    fn of_tiles(model: &Model) -> Self {
        let images = model.images();
        Self { cell: [images.height, images.width], reach: 0, most: 1 }
    }

    /// Of `model` where images are made of images: what a pixel depends on lies about as many places of the
    /// code away as both ways reach.
    pub fn of_reconstructions(model: &Model) -> Self {
        let Self { cell, reach, most } = Self::new(model);
        let both = match reach {
            0 => Self { cell, reach, most },
            _ => Self { cell, reach: 2 * reach, most: (WHOLE_WINDOW / cell[0]).max(8 * reach) },
        };
        both.reaching(model.surroundings())
    }

    /// The same grid where a place depends on so many pixels more to each side, unless places are images.
    fn reaching(self, pixels: usize) -> Self {
        let Self { cell, reach, most } = self;
        match reach {
            0 => self,
            _ => {
                let reach = reach + pixels.div_ceil(cell[0]);
                // Half of a window is kept at least; more, where that makes no large one.
                let wide = (8 * reach).min(WINDOW / cell[0]);
                Self { cell, reach, most: most.max(4 * reach).max(wide) }
            }
        }
    }

    /// The same grid with the least windows of which no more cover an axis of so many places.
    pub fn even(self, places: usize) -> Self {
        let many = self.windows(places).len().max(1);
        let margins = 2 * self.reach * (many - 1);
        Self { most: (places + margins).div_ceil(many), ..self }
    }

    fn of_map(halvings: usize, reach: usize) -> Self {
        let cell = 1 << halvings;
        Self { cell: [cell; 2], reach, most: (WINDOW / cell).max(4 * reach) }
    }

    /// Whether each place is an image of its own to the model.
    pub fn is_of_tiles(&self) -> bool {
        self.reach == 0
    }

    /// The windows along an axis of so many places.
    pub fn windows(&self, places: usize) -> Vec<Window> {
        let size = self.most.min(places);
        let mut windows = vec![];
        let mut done = 0;
        while done < places {
            let start = done.saturating_sub(self.reach).min(places - size);
            let end = match start + size {
                end if end == places => places,
                end => end - self.reach,
            };
            windows.push(Window { start, size, first: done, count: end - done });
            done = end;
        }
        windows
    }
}

/// The places that one of the code depends on, on each side, and those that a pixel depends on,
/// whichever are more. A 3x3 convolution s halvings away from the code reaches 2^-s places:
///
/// - The stages of an encoder reach less than 1/2 + 1/4 + ... = 1 in all, those of a decoder 1 and as
///   much, and its last layer 1 at most: 3.
/// - Residual blocks behind each stage have two more: 2 (1 + 1/2 + ...) < 4 in the encoder, 2 in the
///   decoder: 5 each.
/// - An inner block has two more in the encoder, and three in the decoder: 6.
///
/// Kernels of 5x5 that halve images reach less than 2 in all, so one more.
fn reach(stages: &Stages) -> usize {
    let blocks = match stages.block {
        Block::Plain => 3,
        Block::Residual => 5,
        Block::Inner => 6,
    };
    blocks + usize::from(stages.downsample_kernel > 3)
}

/// What is computed at a time along one axis, in places of the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    /// The first place that is computed.
    pub start: usize,
    /// How many are.
    pub size: usize,
    /// The first place that is kept.
    pub first: usize,
    /// How many are.
    pub count: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn even_windows_are_as_many_and_no_larger() {
        for (reach, most) in [(3, 24), (12, 160)] {
            let grid = Grid { cell: [2; 2], reach, most };
            for places in 1..2000 {
                let even = grid.even(places);
                let windows = even.windows(places);
                assert!(even.most <= most, "{places}");
                assert_eq!(windows.len(), grid.windows(places).len(), "{places}");
            }
        }
    }

    #[test]
    fn windows_cover_all_with_margins() {
        for (reach, most) in [(3, 12), (5, 64), (6, 24), (0, 1)] {
            let grid = Grid { cell: [8; 2], reach, most };
            for places in 1..200 {
                let mut next = 0;
                for window in grid.windows(places) {
                    let Window { start, size, first, count } = window;
                    assert_eq!((first, size), (next, most.min(places)));
                    assert!(count > 0 && start + size <= places);
                    assert!(start == 0 || first - start >= reach, "{window:?} of {places}");
                    let after = start + size - (first + count);
                    assert!(start + size == places || after >= reach, "{window:?} of {places}");
                    next = first + count;
                }
                assert_eq!(next, places);
            }
        }
    }
}
