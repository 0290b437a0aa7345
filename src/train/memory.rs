//! Whether a training fits into memory, known before any of it is taken.

use super::available_memory::available_memory;
use super::config::Config;
use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::graph::{Bytes, Plan, Role, StateLayout};
use crate::ops::GpuTarget;

/// At most so often a state is in host memory: the device's, a new one, and a copy on its way.
const COPIES: u64 = 3;
/// What images are looked at before training takes, at most: numbers, and as many in sections.
const LOOK: u64 = (2 * 4) << 25;

/// Bytes that a training takes on the processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Needs {
    /// Activations, gradients of them, and inputs, of all plans.
    plans: u64,
    /// Parameters, their gradients and moments.
    state: u64,
    /// Images.
    images: u64,
}

impl Needs {
    fn total(self) -> u64 {
        self.plans.saturating_add(self.state).saturating_add(self.images)
    }
}

/// Refuses a model with parameters that the device does not take, before they are drawn.
///
/// # Errors
/// When one of them is too large for the adapter.
pub(super) fn check_parameters(layout: &StateLayout, target: Option<&GpuTarget>) -> Result<()> {
    let Some(target) = target else { return Ok(()) };
    let bytes = |words: usize| words as u64 * 4;
    let largest = layout.iter().max_by_key(|(entry, _)| entry.shape.elements());
    match largest.filter(|(entry, _)| bytes(entry.shape.elements()) > target.max_binding_bytes) {
        None => Ok(()),
        Some((entry, _)) => Err(Error::Memory(format!(
            "{} takes {}, but this adapter binds at most {}; use a smaller --size, --arch or --latent, \
             or --device cpu",
            entry.name,
            Bytes(bytes(entry.shape.elements())),
            Bytes(target.max_binding_bytes),
        ))),
    }
}

/// Refuses a training on the processor that takes more memory than there is, of which these are the
/// `plans`; `of_batch` makes those for other batches.
///
/// # Errors
/// When it does; the error says what would help.
pub(super) fn check(
    config: &Config,
    dataset: &Dataset,
    layout: &StateLayout,
    plans: &[Plan],
    of_batch: &dyn Fn(usize) -> Result<Vec<Plan>>,
) -> Result<()> {
    let Some(available) = available_memory() else { return Ok(()) };
    let needs = needs(config, dataset, layout, plans);
    if needs.total() <= available {
        return Ok(());
    }
    let fixed = Needs { plans: 0, ..needs };
    let most = config.images_a_plan().min(dataset.train.count);
    let advice = match fitting(config, most, (fixed, available), of_batch)? {
        Some(found) => format!("{found} would fit, or try a smaller --size, --arch or --latent"),
        None => "use a smaller --size, --arch or --latent".to_owned(),
    };
    let Needs { plans, state, images } = needs;
    Err(Error::Memory(format!(
        "this training takes {} ({} for a step of {} images of {}, {} for parameters with their gradients \
         and moments, {} for images), and {} are free; {advice}",
        Bytes(needs.total()),
        Bytes(plans),
        config.batch.min(dataset.train.count),
        dataset.shape,
        Bytes(state),
        Bytes(images),
        Bytes(available),
    )))
}

/// Options under which a training fits that takes `fixed` beside its plans, in which `most` images do not: in the
/// same steps if they can come in shards, and in smaller ones.
fn fitting(
    config: &Config,
    mut most: usize,
    (fixed, available): (Needs, u64),
    of_batch: &dyn Fn(usize) -> Result<Vec<Plan>>,
) -> Result<Option<String>> {
    while most > 1 && fixed.total() < available {
        most /= 2;
        let plans = of_batch(most)?.iter().map(bytes_of).sum();
        if (Needs { plans, ..fixed }).total() <= available {
            let smaller = format!("--batch {}", most * config.shards);
            let whole = config.batch.is_multiple_of(most);
            return Ok(Some(match whole {
                true => format!("--shards {} or {smaller}", config.batch / most),
                false => smaller,
            }));
        }
    }
    Ok(None)
}

fn bytes_of(plan: &Plan) -> u64 {
    plan.memory.slots.saturating_add(plan.memory.inputs)
}

fn needs(config: &Config, dataset: &Dataset, layout: &StateLayout, plans: &[Plan]) -> Needs {
    let parameters = layout.words(Role::Parameter) as u64 * 4;
    let buffers = layout.words(Role::Buffer) as u64 * 4;
    let state = parameters * (1 + config.optimiser.moments() as u64) + buffers;
    let parts = [&dataset.train, &dataset.test];
    let pixels: u64 = parts.iter().map(|part| part.pixels.len() as u64).sum();
    let all: u64 = parts.iter().map(|part| (part.image_bytes() * part.count) as u64).sum();
    Needs {
        plans: plans.iter().map(bytes_of).sum(),
        state: COPIES * state + parameters,
        images: pixels + LOOK.min(8 * all),
    }
}
