//! What a model knows of its codes before the first is seen: where each channel lies and how wide it
//! is, or how often each code of its codebook is used. It comes from the trained weights alone, by
//! steps that are exact on any machine.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::hyperprior::Hyperprior;
use super::quality::Quality;
use super::spread::Spread;
use crate::error::{Error, Result};
use crate::graph::State;
use crate::models::{CodebookRule, LOCATION, LOG_SCALE, Model, Variant};

/// Bytes of a [`fingerprint`].
pub(super) const FINGERPRINT: usize = 16;

/// What a model knows of its codes.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Prior {
    /// Whole numbers, `step` apart.
    Numbers {
        /// The distance of neighbouring numbers.
        step: f32,
        /// One entry a channel.
        spreads: Vec<Spread>,
        /// What knows more of each number, by a code beside.
        hyperprior: Option<Arc<Hyperprior>>,
    },
    /// Codes of a codebook, by their numbers.
    Codebook {
        /// How often each was used in training, by some measure.
        uses: Vec<u32>,
        /// The codes, row by row.
        codes: Vec<f32>,
        /// Numbers of one code.
        width: usize,
    },
}

impl Prior {
    /// What `model` in this state knows.
    ///
    /// # Errors
    /// When its codes are no whole numbers.
    pub fn new(model: &Model, state: &State) -> Result<Self> {
        let find = |name: &str| {
            let found = state.tensors().find(|(known, ..)| *known == name);
            found.map(|(.., values)| values.to_vec()).ok_or_else(|| {
                Error::Graph(format!("the model has no {name}, which its codes need"))
            })
        };
        if let Some(quantiser) = &model.quantiser {
            let spreads = find(LOCATION)?.into_iter().zip(find(LOG_SCALE)?);
            let spreads = spreads.map(|(location, scale)| Spread::new(location, scale)).collect();
            let hyperprior = quantiser.hyperprior.map(|_| Hyperprior::new(&find).map(Arc::new));
            return Ok(Self::Numbers {
                step: quantiser.step,
                spreads,
                hyperprior: hyperprior.transpose()?,
            });
        }
        if let Variant::Vqvae(vqvae) = &model.variant {
            let mut codes = find("codebook.codes")?;
            if vqvae.rule == CodebookRule::Loss {
                let moves = find("codebook.moves")?;
                codes.iter_mut().zip(moves).for_each(|(code, moved)| *code += moved);
            }
            let uses = find("codebook.counts")?.into_iter().map(|uses| (uses * 16.0) as u32);
            let uses = uses.map(|uses| uses.min(1 << 12)).collect();
            return Ok(Self::Codebook { uses, codes, width: vqvae.code_dim });
        }
        let what = format!(
            "names a {} model whose codes are no whole numbers; train one with --quantise 1, or a \
             vqvae",
            model.name()
        );
        Err(Error::option("--model", what))
    }

    /// The same for numbers of this quality; codes of a codebook have one.
    pub fn at(&self, quality: Quality) -> Self {
        match self {
            Self::Numbers { step, spreads, hyperprior } => Self::Numbers {
                step: step * quality.factor(),
                spreads: spreads.iter().map(|spread| spread.at(quality)).collect(),
                hyperprior: hyperprior.clone(),
            },
            Self::Codebook { .. } => self.clone(),
        }
    }
}

/// The first 128 bits of SHA-256 over the model's tensors with their names and shapes, and the step
/// of its codes.
pub(super) fn fingerprint(model: &Model, state: &State) -> [u8; FINGERPRINT] {
    let mut hash = Sha256::new();
    let mut tensors: Vec<_> = state.tensors().collect();
    tensors.sort_by_key(|(name, ..)| *name);
    for (name, shape, values) in tensors {
        hash.update(format!("{name} {shape}\n"));
        for values in values.chunks(1 << 14) {
            let bytes: Vec<u8> =
                values.iter().flat_map(|value| value.to_bits().to_le_bytes()).collect();
            hash.update(bytes);
        }
    }
    hash.update(model.quantiser.map_or(0.0, |quantiser| quantiser.step).to_bits().to_le_bytes());
    let mut first = [0; FINGERPRINT];
    first.iter_mut().zip(hash.finalize()).for_each(|(first, byte)| *first = byte);
    first
}
