//! Metrics reach the log from the operations that compute them, and are what the nodes hold.

#[allow(dead_code)]
mod support {
    pub mod case;
    pub mod compare;
    pub mod devices;
}

use diabolo::graph::{Graph, METRIC_ROWS, Plan, PlanRequest};
use diabolo::ops::{self, AdapterKind, GpuTarget, NodeId, ReduceKind, StepScalars};
use diabolo::tensor::Tensor;
use support::case::tensor;
use support::devices::{Device, cpu, gpu_as};

const ROWS: usize = 33;

/// Numbers of every kind that a metric can be: sums of few and of many elements behind elementwise
/// operations, sums of what no chain computes, numbers made of numbers, and others.
fn metrics(graph: &mut Graph) -> Vec<NodeId> {
    let x = graph.input("x", [ROWS, 300]);
    let weight = graph.input("weight", [300, 20]);
    let product = ops::matmul(graph, x, weight).unwrap();
    let few = ops::mul(graph, product, product).unwrap();
    let few = ops::mean_all(graph, few).unwrap();
    let many = ops::mul(graph, x, x).unwrap();
    let many = ops::sum_all(graph, many).unwrap();
    let of_a_product = ops::mean_all(graph, product).unwrap();
    let of_an_input = ops::sum_all(graph, x).unwrap();
    let greatest = ops::reduce(graph, product, ReduceKind::Max, &[0, 1]).unwrap();
    let ratio = ops::div(graph, few, many).unwrap();
    let ratio = ops::affine(graph, ratio, 2.0, 1.0).unwrap();
    let number = graph.input("number", [1]);
    vec![few, many, of_a_product, of_an_input, greatest, ratio, number, few, many]
}

fn plan(graph: &Graph, metrics: &[NodeId], target: Option<&GpuTarget>, fuse: bool) -> Plan {
    let named = |prefix: &'static str| {
        let nodes = metrics.iter().enumerate();
        nodes.map(move |(number, node)| (format!("{prefix}{number}"), *node)).collect()
    };
    let (outputs, metrics) = (named("y"), named("m"));
    let layout = graph.layout();
    Plan::new(&PlanRequest { outputs, metrics, fuse, ..PlanRequest::new(graph, &layout, target) })
        .unwrap()
}

/// How many operations do nothing but record, and how many metrics they are given.
fn recorded_apart(plan: &Plan) -> [usize; 2] {
    let records = plan.steps.iter().filter(|step| step.op.name() == "record");
    records.fold([0, 0], |[count, inputs], step| [count + 1, inputs + step.inputs.len()])
}

#[test]
fn every_metric_is_what_its_node_holds_in_the_row_of_its_step() {
    let mut graph = Graph::new();
    let nodes = metrics(&mut graph);
    let devices: [&mut dyn Device; 3] =
        [&mut cpu(), &mut gpu_as(AdapterKind::Discrete), &mut gpu_as(AdapterKind::Software)];
    for device in devices {
        for (fuse, bad) in [(true, false), (false, false), (true, true)] {
            let target = device.target().cloned();
            let plan = plan(&graph, &nodes, target.as_ref(), fuse);
            let plan = device.add_plan(plan, None).unwrap();
            device.poison_memory(plan).unwrap();
            let mut x = tensor([ROWS, 300], 1, -1.0, 1.0).into_data();
            if bad {
                x[7] = f32::NAN;
            }
            device.write_input(plan, "x", &Tensor::new([ROWS, 300], x).unwrap()).unwrap();
            device.write_input(plan, "weight", &tensor([300, 20], 2, -1.0, 1.0)).unwrap();
            device.write_input(plan, "number", &tensor([1], 3, -1.0, 1.0)).unwrap();
            let steps = [5, METRIC_ROWS as u32 - 1].map(|row| StepScalars {
                step: row,
                row,
                ..<_>::default()
            });
            device.run(plan, &steps).unwrap();
            let rows = device.take_metrics(true).unwrap();
            assert_eq!(rows.iter().map(|row| row.scalars.row).collect::<Vec<_>>(), [5, 1023]);
            for row in rows {
                for (number, value) in row.values.iter().enumerate() {
                    let held = device.read_output(plan, &format!("y{number}")).unwrap().data()[0];
                    let same = value.to_bits() == held.to_bits() || value.is_nan() && held.is_nan();
                    assert!(same, "{} {number}: {value} and {held}", device.name());
                    // A maximum may pass over it, and the number that is given knows nothing of it.
                    if ![4, 6].contains(&number) {
                        assert_eq!(value.is_nan(), bad, "{} {number}: {value}", device.name());
                    }
                }
            }
            device.remove_plan(plan).unwrap();
        }
    }
}

#[test]
fn chains_and_sums_record_on_a_gpu_what_they_compute() {
    let mut graph = Graph::new();
    let nodes = metrics(&mut graph);
    let target = GpuTarget::default();
    // All but the maximum, the number that is given, and what has a column already.
    let fused = plan(&graph, &nodes, Some(&target), true);
    assert_eq!(recorded_apart(&fused), [1, 4]);
    assert_eq!(recorded_apart(&plan(&graph, &nodes[..4], Some(&target), true)), [0, 0]);
    // On the processor there is no dispatch to be saved, and what is not fused is as it was written.
    assert_eq!(recorded_apart(&plan(&graph, &nodes, None, true)), [2, 9]);
    assert_eq!(recorded_apart(&plan(&graph, &nodes, Some(&target), false)), [2, 9]);
}
