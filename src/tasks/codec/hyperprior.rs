//! How wide each number of a code is expected to be, by the side code of a model with a hyperprior
//! ([`crate::models::HYPERPRIOR_LAYERS`] has the formula), in whole numbers.
//!
//! A decoder has to find the very scales that the encoder found, and sums of floating-point numbers depend on the device
//! (Ballé, Johnston, Minnen, "Integer networks for data compression with latent-variable models", 2019). Here weights are
//! whole numbers of 1/4096, as are what layers make of whole numbers, and sums are exact.

use std::iter::repeat_n;
use std::ops::Range;

use rayon::prelude::*;

use super::code_map::{CodeMap, LARGEST};
use super::spread::{Spread, WIDER_BY_LOGARITHM};
use crate::error::Result;
use crate::models::{HYPERPRIOR_LAYERS, SIDE_LOCATION, SIDE_LOG_SCALE};

/// Numbers are kept in parts of two to the minus this.
const FINE: u32 = 12;
/// Half of a whole number.
const HALF: i64 = 1 << (FINE - 1);
/// Weights beyond this are none that training finds: 64.
const MOST_WEIGHT: i64 = 64 << FINE;
/// What a layer makes stays below this, so that sums over 2^16 of it fit 64 bits.
const MOST_MADE: i64 = 1 << 28;

/// The places of what it sees that a layer's kernel reaches.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Reach {
    /// The same.
    Point,
    /// The same and the eight around it.
    Around,
    /// Four for one.
    Down,
    /// The one that four are made of, by another weight for each.
    Up,
}

/// Maps of numbers in parts, channel by channel and row by row.
#[derive(Clone, Debug, PartialEq)]
struct Maps {
    /// Rows and columns.
    size: [usize; 2],
    values: Vec<i64>,
}

impl Maps {
    fn planes(&self) -> impl Iterator<Item = &[i64]> {
        self.values.chunks((self.size[0] * self.size[1]).max(1))
    }
}

/// A convolution with a bias.
#[derive(Clone, Debug, PartialEq)]
struct Layer {
    reach: Reach,
    /// By output, input and place of the kernel.
    weights: Vec<i64>,
    biases: Vec<i64>,
}

/// What a model with a hyperprior knows of the scales of its codes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Hyperprior {
    spreads: Vec<Spread>,
    layers: [Layer; 5],
}

impl Layer {
    fn new(name: &str, reach: Reach, find: &impl Fn(&str) -> Result<Vec<f32>>) -> Result<Self> {
        let fine = |values: Vec<f32>| -> Vec<i64> {
            // A product by a power of two and a rounding are exact.
            let fine = |value: f32| (value * (1 << FINE) as f32).round() as i64;
            values.into_iter().map(|value| fine(value).clamp(-MOST_WEIGHT, MOST_WEIGHT)).collect()
        };
        let stored = fine(find(&format!("{name}.weight"))?);
        let biases = fine(find(&format!("{name}.bias"))?);
        let weights = match reach {
            // Stored by input, output and place.
            Reach::Up => {
                let (taps, outputs) = (reach.side().pow(2), biases.len().max(1));
                let inputs = stored.len() / (taps * outputs);
                let stored = &stored;
                let of = |output: usize, input: usize| {
                    (0..taps).map(move |tap| stored[(input * outputs + output) * taps + tap])
                };
                let all =
                    (0..outputs).flat_map(|output| (0..inputs).map(move |input| (output, input)));
                all.flat_map(|(output, input)| of(output, input)).collect()
            }
            _ => stored,
        };
        Ok(Self { reach, weights, biases })
    }

    /// What `outputs` of its channels make of planes of `seen` rows and columns, in so many rows and columns. Planes are
    /// asked for once and one by one, since a code may be large.
    fn run(
        &self,
        planes: impl Iterator<Item = impl AsRef<[i64]>>,
        [seen, made]: [[usize; 2]; 2],
        outputs: Range<usize>,
        rectified: bool,
    ) -> Maps {
        let places = (made[0] * made[1]).max(1);
        let taps = self.reach.side().pow(2);
        let each = self.weights.len() / self.biases.len().max(1);
        let biases = outputs.clone().map(|output| self.biases[output] << FINE);
        let mut values: Vec<i64> = biases.flat_map(|bias| repeat_n(bias, places)).collect();
        for (input, plane) in planes.enumerate() {
            let plane = plane.as_ref();
            let sums = values.par_chunks_mut(places).zip(outputs.clone());
            sums.for_each(|(sums, output)| {
                let weights = &self.weights[output * each + input * taps..][..taps];
                self.reach.add(sums, weights, plane, [seen, made]);
            });
        }
        let least = if rectified { 0 } else { -MOST_MADE };
        values.iter_mut().for_each(|sum| *sum = ((*sum + HALF) >> FINE).clamp(least, MOST_MADE));
        Maps { size: made, values }
    }
}

