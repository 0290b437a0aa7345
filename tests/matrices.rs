//! Products by matrix units: which plans have them, that their kernels are taken by compilers, and that they give
//! what the processor gives. The system's llvmpipe has no such units. There, plans are looked at, which takes no
//! adapter, and the adapter is seen to do without; `tests/shaders` has every kernel translated and validated.

mod support;

use std::collections::BTreeSet;

use diabolo::data::{Element, ImageShape};
use diabolo::gpu::{Adapters, GpuExecutor};
use diabolo::graph::{Executor, Plan};
use diabolo::inference::layout;
use diabolo::models::{Choices, Kind};
use diabolo::ops::{AdapterKind, AdapterTraits, Dispatch, GpuTarget, Maker, Matrices, Tile};
use diabolo::tensor::Tensor;
use diabolo::train::{BatchShape, Config, Precision, training_plan};
use support::case::{Case, tensor};
use support::devices::{cpu, gpus_by_matrices};
use support::models::everything_half;

/// A GPU with these matrix units.
fn adapter(matrices: Option<Matrices>, lanes: [u32; 2]) -> GpuTarget {
    let plain = Maker::Nvidia.typical();
    GpuTarget::new(&AdapterTraits { f16: true, matrices, subgroup_sizes: Some(lanes), ..plain })
}

/// The dispatches of a step of training as on MNIST.
fn dispatches(kind: Kind, precision: Precision, target: &GpuTarget) -> Vec<Dispatch> {
    let images = ImageShape { channels: 1, height: 28, width: 28 };
    let recipe = kind.recipe(&Choices::default(), true).choices;
    let model = kind.model(images, 10, &recipe).expect("a model");
    let layout = layout(&model).expect("has parameters");
    let config = Config { batch: 128, precision, ..Config::new(model) };
    let (element, masked, paired) = (Element::Byte, false, false);
    let shape = BatchShape { images, masked, paired, element, batch: 128, room: 128 };
    let plan = training_plan(&config, &layout, shape, Some(target), true).expect("can be planned");
    plan.steps.iter().flat_map(|step| step.dispatches(target)).collect()
}

fn names_by_matrices(dispatches: &[Dispatch]) -> BTreeSet<&'static str> {
    let names = dispatches.iter().map(|dispatch| dispatch.kernel.name);
    names.filter(|name| name.contains("_by_")).collect()
}

#[test]
fn plans_of_mixed_precision_multiply_by_the_units_that_there_are() {
    for matrices in Matrices::ALL {
        let target = adapter(Some(matrices), [32; 2]);
        let kind = if matrices.rounds() { "f16" } else { "f32" };
        let end = format!("_{kind}_by_{}", matrices.side());
        let mut seen = BTreeSet::new();
        for model in [Kind::Dense, Kind::Conv, Kind::Vae] {
            let planned = dispatches(model, Precision::Mixed, &target);
            seen.extend(names_by_matrices(&planned));
            // What is exact need not be asked for, but nobody has seen that it is faster.
            let exact = dispatches(model, Precision::F32, &target);
            assert_eq!(names_by_matrices(&exact), BTreeSet::new());
        }
        assert!(seen.iter().all(|name| name.ends_with(&end)), "{matrices}: {seen:?}");
        for product in
            ["matmul", "matmul_update", "conv2d", "conv_transpose2d", "conv2d_weight_gradient"]
        {
            let name = format!("{product}{end}");
            assert!(seen.contains(name.as_str()), "{name} is not in {seen:?}");
        }
    }
    let without = dispatches(Kind::Conv, Precision::Mixed, &adapter(None, [32; 2]));
    assert_eq!(names_by_matrices(&without), BTreeSet::new());
}

#[test]
fn gradients_are_multiplied_as_large_as_they_are_kept() {
    let target = adapter(Some(Matrices::F16By16), [32; 2]);
    let planned = dispatches(Kind::Conv, Precision::Mixed, &target);
    // 2^8 times 128 images; parameters and what is no gradient are as they are.
    let kept = f64::from(1 << 15);
    let mut seen = BTreeSet::new();
    for dispatch in planned.iter().filter(|dispatch| dispatch.kernel.name.contains("_by_")) {
        let scale = |side: &str| {
            let mut constants = dispatch.constants.iter();
            constants.find(|(name, _)| *name == side).map(|(_, value)| *value)
        };
        let scales = [scale("SCALE_A"), scale("SCALE_B")].map(|scale| scale.expect("is set"));
        assert!(scales.iter().all(|scale| [1.0, kept].contains(scale)), "{scales:?}");
        seen.insert(scales.map(|scale| scale > 1.0));
    }
    // Forward; gradients as the left operand and as the right one.
    assert_eq!(seen, [[false; 2], [false, true], [true, false]].into());
}

