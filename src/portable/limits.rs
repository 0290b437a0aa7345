//! What every WebGPU adapter grants (W3C, "WebGPU", section 3.6.2, default limits), and no more.

use super::form::{Area, DispatchForm, Document, Place, PlanForm};
use crate::error::{Error, Result};
use crate::graph::Bytes;
use crate::ops::{GpuTarget, MAX_GROUPS};

/// Bytes of a buffer.
const MOST_BUFFER: u64 = 256 << 20;
/// Storage buffers of a pipeline.
const MOST_STORAGE: usize = 8;
/// Bytes of the uniforms of a dispatch.
const MOST_UNIFORM: u64 = 64 << 10;

impl Document {
    /// Refuses what an adapter at WebGPU's default limits, without features, does not run.
    ///
    /// # Errors
    /// When a buffer or a dispatch is too large, or a kernel wants a feature.
    pub(super) fn check(&self) -> Result<()> {
        let wants = |text: &str| {
            let mut lines = text.lines().map(str::trim_start);
            lines.any(|line| line.starts_with("enable ") || line.starts_with("requires "))
        };
        if let Some(kernel) = self.kernels.iter().find(|kernel| wants(&kernel.text)) {
            let what = format!("kernel {} wants a feature that not all adapters have", kernel.name);
            return Err(Error::Device(what));
        }
        let state = [("the parameters", self.state.parameters), ("buffers", self.state.buffers)];
        state.into_iter().try_for_each(|(name, bytes)| fits(name, bytes, MOST_BUFFER))?;
        self.plans.iter().try_for_each(|(name, plan)| self.check_plan(name, plan))
    }

    fn check_plan(&self, name: &str, plan: &PlanForm) -> Result<()> {
        for (slot, bytes) in plan.slots.iter().enumerate() {
            fits(&format!("slot {slot} of plan {name}"), *bytes, MOST_BUFFER)?;
        }
        for (data, bytes) in &plan.data {
            fits(&format!("the dataset's {data} of plan {name}"), *bytes, MOST_BUFFER)?;
        }
        plan.dispatches.iter().try_for_each(|dispatch| self.check_dispatch(dispatch))
    }

    fn check_dispatch(&self, dispatch: &DispatchForm) -> Result<()> {
        let (operation, groups) = (&dispatch.operation, dispatch.workgroups);
        let pipeline = &self.pipelines[dispatch.pipeline];
        if !groups.iter().all(|groups| (1..=MAX_GROUPS).contains(groups)) {
            let what = format!("{operation} dispatches {groups:?} workgroups, above {MAX_GROUPS}");
            return Err(Error::Device(what));
        }
        if pipeline.storage.len() > MOST_STORAGE {
            let what = format!("{operation} binds more than {MOST_STORAGE} storage buffers");
            return Err(Error::Device(what));
        }
        fits(operation, 4 * dispatch.params.len() as u64, MOST_UNIFORM)?;
        let most = GpuTarget::default().max_binding_bytes;
        for Place { area, number, bytes, .. } in &dispatch.bindings {
            let named = || match area {
                Area::Parameters => format!("{operation}, of the parameters,"),
                _ => format!("{operation}, of {area:?} {number},"),
            };
            fits(&named(), *bytes, most)?;
        }
        Ok(())
    }
}

fn fits(name: &str, bytes: u64, most: u64) -> Result<()> {
    if bytes <= most {
        return Ok(());
    }
    let what = format!(
        "{name} takes {}, and any adapter holds {}; use a smaller model, batch or image",
        Bytes(bytes),
        Bytes(most)
    );
    Err(Error::Memory(what))
}