impl Reach {
    /// Adds to the sums of an output what it sees of a plane.
    fn add(self, sums: &mut [i64], weights: &[i64], plane: &[i64], [seen, made]: [[usize; 2]; 2]) {
        let side = self.side();
        for (tap, weight) in weights.iter().enumerate().filter(|(_, weight)| **weight != 0) {
            for (row, sums) in sums.chunks_mut(made[1].max(1)).enumerate() {
                let Some(source) = self.seen(row, tap / side, seen[0]) else { continue };
                let line = &plane[source * seen[1]..][..seen[1]];
                for (column, sum) in sums.iter_mut().enumerate() {
                    if let Some(source) = self.seen(column, tap % side, seen[1]) {
                        *sum += weight * line[source];
                    }
                }
            }
        }
    }

    /// Places of the kernel along an axis.
    fn side(self) -> usize {
        match self {
            Self::Point => 1,
            Self::Around => 3,
            Self::Down | Self::Up => 2,
        }
    }

    /// What the place `at` of an axis sees through place `tap` of the kernel, of so many; none beyond the ends.
    fn seen(self, at: usize, tap: usize, count: usize) -> Option<usize> {
        let place = match self {
            Self::Point => at,
            Self::Around => (at + tap).checked_sub(1)?,
            Self::Down => 2 * at + tap,
            Self::Up => (at % 2 == tap).then_some(at / 2)?,
        };
        (place < count).then_some(place)
    }
}

impl Hyperprior {
    /// Of the model whose parameters `find` gives.
    ///
    /// # Errors
    /// When it has no hyperprior.
    pub fn new(find: &impl Fn(&str) -> Result<Vec<f32>>) -> Result<Self> {
        let spreads = find(SIDE_LOCATION)?.into_iter().zip(find(SIDE_LOG_SCALE)?);
        let spreads = spreads.map(|(location, scale)| Spread::new(location, scale)).collect();
        let [sizes, down, around, up, scales] = HYPERPRIOR_LAYERS;
        let layers = [
            Layer::new(sizes, Reach::Point, find)?,
            Layer::new(down, Reach::Down, find)?,
            Layer::new(around, Reach::Around, find)?,
            Layer::new(up, Reach::Up, find)?,
            Layer::new(scales, Reach::Point, find)?,
        ];
        Ok(Self { spreads, layers })
    }

    /// What is known of each channel of the side code.
    pub fn spreads(&self) -> &[Spread] {
        &self.spreads
    }

    /// Rows and columns of the side code of a code of so many.
    pub fn size(code: [usize; 2]) -> [usize; 2] {
        code.map(|count| count.div_ceil(2))
    }

    /// The side code that goes with `map`.
    pub fn side_code(&self, map: &CodeMap) -> Vec<i32> {
        let size = [map.rows, map.columns];
        // No decoder does this, so that it need not be exact.
        let fine = |value: &i32| {
            (f64::from(value.unsigned_abs()).ln_1p() * f64::from(1 << FINE)).round() as i64
        };
        let planes = map.values.chunks((map.rows * map.columns).max(1));
        let planes = planes.map(|plane| plane.iter().map(fine).collect::<Vec<i64>>());
        let channels = 0..self.spreads.len();
        let [sizes, down, ..] = &self.layers;
        let seen = sizes.run(planes, [size, size], channels.clone(), true);
        let made = down.run(seen.planes(), [size, Self::size(size)], channels, false);
        let whole =
            |value: &i64| ((value + HALF) >> FINE).clamp(-i64::from(LARGEST), LARGEST.into());
        made.values.iter().map(|value| whole(value) as i32).collect()
    }

    /// What a side code says of a code of this size.
    pub fn scales(&self, side: &[i32], size: [usize; 2]) -> Scales<'_> {
        let half = Self::size(size);
        let fine = |value: &i32| (i64::from(*value) << FINE).clamp(-MOST_MADE, MOST_MADE);
        let side = Maps { size: half, values: side.iter().map(fine).collect() };
        let [.., around, up, layer] = &self.layers;
        let channels = 0..self.spreads.len();
        let seen = around.run(side.planes(), [half, half], channels.clone(), true);
        let seen = up.run(seen.planes(), [half, size], channels, true);
        Scales { layer, seen }
    }
}

