//! Kernels' variants, measured on the adapter there is and kept in a file.

mod support;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use diabolo::error::Result;
use diabolo::gpu::{self, DeviceChoice, GpuExecutor, GpuOptions, Mixed, ShaderChecks};
use diabolo::graph::{Executor, Graph, Plan, PlanRequest};
use diabolo::ops::{self, GpuTarget, Tuning, Variant};
use diabolo::shape::Shape;
use diabolo::tensor::Tensor;
use support::devices::{cpu, gpu};

fn open(folder: &Path) -> Result<GpuExecutor> {
    let tuning = Some(folder.to_owned());
    let options = GpuOptions {
        checks: ShaderChecks::Checked,
        target: None,
        mixed: Mixed::Stored,
        cache: None,
        tuning,
    };
    GpuExecutor::choose(&DeviceChoice::Gpu, options)
}

/// A product of 37x70 and 70x45, and what it needs.
fn product(target: Option<&GpuTarget>) -> Plan {
    let mut graph = Graph::new();
    let (a, b) = (graph.input("a", [37, 70]), graph.input("b", [70, 45]));
    let y = ops::matmul(&mut graph, a, b).unwrap();
    let layout = graph.layout();
    let outputs = vec![("y".into(), y)];
    Plan::new(&PlanRequest { outputs, ..PlanRequest::new(&graph, &layout, target) }).unwrap()
}

fn values(shape: [usize; 2]) -> Tensor {
    let shape = Shape::from(shape);
    let data = (0..shape.elements()).map(|i| (i % 13) as f32 * 0.25 - 1.0).collect();
    Tensor::new(shape, data).unwrap()
}

fn compute(executor: &mut dyn Executor) -> Result<Tensor> {
    let plan = product(executor.target().cloned().as_ref());
    if executor.target().is_none() {
        executor.set_state(&diabolo::graph::State::initial(
            &plan.layout,
            diabolo::rng::Seed(0),
            0,
        ))?;
    }
    let plan = executor.add_plan(plan, None)?;
    executor.write_input(plan, "a", &values([37, 70]))?;
    executor.write_input(plan, "b", &values([70, 45]))?;
    executor.run(plan, &[Default::default()])?;
    executor.read_output(plan, "y")
}

fn assert_near(what: &str, a: &Tensor, b: &Tensor) {
    let far = a.data().iter().zip(b.data()).find(|(a, b)| (*a - *b).abs() > 1e-3);
    assert!(far.is_none(), "{what}: {far:?}");
}

#[test]
fn what_is_tuned_is_kept_and_used_and_damage_is_ignored() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let steps = product(Some(&GpuTarget::default())).steps;
    let mut lines = vec![];
    let file = gpu::tune(&|| open(folder.path()), folder.path(), &steps, &mut |line| {
        lines.push(line.to_owned());
    })?;
    assert!(lines.len() == 1 && lines[0].contains("matmul 1x37x70x45 nn"), "{lines:?}");
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains("version = "), "{text}");

    // A choice in the file is the one that kernels are dispatched with.
    let chosen = "[choices.\"matmul 1x37x70x45 nn\"]\ntile = [32, 128]\nsplits = 1\n";
    let (head, _) = text.split_once("[choices").unwrap_or((&text, ""));
    std::fs::write(&file, format!("{head}{chosen}")).unwrap();
    let mut tuned = open(folder.path())?;
    let target = tuned.target().cloned();
    let plan = product(target.as_ref());
    let dispatch = &plan.steps[0].dispatches(target.as_ref().unwrap())[0];
    assert!(dispatch.constants.contains(&("TILE_N", 128.0)), "{:?}", dispatch.constants);
    let expected = compute(&mut cpu())?;
    assert_near("tuned", &compute(&mut tuned)?, &expected);

    std::fs::write(&file, "version = \"what\"").unwrap();
    let mut damaged = open(folder.path())?;
    assert_eq!(*damaged.target().unwrap().tuning, Tuning::default());
    assert_near("after damage", &compute(&mut damaged)?, &expected);
    Ok(())
}

#[test]
fn every_variant_of_a_product_gives_the_same() -> Result<()> {
    let expected = compute(&mut cpu())?;
    let base = gpu();
    let plan = product(base.target());
    let variants = plan.steps[0].op.variants(&plan.steps[0].shapes).unwrap();
    let mut tiles = BTreeSet::new();
    for tile in [[32, 32], [64, 64], [32, 128]] {
        for splits in [1, 3] {
            let folder = tempfile::tempdir().unwrap();
            let choice = (variants.key.clone(), Variant { tile, splits });
            let tuning = Arc::new(Tuning([choice].into()));
            let target = GpuTarget { tuning, ..base.target().unwrap().clone() };
            let dispatch = &plan.steps[0].dispatches(&target)[0];
            let sides = dispatch.constants.iter().filter(|(name, _)| name.starts_with("TILE"));
            let sides: Vec<_> = sides.map(|(_, side)| *side as usize).collect();
            tiles.insert((dispatch.kernel.name, sides));
            // By way of a file, as a user's choice would come.
            let file = gpu::tune(&|| open(folder.path()), folder.path(), &[], &mut |_| {})?;
            let text = std::fs::read_to_string(&file).unwrap();
            let choice =
                format!("[choices.\"{}\"]\ntile = {tile:?}\nsplits = {splits}\n", variants.key);
            let (head, _) = text.split_once("[choices").unwrap_or((&text, ""));
            std::fs::write(&file, format!("{head}{choice}")).unwrap();
            let actual = compute(&mut open(folder.path())?)?;
            assert_near(&format!("tiles of {tile:?}, {splits} parts"), &actual, &expected);
        }
    }
    assert_eq!(tiles.len(), 3, "{tiles:?}");
    Ok(())
}
