//! Numbers of a file: f32, or f16 where weights are to take half the room.

use std::io::{self, Read, Write};

use half::f16;
use safetensors::tensor::Dtype;

use crate::graph::{Role, State};

/// Numbers that are converted to or from bytes at a time.
pub(super) const CHUNK: usize = 1 << 14;

/// How the weights of a model are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// As they are, f32.
    Single,
    /// Rounded to f16, tensor by tensor, but for those with a number that f16 does not reach.
    Half,
}

impl Width {
    /// What a tensor of these `numbers` is stored as. The optimiser's moments and what is no weight stay as they are.
    pub(super) fn of(self, is_weight: bool, numbers: &[f32]) -> Dtype {
        // Not so for NaN.
        let fits = |number: &f32| number.abs() <= f16::MAX.to_f32();
        match self {
            Self::Half if is_weight && numbers.iter().all(fits) => Dtype::F16,
            _ => Dtype::F32,
        }
    }

    /// The numbers as they will be read again.
    pub(super) fn rounded(self, mut state: State) -> State {
        let State { layout, parameters, .. } = &mut state;
        for (entry, range) in layout.iter() {
            if entry.role != Role::Parameter {
                continue;
            }
            let numbers = &mut parameters[range];
            if self.of(true, numbers) == Dtype::F16 {
                numbers.iter_mut().for_each(|number| *number = f16::from_f32(*number).to_f32());
            }
        }
        state
    }
}

/// Writes numbers as `dtype`, which is F16 or F32.
pub(super) fn write(out: &mut dyn Write, numbers: &[f32], dtype: Dtype) -> io::Result<()> {
    let mut bytes = Vec::with_capacity(CHUNK * size_of::<f32>());
    for chunk in numbers.chunks(CHUNK) {
        bytes.clear();
        match dtype {
            Dtype::F16 => {
                bytes.extend(chunk.iter().flat_map(|number| f16::from_f32(*number).to_le_bytes()));
            }
            _ => bytes.extend(chunk.iter().flat_map(|number| number.to_bits().to_le_bytes())),
        }
        out.write_all(&bytes)?;
    }
    Ok(())
}

/// Reads numbers that are stored as `dtype`, which is F16 or F32.
pub(super) fn read(source: &mut impl Read, target: &mut [f32], dtype: Dtype) -> io::Result<()> {
    let size = if dtype == Dtype::F16 { size_of::<f16>() } else { size_of::<f32>() };
    let mut bytes = vec![0; CHUNK * size];
    for chunk in target.chunks_mut(CHUNK) {
        let bytes = &mut bytes[..chunk.len() * size];
        source.read_exact(bytes)?;
        match dtype {
            Dtype::F16 => {
                for (number, bytes) in chunk.iter_mut().zip(bytes.as_chunks().0) {
                    *number = f16::from_le_bytes(*bytes).to_f32();
                }
            }
            _ => {
                for (number, bytes) in chunk.iter_mut().zip(bytes.as_chunks().0) {
                    *number = f32::from_le_bytes(*bytes);
                }
            }
        }
    }
    Ok(())
}
