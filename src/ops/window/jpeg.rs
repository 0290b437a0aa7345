//! What a JPEG leaves of images (ITU-T T.81, 1992): they are coded and decoded, but for the bits, which lose
//! nothing.
//!
//! All is whole numbers, as in the "slow" transform that the usual programs have, so that every device comes to
//! the same bits: blocks of 8x8 are transformed by 13 bits (Loeffler, Ligtenberg, Moschytz: "Practical fast 1-D
//! DCT algorithms with 11 multiplications", 1989), divided by the quality's table and rounded. Images of three
//! channels become light and colour, and colour is kept at half the size. The kernel says the same number for
//! number.

use crate::arithmetic::byte::number_of_byte;
use crate::arithmetic::simd;
use crate::error::{Error, Result};
use crate::ops::half::Halves;
use crate::ops::kernel::{Binding, Dispatch, Kernel, kernel};
use crate::ops::node::{Backward, NodeId};
use crate::ops::op::{Builder, CpuCall, Op, Shapes};
use crate::ops::target::GpuTarget;
use crate::ops::window::blur::{check_images, sizes};
use crate::rng::Stream;
use crate::shape::Shape;

static KERNEL: Kernel = kernel!("window/jpeg");

/// The greatest quality.
pub(crate) const MOST_QUALITY: u32 = 100;

const SIDE: usize = 8;

/// Rows of a block, or its columns.
type Block = [[i32; SIDE]; SIDE];

/// Steps at a quality of 50, of light and of colour (annex K of the standard).
const TABLES: [[u32; SIDE * SIDE]; 2] = [
    [
        16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69,
        56, 14, 17, 22, 29, 51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81,
        104, 113, 92, 49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
    ],
    [
        17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99,
        99, 47, 66, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
        99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
    ],
];

/// Images of `[batch, channels, height, width]` in [0, 1] as a JPEG gives them back, each by a quality drawn
/// evenly from a range. Three channels are red, green and blue; others are coded one by one. There is no
/// gradient; see [`corrupt`](crate::ops::corrupt).
#[derive(Clone, Copy, Debug)]
pub struct Jpeg {
    /// The least quality and the greatest, from 1 to 100.
    pub qualities: [u32; 2],
    /// What draws it.
    pub stream: Stream,
}

/// Planes that an image is coded as.
#[derive(Clone, Copy)]
struct Planes {
    /// Of the image.
    channels: usize,
    height: usize,
    width: usize,
}

impl Planes {
    fn of(images: &Shape) -> Self {
        let [_, channels, height, width] = sizes(images);
        Self { channels, height, width }
    }

    fn is_coloured(self) -> bool {
        self.channels == 3
    }

    /// Height and width of a plane.
    fn size(self, plane: usize) -> [usize; 2] {
        let size = [self.height, self.width];
        if self.is_coloured() && plane > 0 { size.map(|side| side.div_ceil(2)) } else { size }
    }

    /// Numbers of all planes.
    fn numbers(self) -> usize {
        (0..self.channels).map(|plane| self.size(plane).iter().product::<usize>()).sum()
    }

    /// Blocks of all planes.
    fn blocks(self) -> usize {
        let of = |plane| self.size(plane).iter().map(|side| side.div_ceil(SIDE)).product::<usize>();
        (0..self.channels).map(of).sum()
    }

    /// The bytes of a plane before it is coded, but for blueness and redness at the size of the image.
    fn whole(self, bytes: &[i32], plane: usize) -> Vec<i32> {
        let area = self.height * self.width;
        if !self.is_coloured() {
            return bytes[plane * area..][..area].to_vec();
        }
        let [r, g, b] = [0, 1, 2].map(|channel| &bytes[channel * area..][..area]);
        let pixels = r.iter().zip(g).zip(b);
        let converted = |[by_r, by_g, by_b, rest]: [i32; 4]| -> Vec<i32> {
            pixels.map(|((r, g), b)| (by_r * r + by_g * g + by_b * b + rest) >> 16).collect()
        };
        match plane {
            0 => converted([19595, 38470, 7471, 32768]),
            1 => converted([-11059, -21709, 32768, 8_421_375]),
            _ => converted([32768, -27439, -5329, 8_421_375]),
        }
    }

