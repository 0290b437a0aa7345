//! From a request to its plan: gradients are added, operations fused, and what is left is scheduled.

use super::draft::Draft;
use super::halves::{Demands, halve_terms, storages};
use super::nodes::{Graph, Kind};
use super::parameter::{ParamName, Role, StateLayout};
use super::plan::{Plan, PlanRequest, Stage};
use crate::error::{Error, Result};
use crate::ops::{Builder, NodeId, Storage};

impl Plan {
    /// Plans `request`.
    ///
    /// # Errors
    /// When a gradient does not exist, a state tensor is not in the layout, a metric is not one
    /// number, a tensor is larger than the adapter can bind, or the adapter has no f16 where that is wanted.
    pub fn new(request: &PlanRequest) -> Result<Plan> {
        let mut graph = request.graph.clone();
        let differentiated = request.training.as_ref().filter(|_| request.stage != Stage::Update);
        // What a gradient begins with is the first node that is added for it.
        let seed = differentiated.map(|_| NodeId(graph.nodes().len() as u32));
        let gradients = match differentiated {
            Some(training) => parameter_gradients(&mut graph, request.layout, training.loss)?,
            None => vec![],
        };
        for (name, node) in &request.metrics {
            if graph.shape(*node).elements() != 1 {
                let what = format!("metric `{name}` is not one number");
                return Err(Error::shape("plan", what, &[graph.shape(*node)]));
            }
        }
        let mut roots: Vec<NodeId> = request.outputs.iter().map(|(_, node)| *node).collect();
        roots.extend(request.metrics.iter().map(|(_, node)| *node));
        roots.extend(gradients.iter().map(|(_, node)| *node));
        if request.updates_state() {
            roots.extend(graph.updates().iter().map(|(_, node)| *node));
        }
        let half = request.half.filter(|_| request.target.is_some());
        if half.is_some() && request.target.is_some_and(|target| !target.f16) {
            return Err(Error::Device("this adapter has no f16, which the plan wants".into()));
        }
        let demands = half.map(|_| Demands::new(&graph, &roots, seed));
        if request.fuse {
            graph = graph.fuse(&roots)?;
        }
        let storages = match (half, demands) {
            (Some(half), Some(demands)) => {
                let storages = storages(&graph, &roots, &demands, half);
                halve_terms(&mut graph, &storages);
                storages
            }
            _ => vec![Storage::F32; graph.nodes().len()],
        };
        Draft::new(&graph, request, storages).finish(&roots, &gradients)
    }
}

/// Each parameter's name with a node, read by nobody else, that holds its gradient.
fn parameter_gradients(
    graph: &mut Graph,
    layout: &StateLayout,
    loss: NodeId,
) -> Result<Vec<(ParamName, NodeId)>> {
    let trained = layout.entries().iter().filter(|entry| entry.role == Role::Parameter);
    let names: Vec<ParamName> = trained.map(|entry| entry.name.clone()).collect();
    let nodes = names
        .iter()
        .map(|name| {
            let is_it = |kind: &Kind| matches!(kind, Kind::State(other) if other == name);
            let index = graph.nodes().iter().position(|node| is_it(&node.kind));
            index.map(|index| NodeId(index as u32)).ok_or_else(|| {
                Error::Graph(format!("parameter `{name}` is trained but the graph does not use it"))
            })
        })
        .collect::<Result<Vec<_>>>()?;
    let gradients = graph.gradients(loss, &nodes)?;
    Ok(names.into_iter().zip(gradients).collect())
}
