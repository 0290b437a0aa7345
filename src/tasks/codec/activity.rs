//! What stands around a number of a code, by which its size can be guessed: the numbers near it in its channel, and
//! those of channels before at its place and around it.

use super::mixing::VIEWS;

/// Sizes are kept in so many parts of a step.
const PART: u32 = 256;
/// Beyond this, sizes say nothing more.
const MOST: u32 = 60;
/// Classes of sizes: two for each power of two up to [`MOST`].
pub(super) const CLASSES: usize = 28;
/// Classes of a power of two each.
const COARSE: usize = CLASSES / 2 + 1;
/// Sizes of neighbours that are told apart.
const FEW: usize = 5;
/// How many places each view has.
pub(super) const PLACES: [usize; VIEWS] = [
    CLASSES,
    CLASSES,
    CLASSES,
    COARSE * COARSE * COARSE,
    CLASSES * COARSE * COARSE,
    FEW * FEW * COARSE * COARSE,
];
/// The views that are of one channel alone.
pub(super) const OF_CHANNEL: [usize; 2] = [1, 2];
/// How sizes at a place beside what channels expect are forgotten: by 1/16 a channel.
const FORGET: u32 = 4;

/// The class of a size: 0 for 0, then by powers of two and their halves.
fn class(size: u32) -> usize {
    match size {
        0 => 0,
        size => {
            let power = size.ilog2();
            let upper = if power == 0 { 0 } else { size >> (power - 1) & 1 };
            ((2 * power + upper + 1) as usize).min(CLASSES - 1)
        }
    }
}

fn coarse(size: u32) -> usize {
    class(size).div_ceil(2).min(COARSE - 1)
}

/// What is known of a number before it is coded, sizes in parts of a step.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Around {
    /// Mean of the sizes near it in its channel.
    near: u32,
    /// What its channel and the sizes of channels before at its place let expect.
    here: u32,
    /// The same of the places around.
    beside: u32,
    /// What all of that lets expect.
    expected: u32,
    /// The number to the left, and the one above.
    left: u32,
    above: u32,
    /// The numbers at its place in the two channels before.
    last: [u32; 2],
    /// What its channel lets expect.
    scale: u32,
    /// How much more than that the place has had so far.
    ratio: u32,
}

impl Around {
    /// Its place in each view.
    pub fn places(&self) -> [usize; VIEWS] {
        let few = |size: u32| (size / PART).min(FEW as u32 - 1) as usize;
        let [last, before] = self.last.map(coarse);
        [
            class(self.expected),
            class(self.expected),
            class(self.near),
            (coarse(self.near) * COARSE + coarse(self.here)) * COARSE + coarse(self.beside),
            (class(self.expected) * COARSE + last) * COARSE + before,
            ((few(self.left) * FEW + few(self.above)) * COARSE + coarse(self.scale)) * COARSE
                + coarse(self.ratio),
        ]
    }

    /// The class of what is expected.
    pub fn class(&self) -> usize {
        class(self.expected)
    }
}

/// What channels so far say of each place.
pub(super) struct Activity {
    rows: usize,
    columns: usize,
    /// Sizes beside what was expected of them, and what was expected, of the channels so far.
    sums: Vec<[u32; 2]>,
    /// The one by the other, in parts.
    ratios: Vec<u32>,
    /// The sizes of the two channels before.
    last: Vec<[u32; 2]>,
    /// Of the channel that is coded, as far as it is.
    sizes: Vec<u32>,
    /// What is expected of each place of it.
    scales: Vec<u32>,
}

impl Activity {
    /// Before the first channel of so many rows and columns.
    pub fn new(rows: usize, columns: usize) -> Self {
        let places = rows * columns;
        Self {
            rows,
            columns,
            sums: vec![[PART << 8; 2]; places],
            ratios: vec![PART; places],
            last: vec![[0; 2]; places],
            sizes: Vec::with_capacity(places),
            scales: Vec::with_capacity(places),
        }
    }

    /// Begins a channel whose sizes are so many parts of a step in the mean, place by place.
    pub fn begin(&mut self, scales: impl Iterator<Item = u32>) {
        self.scales.clear();
        self.scales.extend(scales.map(|scale| scale.clamp(1, MOST * PART)));
        self.sizes.clear();
    }

