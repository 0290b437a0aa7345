//! Finding the operation that made a number that is not finite.

use std::fmt;

use super::executor::{Executor, PlanId, ProfileRow};
use super::parameter::{Role, StateLayout};
use super::plan::{Area, Location, Plan, Step};
use crate::error::Result;
use crate::ops::StepScalars;

/// The first operation of a step that gave a number that is not finite.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The operation's name.
    pub op: &'static str,
    /// Its input shapes and output shape, as text.
    pub shape: String,
    /// The parameter that it reads, or whose gradient or update it gives.
    pub parameter: Option<String>,
    /// What it gave.
    pub value: f32,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { op, shape, parameter, value } = self;
        write!(f, "{op} {shape}")?;
        if let Some(name) = parameter {
            write!(f, " of {name}")?;
        }
        write!(f, " gave {value}")
    }
}

/// Runs a step of `plan` operation by operation up to the first that gives a number that is not
/// finite; `None` where none does.
///
/// # Errors
/// When there is no such plan or the device is lost.
pub fn find_not_finite(
    executor: &mut dyn Executor,
    plan: PlanId,
    scalars: &StepScalars,
) -> Result<Option<Finding>> {
    for number in 0..executor.plan(plan)?.steps.len() {
        let outputs = executor.run_operation(plan, number, scalars)?;
        let known = executor.plan(plan)?;
        let step = &known.steps[number];
        for (at, values) in step.outputs.iter().zip(&outputs) {
            // The log keeps rows of other steps, and what it is given has been looked at before.
            let odd = values.iter().position(|value| !value.is_finite());
            if let Some(index) = odd.filter(|_| at.area != Area::Metrics) {
                return Ok(Some(finding(known, step, *at, index, values[index])));
            }
        }
    }
    Ok(None)
}

fn finding(plan: &Plan, step: &Step, at: Location, index: usize, value: f32) -> Finding {
    let ProfileRow { op, shape, .. } = ProfileRow::of(step);
    let inputs = step.inputs.iter().map(|input| (input.area, input.offset));
    // What is written says more than what is read: gradients and updates read no parameter, or all.
    let places = [(at.area, at.offset + index)].into_iter().chain(inputs);
    let parameter = places.into_iter().find_map(|(area, word)| parameter(&plan.layout, area, word));
    Finding { op, shape, parameter, value }
}

/// The name of what lies at this word of the state.
fn parameter(layout: &StateLayout, area: Area, word: usize) -> Option<String> {
    let role = match area {
        Area::Parameters | Area::Gradients | Area::Moment(_) | Area::Sum(_) => Role::Parameter,
        Area::Buffers => Role::Buffer,
        _ => return None,
    };
    let mut entries = layout.iter().filter(|(entry, _)| entry.role == role);
    let (entry, _) = entries.find(|(_, range)| range.contains(&word))?;
    Some(entry.name.0.clone())
}
