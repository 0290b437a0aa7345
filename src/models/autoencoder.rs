//! The objective of plain autoencoders: `L(x, d(e(x')))`, x' being x or what noise left of it
//! (Hinton and Salakhutdinov, "Reducing the dimensionality of data with neural networks", 2006);
//! and, where codes are quantised, what their bits weigh.

use super::model::{Batch, Model, Objective};
use super::network::Scope;
use crate::error::Result;
use crate::ops::NodeId;

/// A reconstruction, and nothing beside it.
pub(super) struct Reconstructed {
    pub code: NodeId,
    pub loss: NodeId,
}

pub(super) fn reconstruct(
    model: &Model,
    scope: &mut Scope,
    batch: &Batch,
) -> Result<Reconstructed> {
    let code = model.encode(scope, batch.input, batch.labels)?.code;
    let decoded = model.decode_beside(scope, code, batch.input, batch.labels)?;
    let loss = model.loss.of(scope.graph, decoded, batch.images, batch.seen)?;
    Ok(Reconstructed { code, loss })
}

pub(super) fn objective(model: &Model, scope: &mut Scope, batch: &Batch) -> Result<Objective> {
    match &model.quantiser {
        Some(quantiser) => quantiser.objective(model, scope, batch),
        None => {
            let Reconstructed { loss, .. } = reconstruct(model, scope, batch)?;
            Ok(Objective { loss, measures: vec![], activity: None })
        }
    }
}
