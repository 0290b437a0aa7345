//! Telling whether a file of a run belongs to the model that lies beside it.

use md5::{Digest, Md5};

use crate::graph::State;

/// The MD5 of a model's parameters and buffers: what it makes of images, but not how it would be trained
/// on.
pub(super) fn fingerprint(state: &State) -> String {
    let mut digest = Md5::new();
    for number in state.parameters.iter().chain(&state.buffers) {
        digest.update(number.to_bits().to_le_bytes());
    }
    digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
