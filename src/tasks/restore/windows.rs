//! A picture of any size by a model of nothing but convolutions, whose weights are for images of any size:
//! in windows that overlap as far as a pixel depends on others, so that there are no seams, and each pixel
//! is made once but for these margins.

use crate::data::ImageShape;
use crate::error::Result;
use crate::inference::Inference;
use crate::tasks::windows::{Grid, Window};
use crate::tensor::Tensor;

/// The most windows at once; a model's own memory may allow fewer.
const AT_ONCE: usize = 16;

/// What a model makes of a picture, `[1, channels, height, width]`, by windows of `grid`; `tell` is told which share of them
/// is made.
pub(super) fn by_windows(
    inference: &mut Inference,
    grid: Grid,
    picture: &Tensor,
    shape: ImageShape,
    label: Option<u32>,
    tell: &mut dyn FnMut(f32),
) -> Result<Tensor> {
    let windows = Windows::new(grid, shape);
    let (mut done, all) = (0, windows.windows.len());
    let mut model = inference.model().clone();
    model.network.images = windows.part;
    let level = inference.noise_level_of(picture);
    let mut inference = inference.with_model(&model).with_noise_level(level);
    windows.made(picture, AT_ONCE, |images| {
        let labels = label.map(|label| vec![label; images.shape()[0]]);
        let made = inference.reconstruct(images, labels.as_deref())?;
        done += images.shape()[0];
        tell(done as f32 / all as f32);
        Ok(made)
    })
}

/// A picture in windows of one size.
pub(super) struct Windows {
    grid: Grid,
    whole: ImageShape,
    /// The shape of each.
    pub part: ImageShape,
    /// By row and column.
    windows: Vec<[Window; 2]>,
}

impl Windows {
    /// Of a picture of shape `whole`, which has pixels, by `grid`.
    pub fn new(grid: Grid, whole: ImageShape) -> Self {
        let of = |side: usize, cell: usize| {
            let places = side.div_ceil(cell);
            grid.even(places).windows(places)
        };
        let (down, across) = (of(whole.height, grid.cell[0]), of(whole.width, grid.cell[1]));
        let size = |windows: &[Window], cell: usize| windows.first().map_or(0, |it| it.size * cell);
        let (height, width) = (size(&down, grid.cell[0]), size(&across, grid.cell[1]));
        let part = ImageShape { height, width, ..whole };
        let row = |row: Window| across.iter().map(move |column| [row, *column]);
        let windows = down.into_iter().flat_map(row).collect();
        Self { grid, whole, part, windows }
    }

    /// The picture that `make` makes of `picture`, `[1, channels, height, width]`: it is handed up to `at_once`
    /// windows, `[count, channels, height, width]`, and gives as many of the same shape.
    pub fn made(
        &self,
        picture: &Tensor,
        at_once: usize,
        mut make: impl FnMut(&Tensor) -> Result<Tensor>,
    ) -> Result<Tensor> {
        let Self { grid, whole, part, .. } = *self;
        let ImageShape { channels, height, width } = part;
        let mut made = vec![0.0; whole.elements()];
        for some in self.windows.chunks(at_once) {
            let mut pixels = Vec::with_capacity(some.len() * part.elements());
            some.iter().for_each(|it| cut(picture.data(), whole, part, grid, it, &mut pixels));
            let images = make(&Tensor::new([some.len(), channels, height, width], pixels)?)?;
            for (image, window) in images.data().chunks(part.elements()).zip(some) {
                keep(&mut made, whole, image, part, grid, window);
            }
        }
        Tensor::new([1, channels, whole.height, whole.width], made)
    }
}

/// Adds the pixels of a window to `to`; beyond the picture its edges go on.
fn cut(
    picture: &[f32],
    whole: ImageShape,
    part: ImageShape,
    grid: Grid,
    [row, column]: &[Window; 2],
    to: &mut Vec<f32>,
) {
    let [top, left] = [row.start * grid.cell[0], column.start * grid.cell[1]];
    let inside = part.width.min(whole.width - left);
    for plane in picture.chunks(whole.height * whole.width) {
        for y in top..top + part.height {
            let line = &plane[y.min(whole.height - 1) * whole.width..][..whole.width];
            to.extend_from_slice(&line[left..][..inside]);
            to.extend(std::iter::repeat_n(line[whole.width - 1], part.width - inside));
        }
    }
}

