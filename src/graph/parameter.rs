//! The state's layout: which tensors there are, where each begins, and how it starts.

use std::fmt;
use std::ops::Range;

use rand::RngExt;

use crate::rng::{Philox, Seed, Stream, stream};
use crate::shape::Shape;
use crate::tensor::Tensor;

/// The name of a state tensor, dotted, such as `encoder.conv1.weight`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ParamName(pub String);

impl fmt::Display for ParamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether the optimiser or the graph itself changes a state tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Trained by gradient.
    Parameter,
    /// Updated by a node, such as a running mean.
    Buffer,
}

/// How a state tensor starts.
#[derive(Clone, Debug, PartialEq)]
pub enum Initialiser {
    /// One value everywhere.
    Constant(f32),
    /// Uniform in `[-bound, bound]`, `bound = sqrt(6 / (fan_in + fan_out))` (Glorot and Bengio,
    /// 2010): Keras's default for dense and convolution weights.
    GlorotUniform {
        /// Inputs that one output sums over.
        fan_in: usize,
        /// Outputs that one input reaches.
        fan_out: usize,
    },
    /// Uniform in `[-bound, bound]`, `bound = sqrt(6 / fan_in)` (He et al., 2015), for rectified
    /// units.
    HeUniform {
        /// Inputs that one output sums over.
        fan_in: usize,
    },
    /// Uniform in `[-bound, bound]`.
    Uniform {
        /// The bound.
        bound: f32,
    },
    /// These very numbers.
    Values(Tensor),
}

impl Initialiser {
    /// The bound of one that draws evenly between bounds.
    pub fn bound(&self) -> Option<f32> {
        match self {
            Self::Constant(_) | Self::Values(_) => None,
            Self::GlorotUniform { fan_in, fan_out } => {
                Some((6.0 / (fan_in + fan_out) as f32).sqrt())
            }
            Self::HeUniform { fan_in } => Some((6.0 / *fan_in as f32).sqrt()),
            Self::Uniform { bound } => Some(*bound),
        }
    }

    /// The first values of tensor number `index` of a state. Each tensor draws from a stream of
    /// its own, so a new tensor in a model leaves the others' values as they were.
    pub fn values(&self, shape: &Shape, seed: Seed, name: &ParamName) -> Vec<f32> {
        let count = shape.elements();
        let mut random = Philox::new(seed, name_stream(name));
        let mut uniform =
            |bound: f32| (0..count).map(|_| random.random_range(-bound..=bound)).collect();
        match self {
            Self::Constant(value) => vec![*value; count],
            Self::Values(tensor) => tensor.data().to_vec(),
            _ => uniform(self.bound().unwrap_or_default()),
        }
    }
}

/// FNV-1a of the name, in the upper part of the stream numbers.
fn name_stream(name: &ParamName) -> Stream {
    let hash = name
        .0
        .bytes()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    Stream(stream::INITIALISE.0 ^ (hash >> 1))
}

/// One tensor of the state.
#[derive(Clone, Debug, PartialEq)]
pub struct StateEntry {
    /// Its name.
    pub name: ParamName,
    /// Its shape.
    pub shape: Shape,
    /// How it starts.
    pub initialiser: Initialiser,
    /// Who changes it.
    pub role: Role,
}

/// Where each tensor of a state lies: all parameters in one buffer, so that the optimiser is one
/// dispatch; all others in a second.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StateLayout {
    entries: Vec<StateEntry>,
    offsets: Vec<usize>,
    sizes: [usize; 2],
}

/// Tensors begin at multiples of this many words: WebGPU's binding alignment of 256 bytes.
const ALIGNMENT: usize = 64;

impl StateLayout {
    /// Lays `entries` out in their order.
    pub fn new(entries: Vec<StateEntry>) -> Self {
        let mut sizes = [0; 2];
        let offsets = entries
            .iter()
            .map(|entry| {
                let size = &mut sizes[entry.role as usize];
                let offset = *size;
                *size = (offset + entry.shape.elements()).next_multiple_of(ALIGNMENT);
                offset
            })
            .collect();
        Self { entries, offsets, sizes }
    }

    /// The tensors, in order.
    pub fn entries(&self) -> &[StateEntry] {
        &self.entries
    }

    /// Words of the buffer that holds the tensors of `role`, gaps included.
    pub fn words(&self, role: Role) -> usize {
        self.sizes[role as usize]
    }

    /// The entry of that name and the words it occupies in its role's buffer.
    pub fn find(&self, name: &ParamName) -> Option<(&StateEntry, Range<usize>)> {
        let index = self.entries.iter().position(|entry| entry.name == *name)?;
        Some((&self.entries[index], self.range(index)))
    }

    /// Every entry with the words it occupies in its role's buffer.
    pub fn iter(&self) -> impl Iterator<Item = (&StateEntry, Range<usize>)> {
        self.entries.iter().enumerate().map(|(index, entry)| (entry, self.range(index)))
    }

    /// How many numbers are trained.
    pub fn parameters(&self) -> usize {
        let trained = self.entries.iter().filter(|entry| entry.role == Role::Parameter);
        trained.map(|entry| entry.shape.elements()).sum()
    }

    fn range(&self, index: usize) -> Range<usize> {
        self.offsets[index]..self.offsets[index] + self.entries[index].shape.elements()
    }
}
