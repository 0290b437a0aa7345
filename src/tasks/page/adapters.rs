//! The adapters that a page has plans for.

use crate::error::Result;
use crate::graph::Plan;
use crate::ops::{AdapterKind, AdapterTraits, GpuTarget};
use crate::portable::PlanFile;

/// What the names of plans end in that are for adapters that compute on the processor, as `web/player.js` knows it.
const ON_PROCESSORS: &str = " on a processor";

/// Adds a plan as for any GPU, under its name, and as for a software adapter, which compiles a GPU's kernels for
/// seconds and runs them slowly.
///
/// # Errors
/// When `plan` fails, or what it gives does not fit the file.
pub(crate) fn add_plans(
    file: &mut PlanFile,
    name: &str,
    plan: impl Fn(&GpuTarget) -> Result<Plan>,
) -> Result<()> {
    let software = GpuTarget::new(&AdapterTraits::of(AdapterKind::Software));
    for (ending, target) in [("", GpuTarget::default()), (ON_PROCESSORS, software)] {
        file.add(&format!("{name}{ending}"), &plan(&target)?, &target)?;
    }
    Ok(())
}
