//! Which tensors a file must hold for a model.

use std::collections::HashSet;
use std::fmt;
use std::ops::Range;
use std::path::Path;

use safetensors::tensor::{Dtype, Metadata};

use crate::error::{Error, Result};
use crate::graph::{ParamName, Role, StateEntry, StateLayout};
use crate::shape::Shape;

/// The most names that an error lists.
const LISTED: usize = 3;

/// The name of a tensor in a file.
pub(super) struct TensorName<'a> {
    /// The optimiser's moment, or `None` for the tensor itself.
    pub moment: Option<usize>,
    /// The tensor's name in the model.
    pub name: &'a ParamName,
}

impl TensorName<'_> {
    /// Whether it is what the model has learned, and neither a moment nor a buffer.
    pub fn is_weight(&self, entry: &StateEntry) -> bool {
        self.moment.is_none() && entry.role == Role::Parameter
    }
}

impl fmt::Display for TensorName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.moment {
            Some(moment) => write!(f, "moment.{moment}.{}", self.name),
            None => write!(f, "{}", self.name),
        }
    }
}

/// A tensor of a file, the model's entry it belongs to, and where it lies in the buffer of its role.
pub(super) type Expected<'a> = (TensorName<'a>, &'a StateEntry, Range<usize>);

/// The tensors of a file for this model, in the file's order.
pub(super) fn expected(layout: &StateLayout, moments: usize) -> Vec<Expected<'_>> {
    let with = |moment: Option<usize>| {
        layout.iter().filter_map(move |(entry, range)| {
            // Only what is trained has moments.
            let present = moment.is_none() || entry.role == Role::Parameter;
            present.then_some((TensorName { moment, name: &entry.name }, entry, range))
        })
    };
    with(None).chain((0..moments).flat_map(|moment| with(Some(moment)))).collect()
}

/// Makes sure that the file's tensors are the model's.
pub(super) fn compare(path: &Path, tensors: &[Expected], file: &Metadata) -> Result<()> {
    let other_model = |what: String| {
        let to_do = "load it with the options it was trained with, or train anew";
        Err(Error::file(path, format!("holds another model: {what}; {to_do}")))
    };
    let mut wrong = vec![];
    let names: Vec<String> = tensors.iter().map(|(name, ..)| name.to_string()).collect();
    let missing: Vec<_> =
        names.iter().map(String::as_str).filter(|name| file.info(name).is_none()).collect();
    if !missing.is_empty() {
        wrong.push(format!("it has no {}", list(&missing)));
    }
    let known: HashSet<&str> = names.iter().map(String::as_str).collect();
    let stored = file.offset_keys();
    let unknown: Vec<_> =
        stored.iter().map(String::as_str).filter(|name| !known.contains(name)).collect();
    if !unknown.is_empty() {
        wrong.push(format!("this model has no {}", list(&unknown)));
    }
    if !wrong.is_empty() {
        return other_model(wrong.join(", and "));
    }
    let differing: Vec<String> = tensors
        .iter()
        .zip(&names)
        .filter_map(|(tensor, name)| differs(tensor, name, file))
        .collect();
    match differing.as_slice() {
        [] => Ok(()),
        [only] => other_model(only.clone()),
        [first, others @ ..] => other_model(format!("{first}, and {} more differ", others.len())),
    }
}

fn differs((_, entry, _): &Expected, name: &str, file: &Metadata) -> Option<String> {
    let info = file.info(name)?;
    let shape = Shape::from(info.shape.as_slice());
    if shape != entry.shape {
        return Some(format!("{name} is {shape} in the file and {} in this model", entry.shape));
    }
    let dtype = info.dtype;
    let is_read = matches!(dtype, Dtype::F32 | Dtype::F16);
    (!is_read).then(|| format!("{name} is {dtype} in the file and F32 in this model"))
}

fn list(names: &[&str]) -> String {
    let (shown, rest) = names.split_at(names.len().min(LISTED));
    let shown = shown.join(", ");
    if rest.is_empty() { shown } else { format!("{shown} and {} more", rest.len()) }
}