    /// Height and width of the blocks that cover a plane.
    fn padded(self, plane: usize) -> [usize; 2] {
        self.size(plane).map(|side| side.next_multiple_of(SIDE))
    }

    /// A plane before it is coded, in whole blocks: below it there is its last row, and beside it what the
    /// image's last column makes.
    fn plane(self, bytes: &[i32], plane: usize) -> Vec<i32> {
        let whole = self.whole(bytes, plane);
        let at =
            |y: usize, x: usize| whole[y.min(self.height - 1) * self.width + x.min(self.width - 1)];
        let (size, [height, width]) = (self.size(plane), self.padded(plane));
        let is_halved = self.is_coloured() && plane > 0;
        let number = |y: usize, x: usize| {
            let y = y.min(size[0] - 1);
            if is_halved { mean_of_four(2 * y, 2 * x, at) } else { at(y, x) }
        };
        (0..height)
            .flat_map(|y| (0..width).map(move |x| (y, x)))
            .map(|(y, x)| number(y, x))
            .collect()
    }

    /// The planes of an image, coded and decoded, each in whole blocks.
    fn coded(self, bytes: &[i32], quality: u32) -> Vec<Vec<i32>> {
        let tables = [0, 1].map(|table| steps(table, quality));
        let coded = |plane| {
            let mut numbers = self.plane(bytes, plane);
            let table = usize::from(self.is_coloured() && plane > 0);
            code_plane(&mut numbers, self.padded(plane)[1], &tables[table]);
            numbers
        };
        (0..self.channels).map(coded).collect()
    }

    /// Colour at a pixel: three parts of its own number, one of the next above or below and left or right.
    fn enlarged(self, plane: &[i32], y: usize, x: usize) -> i32 {
        let (size, width) = (self.size(1), self.padded(1)[1]);
        // Beyond an edge is what lies on it.
        let near = |at: usize, size: usize| match at % 2 {
            0 => (at / 2).saturating_sub(1),
            _ => (at / 2 + 1).min(size - 1),
        };
        let column = |x: usize| 3 * plane[y / 2 * width + x] + plane[near(y, size[0]) * width + x];
        ((3 * column(x / 2) + column(near(x, size[1])) + 8 - (x % 2) as i32) >> 4) - 128
    }

    /// The image of these planes.
    fn image(self, planes: &[Vec<i32>], out: &mut [f32]) {
        let area = self.height * self.width;
        for (place, (y, x)) in
            (0..self.height).flat_map(|y| (0..self.width).map(move |x| (y, x))).enumerate()
        {
            let light = |plane: usize| planes[plane][y * self.padded(plane)[1] + x];
            let mut store = |channel: usize, number: i32| {
                out[channel * area + place] = number_of_byte(number.clamp(0, 255) as u8);
            };
            if !self.is_coloured() {
                (0..self.channels).for_each(|channel| store(channel, light(channel)));
                continue;
            }
            let (light, blue) = (light(0), self.enlarged(&planes[1], y, x));
            let red = self.enlarged(&planes[2], y, x);
            store(0, light + ((91881 * red + 32768) >> 16));
            store(1, light + ((32768 - 22554 * blue - 46802 * red) >> 16));
            store(2, light + ((116_130 * blue + 32768) >> 16));
        }
    }
}

/// The mean of four numbers from here on; a half is rounded down and up in turn.
fn mean_of_four(y: usize, x: usize, at: impl Fn(usize, usize) -> i32) -> i32 {
    let sum = at(y, x) + at(y, x + 1) + at(y + 1, x) + at(y + 1, x + 1);
    (sum + 1 + (x / 2 % 2) as i32) >> 2
}