/// Each block has to have whole subgroups, and a workgroup 256 invocations at most.
#[test]
fn tiles_hold_blocks_of_whole_subgroups() {
    for matrices in Matrices::ALL {
        for lanes in [[8, 8], [16, 32], [32, 32], [32, 64], [64, 64], [32, 128]] {
            let chip = adapter(Some(matrices), lanes).chip;
            assert_eq!(chip.matrix_tiles.is_empty(), lanes[1] > 64, "{matrices}, {lanes:?}");
            for tile in chip.matrix_tiles {
                let blocks = tile.rows * tile.columns / 1024;
                let invocations = tile.invocations();
                assert_eq!(invocations, blocks * lanes[1].max(32) as usize, "{tile:?}");
                assert!(invocations <= 256 && tile.rows <= invocations, "{tile:?}");
            }
        }
    }
    // Subgroups of Apple's GPUs are 32 whatever Metal says.
    let subgroup_sizes = Some([4, 64]);
    let apple = GpuTarget::new(&AdapterTraits { subgroup_sizes, ..Maker::Apple.typical() });
    let is_whole = |tile: &Tile| tile.invocations() == tile.rows * tile.columns / 32;
    let tiles = apple.chip.matrix_tiles;
    assert!(tiles.len() > 2 && tiles.iter().all(is_whole), "{tiles:?}");
    // Who multiplies has to be known.
    let unknown = AdapterTraits {
        matrices: Some(Matrices::F16By16),
        subgroup_sizes: None,
        ..AdapterTraits::of(AdapterKind::Discrete)
    };
    assert!(GpuTarget::new(&unknown).chip.matrix_tiles.is_empty());
}

/// Products of whole tiles and of none, of many terms and few, with and without rows of whole vec4s, and batches.
fn products() -> Vec<Case> {
    let sizes =
        [[1, 64, 64, 64], [1, 96, 80, 160], [1, 33, 47, 29], [1, 5, 1300, 7], [3, 40, 24, 36]];
    let case = |[batch, m, k, n]: [usize; 4]| {
        let inputs = vec![tensor([batch, m, k], 1, -1.0, 1.0), tensor([batch, k, n], 2, -1.0, 1.0)];
        Case::new(format!("{batch} products"), inputs, |graph, x| {
            diabolo::ops::matmul(graph, x[0], x[1])
        })
    };
    sizes.into_iter().map(case).collect()
}

fn halved(case: &Case) -> Case {
    let mut case = case.clone().amid();
    for input in &mut case.inputs {
        let numbers = input.data().iter().map(|x| half::f16::from_f32(*x).to_f32()).collect();
        *input = Tensor::new(input.shape().clone(), numbers).expect("as many as there were");
    }
    case
}

fn planned_by_matrices(plan: &Plan, target: &GpuTarget) -> usize {
    let dispatches: Vec<_> = plan.steps.iter().flat_map(|step| step.dispatches(target)).collect();
    let by_matrices = dispatches.iter().filter(|it| it.kernel.name.contains("_by_"));
    by_matrices.count()
}

/// The product and both its gradients, whose operands are f16 already and whose sums are f32: where all that is read
/// is f16, the only roundings are those of what an operation gives.
#[test]
fn products_and_their_gradients_are_the_processors() {
    let mut gpus = gpus_by_matrices();
    let has = Adapters::find().list().iter().any(|adapter| adapter.matrices.is_some());
    assert_eq!(gpus.is_empty(), !has, "an adapter with matrices is not used, or one without is");
    if gpus.is_empty() {
        println!("the adapter has no matrix units: it is seen to do without them");
        gpus.push(support::devices::gpu());
    }
    for case in products() {
        let case = halved(&case);
        let mut drawn = case.draw().expect("a graph");
        let expected = drawn.run(&mut cpu(), false).expect("the processor computes it");
        drawn.half = Some(everything_half());
        for gpu in &mut gpus {
            let target = gpu.target().cloned().expect("a GPU has a target");
            let plan = drawn.plan(Some(&target), true).expect("can be planned");
            let most = if has { 3 } else { 0 };
            assert_eq!(planned_by_matrices(&plan, &target), most, "{case:?}");
            let actual = drawn.run(gpu, true).expect("the adapter computes it");
            for ((name, expected), (_, actual)) in expected.iter().zip(&actual) {
                let largest = expected.data().iter().fold(0.0_f32, |most, x| most.max(x.abs()));
                let mut pairs = expected.data().iter().zip(actual.data());
                // Written so that a NaN is wrong.
                let is_near = |e: f32, a: f32| (e - a).abs() <= largest / 512.0;
                let wrong = pairs.find(|(e, a)| !is_near(**e, **a));
                assert_eq!(wrong, None, "{name} of {case:?} on {}", name_of(gpu));
            }
        }
    }
}

fn name_of(gpu: &GpuExecutor) -> String {
    let target = gpu.target().map(|target| target.fuses_updates);
    format!("{}, as a GPU: {target:?}", gpu.name())
}
