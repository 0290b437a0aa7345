//! A batch that a model sees corrupted, and is compared with clean, is gathered and corrupted in one
//! pass.

use std::sync::Arc;

use crate::graph::nodes::{Graph, Kind};
use crate::ops::{Corrupt, GatherImages, NodeId};

impl Graph {
    /// Makes corrupted images a second output of the gathering of clean ones.
    pub(super) fn fuse_corrupted_batch(&mut self, kept: &[NodeId]) {
        let needed = self.needed(kept);
        let readers = self.readers(kept);
        for index in (0..needed.len()).filter(|index| needed[*index]) {
            let Some(corrupt) = self.op::<Corrupt>(index).copied() else { continue };
            let clean = self.nodes[index].inputs[0];
            let Some(gather) = self.op::<GatherImages>(clean.index()).copied() else { continue };
            // Clean images that nobody else reads would be written for nothing.
            if gather.corrupted.is_none() && readers[clean.index()] > 1 {
                let both = GatherImages { corrupted: Some(corrupt), ..gather };
                self.nodes[clean.index()].kind = Kind::Op(Arc::new(both));
                self.nodes[index].kind = Kind::Companion { of: clean, output: 1 };
                self.nodes[index].inputs = self.nodes[clean.index()].inputs.clone();
            }
        }
    }
}
