//! The graph as Graphviz text.

use std::fmt::Write;

use super::nodes::{Graph, Kind};

impl Graph {
    /// The graph in Graphviz's language: `dot -Tsvg`.
    pub fn to_dot(&self) -> String {
        let mut text =
            String::from("digraph diabolo {\n  rankdir=TB;\n  node [fontname=\"sans\"];\n");
        for (index, node) in self.nodes.iter().enumerate() {
            let (label, style) = match &node.kind {
                Kind::Input(name) => {
                    (name.clone(), "shape=oval, style=filled, fillcolor=lightblue")
                }
                Kind::State(name) => (name.to_string(), "shape=box, style=filled, fillcolor=khaki"),
                Kind::Constant(_) => ("constant".into(), "shape=box, style=dashed"),
                Kind::Data(data) => (format!("{data:?}"), "shape=cylinder"),
                Kind::Op(op) => (op.name().to_string(), "shape=box, style=rounded"),
                Kind::Companion { of, output } => {
                    (format!("output {output} of n{}", of.0), "shape=box, style=rounded")
                }
            };
            let label = label.replace('\\', "\\\\").replace('"', "\\\"");
            let shape = &node.shape;
            // Writing to a String cannot fail.
            let _ = writeln!(text, "  n{index} [label=\"{label}\\n{shape}\", {style}];");
            for input in &node.inputs {
                let _ = writeln!(text, "  n{} -> n{index};", input.0);
            }
        }
        text.push_str("}\n");
        text
    }
}