/// A cosine transform of 8 numbers, times 2^13 sqrt 8.
#[inline(always)]
fn forward(d: [i32; SIDE]) -> [i32; SIDE] {
    let sums: [i32; 4] = std::array::from_fn(|k| d[k] + d[7 - k]);
    let rest: [i32; 4] = std::array::from_fn(|k| d[k] - d[7 - k]);
    let (outer, inner) = (sums[0] + sums[3], sums[1] + sums[2]);
    let (a, b) = (sums[1] - sums[2], sums[0] - sums[3]);
    let c = (a + b) * 4433;
    let z5 = (rest[0] + rest[1] + rest[2] + rest[3]) * 9633;
    let z1 = (rest[3] + rest[0]) * -7373;
    let z2 = (rest[2] + rest[1]) * -20995;
    let z3 = (rest[3] + rest[1]) * -16069 + z5;
    let z4 = (rest[2] + rest[0]) * -3196 + z5;
    [
        (outer + inner) << 13,
        rest[0] * 12299 + z1 + z4,
        c + b * 6270,
        rest[1] * 25172 + z2 + z3,
        (outer - inner) << 13,
        rest[2] * 16819 + z2 + z4,
        c - a * 15137,
        rest[3] * 2446 + z1 + z3,
    ]
}

/// Its inverse, times 2^13 sqrt 8.
#[inline(always)]
fn inverse(d: [i32; SIDE]) -> [i32; SIDE] {
    let c = (d[2] + d[6]) * 4433;
    let even = [c + d[2] * 6270, c - d[6] * 15137];
    let flat = [(d[0] + d[4]) << 13, (d[0] - d[4]) << 13];
    let sums = [flat[0] + even[0], flat[1] + even[1], flat[1] - even[1], flat[0] - even[0]];
    let z5 = (d[7] + d[5] + d[3] + d[1]) * 9633;
    let z1 = (d[7] + d[1]) * -7373;
    let z2 = (d[5] + d[3]) * -20995;
    let z3 = (d[7] + d[3]) * -16069 + z5;
    let z4 = (d[5] + d[1]) * -3196 + z5;
    let odd = [
        d[1] * 12299 + z1 + z4,
        d[3] * 25172 + z2 + z3,
        d[5] * 16819 + z2 + z4,
        d[7] * 2446 + z1 + z3,
    ];
    let of = |k: usize| if k < 4 { sums[k] + odd[k] } else { sums[7 - k] - odd[7 - k] };
    std::array::from_fn(of)
}

/// A transform along the first axis, divided by two to this power.
#[inline(always)]
fn along(block: &Block, bits: u32, transform: impl Fn([i32; SIDE]) -> [i32; SIDE]) -> Block {
    let mut out = Block::default();
    (0..SIDE).for_each(|lane| {
        let made = transform(std::array::from_fn(|k| block[k][lane]));
        out.iter_mut().zip(made).for_each(|(row, made)| row[lane] = descaled(made, bits));
    });
    out
}

/// `x / 2^bits`, rounded.
#[inline(always)]
fn descaled(x: i32, bits: u32) -> i32 {
    (x + (1 << (bits - 1))) >> bits
}

fn transposed(block: &Block) -> Block {
    std::array::from_fn(|y| std::array::from_fn(|x| block[x][y]))
}

/// The steps of a table at a quality.
fn steps(table: usize, quality: u32) -> Block {
    let scale = if quality < 50 { 5000 / quality } else { 200 - 2 * quality };
    let step = |base: u32| ((base * scale + 50) / 100).clamp(1, 255) as i32;
    std::array::from_fn(|y| std::array::from_fn(|x| step(TABLES[table][y * SIDE + x])))
}

/// A block of bytes, coded and decoded.
#[inline(always)]
fn coded(block: &Block, steps: &Block) -> Block {
    let centred = block.map(|row| row.map(|byte| byte - 128));
    let rows = along(&transposed(&centred), 11, forward);
    let mut coefficients = along(&transposed(&rows), 15, forward);
    for (x, step) in coefficients.as_flattened_mut().iter_mut().zip(steps.as_flattened()) {
        let magnitude = (x.abs() + 4 * step) / (8 * step) * step;
        *x = if *x < 0 { -magnitude } else { magnitude };
    }
    let columns = along(&coefficients, 11, inverse);
    let bytes = along(&transposed(&columns), 18, inverse);
    transposed(&bytes).map(|row| row.map(|x| (x + 128).clamp(0, 255)))
}