/// What a side code says.
pub(super) struct Scales<'a> {
    layer: &'a Layer,
    seen: Maps,
}

impl Scales<'_> {
    /// By how many steps of a scale the numbers of this channel are wider than it, place by place.
    pub fn wider(&self, channel: usize) -> Vec<i32> {
        let size = self.seen.size;
        let made = self.layer.run(self.seen.planes(), [size, size], channel..channel + 1, false);
        let steps = |value: &i64| (value * WIDER_BY_LOGARITHM + HALF) >> FINE;
        made.values.iter().map(|value| steps(value) as i32).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::CpuExecutor;
    use crate::data::ImageShape;
    use crate::graph::{Executor, State};
    use crate::inference::{Inference, layout};
    use crate::models::{Choices, CodeForm, Kind, LOG_SCALE, Model};
    use crate::rng::Seed;
    use crate::tasks::codec::quality::Quality;
    use crate::tensor::Tensor;

    /// A model with a hyperprior of codes of 3 by 5 places, and a state in which nothing is 0.
    fn model() -> (Model, State) {
        let images = ImageShape { channels: 1, height: 12, width: 20 };
        let choices = Choices {
            arch: Some("conv:4,6".parse().unwrap()),
            latent: Some(CodeForm::Map(5)),
            quantise: Some(0.02),
            hyperprior: Some(7),
            ..Choices::default()
        };
        let (model, _) = Kind::Conv.build(images, 0, &choices, false).unwrap();
        let mut state = State::initial(&layout(&model).unwrap(), Seed(4), 0);
        for (at, value) in state.parameters.iter_mut().enumerate() {
            *value += 0.3 * (at as f32).sin();
        }
        (model, state)
    }

    #[test]
    fn whole_numbers_say_what_the_network_says() {
        let (model, state) = model();
        let find = |name: &str| {
            let found = state.tensors().find(|(known, ..)| *known == name);
            Ok(found.expect("is there").2.to_vec())
        };
        let hyperprior = Hyperprior::new(&find).unwrap();
        let mut device = CpuExecutor::new();
        device.set_state(&state).unwrap();
        let images: Vec<f32> = (0..240).map(|at| 0.5 + 0.5 * (at as f32 * 0.7).sin()).collect();
        let images = Tensor::new([1, 1, 12, 20], images).unwrap();
        let layout = layout(&model).unwrap();
        let codes = Inference::new(&mut device, &model, &layout).encode(&images, None).unwrap();
        let step = model.quantiser.unwrap().step;
        let values = codes.values.iter().map(|value| (value / step).round() as i32).collect();
        let (channels, rows, columns, quality) = (5, 3, 5, Quality::TRAINED);
        let map = CodeMap { channels, rows, columns, quality, values };
        let side = hyperprior.side_code(&map);
        assert!(side.iter().any(|value| *value > 0) && side.iter().any(|value| *value < 0));
        let scales = hyperprior.scales(&side, [rows, columns]);
        let wider: Vec<i32> = (0..channels).flat_map(|channel| scales.wider(channel)).collect();
        let (exact, channel) = (codes.log_scales.expect("has some"), find(LOG_SCALE).unwrap());
        for (at, (scale, wider)) in exact.iter().zip(&wider).enumerate() {
            let exact = WIDER_BY_LOGARITHM as f32 * (scale - channel[at / (rows * columns)]);
            assert!((exact - *wider as f32).abs() < 0.51, "{at}: {exact}, {wider}");
        }
        assert!(wider.iter().any(|wider| wider.abs() > 1), "{wider:?}");
    }

    #[test]
    fn strange_weights_are_numbers_all_the_same() {
        let (_, mut state) = model();
        for (at, value) in state.parameters.iter_mut().enumerate() {
            *value = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e30, -1e30][at % 5];
        }
        let find = |name: &str| {
            let found = state.tensors().find(|(known, ..)| *known == name);
            Ok(found.expect("is there").2.to_vec())
        };
        let hyperprior = Hyperprior::new(&find).unwrap();
        let values = (0..75).map(|at| if at % 3 == 0 { LARGEST } else { -at }).collect();
        let map = CodeMap { channels: 5, rows: 3, columns: 5, quality: Quality::TRAINED, values };
        let side = hyperprior.side_code(&map);
        assert!(side.iter().all(|value| value.abs() <= LARGEST));
        assert_eq!(hyperprior.scales(&side, [3, 5]).wider(4).len(), 15);
    }
}
