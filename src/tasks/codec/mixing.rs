//! One chance of several: each is how often a bit was 1 in one view of what stands around it. They are mixed in the
//! logarithm of their odds, by weights that follow what was coded (Mahoney, "Adaptive weighing of context models for
//! lossless data compression", 2005), in whole numbers alone.

use std::sync::LazyLock;

use super::entropy::{BitCoder, Chance, Damage};

/// A logarithm of odds of 1.
const UNIT: i32 = 256;
/// Odds beyond e to the 8th are taken for that.
const FAR: i32 = 8 * UNIT - 1;
/// The chances, of 65536, whose odds are e to the -8, -7.5 and so on up to 8.
const SQUASHED: [i32; 33] = [
    22, 36, 60, 98, 162, 267, 439, 720, 1179, 1921, 3108, 4971, 7812, 11955, 17625, 24743, 32768,
    40793, 47911, 53581, 57724, 60565, 62428, 63615, 64357, 64816, 65097, 65269, 65374, 65438,
    65476, 65500, 65514,
];
/// For chances by their first 12 bits, the logarithm of their odds: the inverse of [`squash`].
static STRETCHED: LazyLock<[i32; 4096]> = LazyLock::new(|| {
    let mut table = [FAR; 4096];
    let mut next = 0;
    for odds in -FAR..=FAR {
        let place = (squash(odds) >> 4) as usize;
        while next <= place {
            table[next] = odds;
            next += 1;
        }
    }
    table
});

/// Views that a bit is seen in.
pub(super) const VIEWS: usize = 6;
/// Each view gives its odds twice: as far as it has seen anything, and as far as it has seen much. Then there are
/// those that are known before, and a constant.
const INPUTS: usize = 2 * VIEWS + 2;
/// Weights are so many bits finer than what they weigh.
const WEIGHT: u32 = 16;
/// What weights begin as.
const FIRST: i32 = (1 << WEIGHT) / 5;
/// How fast weights follow, of 65536.
const RATE: i64 = 655;

/// The chance, of 65536, of these odds.
fn squash(odds: i32) -> i32 {
    let at = odds.clamp(-FAR, FAR) + 8 * UNIT;
    let (place, share) = ((at >> 7) as usize, at & 127);
    SQUASHED[place] + (((SQUASHED[place + 1] - SQUASHED[place]) * share) >> 7)
}

fn stretch(chance: Chance) -> i32 {
    STRETCHED[(chance.one() >> 4) as usize]
}

/// Weights of one kind of bits.
#[derive(Clone)]
struct Weights([i32; INPUTS]);

impl Weights {
    fn new() -> Self {
        let mut weights = [FIRST; INPUTS];
        weights[INPUTS - 1] = 0;
        weights[INPUTS - 2] = 2 * FIRST;
        Self(weights)
    }

    fn odds(&self, inputs: &[i32; INPUTS]) -> i32 {
        let products = self.0.iter().zip(inputs).map(|(w, x)| i64::from(*w) * i64::from(*x));
        (products.sum::<i64>() >> WEIGHT).clamp(-i64::from(FAR), i64::from(FAR)) as i32
    }

    /// Goes along the gradient of the bits that `bit` took at a chance of `one`.
    fn follow(&mut self, inputs: &[i32; INPUTS], bit: bool, one: i32) {
        let miss = i64::from(if bit { 65535 - one } else { -one }) * RATE;
        for (weight, input) in self.0.iter_mut().zip(inputs) {
            let step = (miss * i64::from(*input)) >> 24;
            *weight = (i64::from(*weight) + step).clamp(-(1 << 22), 1 << 22) as i32;
        }
    }
}

/// The views of bits, and how they are mixed.
pub(super) struct Mixed {
    views: [Vec<Chance>; VIEWS],
    weights: Vec<Weights>,
}

impl Mixed {
    /// With views of so many places, and so many kinds of bits, which have weights of their own.
    pub fn new(places: [usize; VIEWS], kinds: usize) -> Self {
        let views = places.map(|places| vec![Chance::EVEN; places]);
        Self { views, weights: vec![Weights::new(); kinds] }
    }

    /// Begins a view anew.
    pub fn forget(&mut self, view: usize) {
        self.views[view].fill(Chance::EVEN);
    }

    /// Encodes `bit`, or decodes the bit that stood there.
    pub fn bit(&mut self, coder: &mut BitCoder, bit: bool, seen: &Seen) -> Result<bool, Damage> {
        let inputs = self.inputs(seen);
        let weights = &mut self.weights[seen.kind];
        let one = squash(weights.odds(&inputs));
        let bit = coder.fixed(bit, Chance::new(one as u32, 0))?;
        weights.follow(&inputs, bit, one);
        for (view, place) in self.views.iter_mut().zip(seen.places) {
            view[place].adapt(bit);
        }
        Ok(bit)
    }

    /// The bits that `bit` would take.
    pub fn bits(&self, bit: bool, seen: &Seen) -> f32 {
        let one = squash(self.weights[seen.kind].odds(&self.inputs(seen)));
        Chance::new(one as u32, 0).bits(bit)
    }

    fn inputs(&self, seen: &Seen) -> [i32; INPUTS] {
        let mut inputs = [0; INPUTS];
        for (number, (view, place)) in self.views.iter().zip(seen.places).enumerate() {
            let chance = view[place];
            let (odds, seen) = (stretch(chance), i32::from(chance.seen()));
            inputs[2 * number] = odds * seen / (2 * seen + 4);
            inputs[2 * number + 1] = odds * seen / (seen + 30);
        }
        inputs[INPUTS - 2] = stretch(seen.known);
        inputs[INPUTS - 1] = UNIT / 4;
        inputs
    }
}

/// What is known of a bit before it is coded.
pub(super) struct Seen {
    /// Which weights it has.
    pub kind: usize,
    /// Its place in each view.
    pub places: [usize; VIEWS],
    /// Its chance to be 1 where none was seen.
    pub known: Chance,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odds_are_what_their_formula_says_and_come_back() {
        for (half, chance) in (-16..).zip(SQUASHED) {
            let exact = 65536.0 / (1.0 + (-f64::from(half) / 2.0).exp());
            assert!((f64::from(chance) - exact).abs() <= 0.5, "{half}: {chance}, {exact}");
        }
        assert!((-FAR..FAR).all(|odds| squash(odds) <= squash(odds + 1)));
        for one in (64..65472).step_by(16) {
            let back = squash(stretch(Chance::new(one, 0)));
            assert!(
                (back - one as i32).abs() <= 16 + one.min(65536 - one) as i32 / 64,
                "{one}: {back}"
            );
        }
    }

    #[test]
    fn the_view_that_knows_is_believed() {
        // Of six views one tells the bit; the others are noise, or see nothing.
        let mut mixed = Mixed::new([4; VIEWS], 1);
        let mut coder = BitCoder::encoder();
        let known = Chance::new(32768, 0);
        let count = 20_000_u32;
        for number in 0..count {
            let noise = number.wrapping_mul(2_654_435_761) >> 16;
            let bit = noise & 1 == 1;
            let at = |shift: u32| (noise >> shift & 3) as usize;
            let places = [at(3), 2 * usize::from(bit), at(5), at(7), 0, at(9)];
            mixed.bit(&mut coder, bit, &Seen { kind: 0, places, known }).unwrap();
        }
        let bits = 8 * coder.finish().len() as u32;
        assert!(bits * 50 < count, "{bits} bits");
    }
}