/// Codes and decodes a plane of whole blocks.
#[inline(always)]
fn code_plane(plane: &mut [i32], width: usize, steps: &Block) {
    for rows in plane.chunks_exact_mut(SIDE * width) {
        for x in (0..width).step_by(SIDE) {
            let block: Block =
                std::array::from_fn(|y| std::array::from_fn(|column| rows[y * width + x + column]));
            for (y, line) in coded(&block, steps).iter().enumerate() {
                rows[y * width + x..][..SIDE].copy_from_slice(line);
            }
        }
    }
}

impl Jpeg {
    fn quality(&self, word: u32) -> u32 {
        let [least, most] = self.qualities;
        least + ((u64::from(most - least + 1) * u64::from(word)) >> 32) as u32
    }
}

impl Op for Jpeg {
    fn name(&self) -> &'static str {
        "jpeg"
    }

    fn halves(&self) -> Halves {
        Halves::All
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        let [least, most] = self.qualities;
        if least < 1 || most < least || most > MOST_QUALITY {
            let what = "qualities are from 1 to 100, the least one first";
            return Err(Error::shape(self.name(), what, inputs));
        }
        check_images(self.name(), inputs)
    }

    fn gradient(&self, _: &mut dyn Builder, _: &Backward) -> Result<Vec<Option<NodeId>>> {
        Ok(vec![None])
    }

    fn cpu(&self, mut call: CpuCall) {
        let planes = Planes::of(&call.shapes.output);
        let (input, step) = (call.inputs[0], call.step);
        let image = planes.channels * planes.height * planes.width;
        simd::in_rows(call.output(), image, |first, out| {
            for (b, out) in out.chunks_mut(image).enumerate() {
                let b = first + b;
                let word = step.random_words(self.stream, b as u32)[0];
                let bytes =
                    input[b * image..][..image].iter().map(|x| byte(*x)).collect::<Vec<_>>();
                simd::vectorised!(planes.image(&planes.coded(&bytes, self.quality(word)), out));
            }
        });
    }

    fn gpu(&self, shapes: &Shapes, _target: &GpuTarget) -> Vec<Dispatch> {
        let planes = Planes::of(&shapes.output);
        let batch = shapes.output[0];
        let [least, most] = self.qualities;
        let dispatch = |entry, count: usize, each, from, to| {
            let words = [count as u32, self.stream.0, 0, 0].into_iter();
            Dispatch::new(&KERNEL, vec![from, to], Dispatch::linear(count, each))
                .entry(entry)
                .constant("CHANNELS", planes.channels as u32)
                .constant("HEIGHT", planes.height as u32)
                .constant("WIDTH", planes.width as u32)
                .constant("LEAST", least)
                .constant("COUNT", most - least + 1)
                .params(words.chain(TABLES.as_flattened().iter().copied()))
        };
        let blocks = batch * planes.blocks();
        let pixels = batch * planes.height * planes.width;
        vec![
            dispatch("blocks", blocks, SIDE, Binding::Input(0), Binding::Scratch),
            dispatch("pixels", pixels, 64, Binding::Scratch, Binding::Output(0)),
        ]
    }

    fn gpu_scratch(&self, shapes: &Shapes, _target: &GpuTarget) -> usize {
        shapes.output[0] * Planes::of(&shapes.output).numbers()
    }

    fn stream(&self) -> Option<Stream> {
        Some(self.stream)
    }
}

fn byte(x: f32) -> i32 {
    (x.clamp(0.0, 1.0) * 255.0 + 0.5).floor() as i32
}

pub(crate) fn kernel() -> &'static Kernel {
    &KERNEL
}
