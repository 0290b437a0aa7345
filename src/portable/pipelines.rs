//! The kernels and pipelines of plans, each once.

use std::collections::HashMap;

use super::form::{Constants, KernelText, PipelineForm, StorageForm};
use crate::error::Result;
use crate::gpu::Reflection;
use crate::ops::Dispatch;

/// Kernels and pipelines, numbered as they were first met.
#[derive(Debug, Default)]
pub(super) struct Pipelines {
    /// By their texts.
    numbers: HashMap<String, usize>,
    reflections: Vec<Reflection>,
}

impl Pipelines {
    /// The number of the dispatch's pipeline, which is added where it is new.
    ///
    /// # Errors
    /// When the kernel is no WGSL or does not fit the dispatch.
    pub fn add(
        &mut self,
        dispatch: &Dispatch,
        kernels: &mut Vec<KernelText>,
        pipelines: &mut Vec<PipelineForm>,
    ) -> Result<usize> {
        let text = dispatch.kernel.text();
        let kernel = match self.numbers.get(&text) {
            Some(kernel) => *kernel,
            None => {
                self.reflections.push(Reflection::new(&dispatch.kernel)?);
                self.numbers.insert(text.clone(), kernels.len());
                kernels.push(KernelText { name: dispatch.kernel.name, text });
                kernels.len() - 1
            }
        };
        let interface = self.reflections[kernel].interface(dispatch)?;
        let constants = Constants(dispatch.constants.clone());
        let is_same = |known: &PipelineForm| {
            (known.kernel, known.entry) == (kernel, dispatch.entry) && known.constants == constants
        };
        if let Some(known) = pipelines.iter().position(is_same) {
            return Ok(known);
        }
        let storage = interface.storage.iter();
        let storage = storage
            .map(|found| StorageForm { binding: found.number, read_only: found.read_only })
            .collect();
        let (params, step) = (interface.params, interface.step);
        pipelines.push(PipelineForm {
            kernel,
            entry: dispatch.entry,
            constants,
            storage,
            params,
            step,
        });
        Ok(pipelines.len() - 1)
    }
}