    /// What stands around the next number.
    pub fn around(&self) -> Around {
        let (place, columns) = (self.sizes.len(), self.columns);
        let scale = self.scales[place];
        let (row, column) = (place / columns, place % columns);
        let (up, left, right) = (row > 0, column > 0, column + 1 < columns);
        let size = |there: bool, back: usize| if there { self.sizes[place - back] } else { scale };
        let (to_left, above) = (size(left, 1), size(up, columns));
        let corners = size(up && left, columns + 1) + size(up && right, columns.wrapping_sub(1));
        let near = (2 * (to_left + above) + corners) / 6;
        let by = |ratio: u32| {
            ((u64::from(scale) * u64::from(ratio)) >> 8).min(u64::from(MOST * PART)) as u32
        };
        let here = by(self.ratios[place]);
        let down = row + 1 < self.rows;
        let neighbours = [
            (up, place.wrapping_sub(columns)),
            (left, place.wrapping_sub(1)),
            (right, place + 1),
            (down, place + columns),
        ];
        let (mut sum, mut count) = (0, 0);
        for (_, place) in neighbours.into_iter().filter(|(there, _)| *there) {
            sum += self.ratios[place];
            count += 1;
        }
        let beside = u32::checked_div(sum, count).map_or(here, by);
        let expected = (5 * near + 8 * here + 3 * beside) / 16;
        let (last, ratio) = (self.last[place], self.ratios[place]);
        Around { near, here, beside, expected, left: to_left, above, last, scale, ratio }
    }

    /// Takes the size of the number that was next, in steps.
    pub fn take(&mut self, size: u32) {
        self.sizes.push(size.min(MOST) * PART);
    }

    /// Ends a channel.
    pub fn end(&mut self) {
        let places = self.sums.iter_mut().zip(&mut self.ratios).zip(&mut self.last);
        for (((sums, ratio), last), (size, scale)) in
            places.zip(self.sizes.iter().zip(&self.scales))
        {
            let counted = (*scale).min(PART / 2);
            let seen = (u64::from(*size) * u64::from(counted) / u64::from(*scale))
                .min(30 * u64::from(counted)) as u32;
            for (sum, more) in sums.iter_mut().zip([seen, counted]) {
                *sum = *sum - (*sum >> FORGET) + (more << 8);
            }
            *ratio = ((u64::from(sums[0]) * u64::from(PART)) / u64::from(sums[1].max(1)))
                .min(u64::from(30 * PART)) as u32;
            *last = [*size, last[0]];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_rise_with_sizes_and_fit_their_views() {
        let sizes = || (0..=MOST * PART).step_by(5);
        assert!(sizes().zip(sizes().skip(1)).all(|(a, b)| class(a) <= class(b)));
        assert!([0, 1, 2, 3, 4, 6].map(class).is_sorted_by(|a, b| a < b));
        assert_eq!((class(0), class(u32::MAX)), (0, CLASSES - 1));
        let most = MOST * PART;
        let around = Around {
            near: most,
            here: most,
            beside: most,
            expected: most,
            left: most,
            above: most,
            last: [most; 2],
            scale: most,
            ratio: most,
        };
        assert!(around.places().into_iter().zip(PLACES).all(|(place, places)| place < places));
    }

    #[test]
    fn large_numbers_let_others_expect_more() {
        let mut activity = Activity::new(2, 3);
        activity.begin([PART; 6].into_iter());
        let first = activity.around();
        assert_eq!([first.near, first.here, first.beside, first.expected], [PART; 4]);
        for size in [9, 0, 0, 9, 0, 0] {
            activity.take(size);
        }
        activity.end();
        activity.begin([PART; 6].into_iter());
        let expected: Vec<u32> = (0..6)
            .map(|_| {
                let expected = activity.around().expected;
                activity.take(1);
                expected
            })
            .collect();
        assert!(expected[0] > PART && expected[3] > PART, "{expected:?}");
        assert!(expected[0] > expected[1] && expected[1] > expected[2], "{expected:?}");
    }
}
