//! ONNX's operations and constants, collected one by one.

use std::collections::HashMap;

use super::proto::{AttributeProto, AttributeType, DataType, NodeProto, TensorProto};

/// Nodes and initialisers of a graph to be.
#[derive(Default)]
pub(super) struct Writer {
    pub nodes: Vec<NodeProto>,
    pub initialisers: Vec<TensorProto>,
    /// Constants by what they hold, so that each is there once.
    constants: HashMap<String, String>,
    /// How many values in between there are.
    between: usize,
}

impl Writer {
    /// A node of one output; its parameters are added to what is returned.
    pub fn node(&mut self, op: &str, inputs: &[&str], output: &str) -> &mut NodeProto {
        let node = NodeProto {
            input: inputs.iter().map(|input| (*input).to_owned()).collect(),
            output: vec![output.into()],
            name: Some(format!("{op}:{output}")),
            op_type: Some(op.into()),
            attribute: vec![],
        };
        self.nodes.push(node);
        self.nodes.last_mut().expect("one was pushed")
    }

    /// The same with an output that other nodes of one operation read; its name.
    pub fn inner(&mut self, op: &str, inputs: &[&str]) -> String {
        let output = self.fresh();
        self.node(op, inputs, &output);
        output
    }

    /// A name for a value in between.
    pub fn fresh(&mut self) -> String {
        self.between += 1;
        format!("between_{}", self.between)
    }

    /// A node that makes real numbers of truths or whole numbers.
    pub fn real_of(&mut self, input: &str, output: &str) {
        self.node("Cast", &[input], output).int("to", DataType::Float as i64);
    }

    /// A node that makes whole numbers of real ones.
    pub fn whole_of(&mut self, input: &str, output: &str) {
        self.node("Cast", &[input], output).int("to", DataType::Int64 as i64);
    }

    /// The name of a number.
    pub fn scalar(&mut self, number: f32) -> String {
        self.constant(format!("real {:#x}", number.to_bits()), |name| reals(name, &[], &[number]))
    }

    /// The name of a row of whole numbers.
    pub fn whole(&mut self, numbers: &[i64]) -> String {
        self.constant(format!("whole {numbers:?}"), |name| TensorProto {
            dims: vec![numbers.len() as i64],
            data_type: Some(DataType::Int64.into()),
            name: Some(name.into()),
            raw_data: Some(numbers.iter().flat_map(|number| number.to_le_bytes()).collect()),
        })
    }

    /// The name of a row of numbers.
    pub fn row(&mut self, numbers: &[f32]) -> String {
        let key = format!("row {numbers:?}");
        self.constant(key, |name| reals(name, &[numbers.len()], numbers))
    }

    fn constant(&mut self, key: String, make: impl FnOnce(&str) -> TensorProto) -> String {
        if let Some(known) = self.constants.get(&key) {
            return known.clone();
        }
        let name = format!("constant_{}", self.constants.len());
        self.initialisers.push(make(&name));
        self.constants.insert(key, name.clone());
        name
    }
}

/// A tensor of numbers by name.
pub(super) fn reals(name: &str, shape: &[usize], numbers: &[f32]) -> TensorProto {
    TensorProto {
        dims: shape.iter().map(|size| *size as i64).collect(),
        data_type: Some(DataType::Float.into()),
        name: Some(name.into()),
        raw_data: Some(numbers.iter().flat_map(|number| number.to_le_bytes()).collect()),
    }
}

impl NodeProto {
    /// With a real number as a parameter.
    pub fn float(&mut self, name: &str, value: f32) -> &mut Self {
        self.with(name, AttributeType::Float, |attribute| attribute.f = Some(value))
    }

    /// With a whole number as a parameter.
    pub fn int(&mut self, name: &str, value: i64) -> &mut Self {
        self.with(name, AttributeType::Int, |attribute| attribute.i = Some(value))
    }

    /// With whole numbers as a parameter.
    pub fn ints(&mut self, name: &str, values: impl IntoIterator<Item = usize>) -> &mut Self {
        let values = values.into_iter().map(|value| value as i64).collect();
        self.with(name, AttributeType::Ints, |attribute| attribute.ints = values)
    }

    /// With a word as a parameter.
    pub fn text(&mut self, name: &str, value: &str) -> &mut Self {
        self.with(name, AttributeType::String, |attribute| attribute.s = Some(value.into()))
    }

    /// With a tensor of a single number as a parameter.
    pub fn tensor(&mut self, name: &str, number: f32) -> &mut Self {
        let value = reals(name, &[1], &[number]);
        self.with(name, AttributeType::Tensor, |attribute| attribute.t = Some(value))
    }

    fn with(
        &mut self,
        name: &str,
        kind: AttributeType,
        set: impl FnOnce(&mut AttributeProto),
    ) -> &mut Self {
        let mut attribute = AttributeProto {
            name: Some(name.into()),
            r#type: Some(kind.into()),
            ..AttributeProto::default()
        };
        set(&mut attribute);
        self.attribute.push(attribute);
        self
    }
}
