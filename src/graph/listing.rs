//! A plan as text: what runs, in which order, on which memory, by which kernels, at what cost.

use std::fmt::Write;

use super::bytes::Bytes;
use super::cost::Cost;
use super::nodes::Data;
use super::parameter::Role;
use super::plan::{Area, Location, Plan, Step};
use crate::ops::{Dispatch, GpuTarget};
use crate::shape::Shape;

impl Plan {
    /// Its operations in order, two lines or more each: the operation with what it reads and writes, and
    /// every kernel that computes it on `target` with its workgroups; the first kernel's line ends in
    /// what the operation costs.
    ///
    /// Tensors are named by their memory: `slot 2` is working memory that several share, a name such
    /// as `encoder.dense1.weight` is a parameter's, `pixels` and `order` are the dataset's.
    pub fn listing(&self, target: &GpuTarget) -> String {
        let mut text = String::new();
        for (number, step) in self.steps.iter().enumerate() {
            let line = self.describe(step);
            let _ = writeln!(text, "{:>3}  {:<16} {line}", number + 1, step.op.name());
            let cost = describe_cost(step.cost(target));
            for (index, dispatch) in step.dispatches(target).iter().enumerate() {
                let cost = if index == 0 { cost.as_str() } else { "" };
                let line = format!("       {:<46} {cost}", describe_dispatch(dispatch));
                let _ = writeln!(text, "{}", line.trim_end());
            }
        }
        let Cost { dispatches, .. } = self.cost(target);
        let slots: usize = self.slots.iter().sum();
        let _ = writeln!(
            text,
            "{dispatches} kernels in all; {} slots of working memory, {} together",
            self.slots.len(),
            Bytes(4 * slots as u64)
        );
        text
    }

    fn describe(&self, step: &Step) -> String {
        let inputs = step.inputs.iter().zip(&step.shapes.inputs);
        let inputs: Vec<_> = inputs.map(|(at, shape)| self.tensor(at, Some(shape))).collect();
        let shapes = [Some(&step.shapes.output)].into_iter().chain(std::iter::repeat(None));
        let outputs = step.outputs.iter().zip(shapes);
        let outputs: Vec<_> = outputs.map(|(at, shape)| self.tensor(at, shape)).collect();
        format!("{} -> {}", inputs.join(", "), outputs.join(", ")).trim_start().to_owned()
    }

    /// A tensor by its memory, and by its shape where one is given.
    fn tensor(&self, at: &Location, shape: Option<&Shape>) -> String {
        let name = match at.area {
            Area::Slot(slot) => format!("slot {slot}"),
            Area::Input(input) => self.inputs[input].0.clone(),
            Area::Constant(constant) => format!("constant {constant}"),
            Area::Metrics => return "metrics".into(),
            Area::Data(Data::Pixels) => "pixels".into(),
            Area::Data(Data::Labels) => "labels".into(),
            Area::Data(Data::Order) => "order".into(),
            Area::Parameters => return self.stored(Role::Parameter, at, "parameters", shape),
            Area::Gradients => return self.stored(Role::Parameter, at, "gradients", shape),
            Area::Moment(moment) => format!("moment {moment}"),
            Area::Sum(sum) => format!("sum {sum}"),
            Area::Buffers => return self.stored(Role::Buffer, at, "buffers", shape),
        };
        match shape {
            Some(shape) => format!("{name} {shape}"),
            None => name,
        }
    }

    /// The tensor of the state that lies there, or all of them.
    fn stored(&self, role: Role, at: &Location, all: &str, shape: Option<&Shape>) -> String {
        let mut entries = self.layout.iter().filter(|(entry, _)| entry.role == role);
        let found = entries.find(|(_, range)| *range == at.range());
        let name = match (found, at.area) {
            (Some((entry, _)), Area::Gradients) => format!("gradient of {}", entry.name),
            (Some((entry, _)), _) => entry.name.to_string(),
            (None, _) => return all.into(),
        };
        match shape {
            Some(shape) => format!("{name} {shape}"),
            None => name,
        }
    }
}

fn describe_dispatch(dispatch: &Dispatch) -> String {
    let [x, y, z] = dispatch.workgroups;
    let groups = match x * y * z {
        1 => "1 workgroup".into(),
        groups => format!("{groups} workgroups"),
    };
    format!("{} {}, {groups}", dispatch.kernel.name, dispatch.entry)
}

fn describe_cost(Cost { bytes, flops, .. }: Cost) -> String {
    format!("{:>10} {:>8.2} MFLOP", Bytes(bytes).to_string(), flops as f64 / 1e6)
}