/// Takes over what is kept of the image that a window came to.
fn keep(
    made: &mut [f32],
    whole: ImageShape,
    image: &[f32],
    part: ImageShape,
    grid: Grid,
    [row, column]: &[Window; 2],
) {
    let [tall, wide] = grid.cell;
    let [top, left] = [row.first * tall, column.first * wide];
    let [skipped, aside] = [(row.first - row.start) * tall, (column.first - column.start) * wide];
    let count = (column.count * wide).min(whole.width - left);
    let planes = made.chunks_mut(whole.height * whole.width);
    for (plane, from) in planes.zip(image.chunks(part.height * part.width)) {
        for y in 0..(row.count * tall).min(whole.height - top) {
            let from = &from[(skipped + y) * part.width + aside..][..count];
            plane[(top + y) * whole.width + left..][..count].copy_from_slice(from);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::CpuExecutor;
    use crate::graph::{Executor, State};
    use crate::inference::layout;
    use crate::models::{Choices, Kind};
    use crate::rng::Seed;
    use crate::tasks::restore::restored;

    /// What a model of small images with random weights makes of a picture at once, and by windows.
    fn made(kind: Kind, choices: Choices, [height, width]: [usize; 2]) -> [Tensor; 2] {
        let part = ImageShape { channels: 2, height: 16, width: 16 };
        let (model, _) = kind.build(part, 0, &choices, false).expect("fits");
        let layout = layout(&model).expect("can be built");
        let mut device = CpuExecutor::new();
        device.set_state(&State::initial(&layout, Seed(3), 0)).expect("fits");
        let mut whole = model.clone();
        whole.network.images = ImageShape { channels: 2, height, width };
        // Some are missing, as far as a model knows of that.
        let plane = height * width;
        let pixel = |at: usize| match at % plane % 5 {
            0..2 => f32::NAN,
            _ => 0.5 + 0.4 * ((at % 977) as f32 * 0.7).sin(),
        };
        let pixels = (0..2 * plane).map(pixel).collect();
        let picture = Tensor::new([1, 2, height, width], pixels).expect("as many");
        let mut inference =
            Inference::new(&mut device, &model, &layout).with_noise_level(Some(0.1));
        let windows = restored(&mut inference, part, &picture, None).expect("is restored");
        let at_once =
            inference.with_model(&whole).reconstruct(&picture, None).expect("is restored");
        [at_once, windows]
    }

    #[test]
    fn windows_make_what_is_made_at_once() {
        let flat = |layers: usize| Choices {
            arch: format!("flat:4x{layers}").parse().ok(),
            residual: Some(true),
            ..Choices::default()
        };
        let conv = Choices {
            arch: "conv:3,4".parse().ok(),
            latent: "map:3".parse().ok(),
            ..Choices::default()
        };
        let under = |noise: &str, choices| Choices { noise: noise.parse().ok(), ..choices };
        let hazy = Choices { arch: None, ..flat(2) };
        let cases = [
            (Kind::Denoising, under("mask:0.3", flat(2)), [30, 400]),
            (Kind::Denoising, under("mask:0.3", flat(5)), [700, 344]),
            (Kind::Denoising, under("haze:0.3-0.8", hazy), [800, 352]),
            (Kind::Denoising, flat(2), [340, 30]),
            (Kind::Denoising, flat(7), [700, 344]),
            (Kind::Conv, conv.clone(), [20, 716]),
            (Kind::Conv, conv, [644, 328]),
        ];
        for (kind, choices, size) in cases {
            let [at_once, windows] = made(kind, choices, size);
            assert_eq!(at_once.shape(), windows.shape());
            for (at, (a, b)) in at_once.data().iter().zip(windows.data()).enumerate() {
                assert!((a - b).abs() < 1e-5, "{size:?} {at}: {a} {b}");
            }
            // Not one value everywhere.
            assert!(windows.data().iter().any(|x| (x - windows.data()[0]).abs() > 1e-3));
        }
    }

    #[test]
    fn odd_sides_and_small_pictures_are_restored_to_their_own_size() {
        for size in [[1, 1], [3, 5], [321, 7]] {
            let choices = Choices {
                arch: "flat:4x4".parse().ok(),
                residual: Some(true),
                ..Choices::default()
            };
            let [at_once, windows] = made(Kind::Denoising, choices, size);
            assert_eq!(at_once.shape(), windows.shape());
            assert!(windows.data().iter().all(|pixel| (0.0..=1.0).contains(pixel)));
        }
    }
}
