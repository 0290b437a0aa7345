//! How kernels store what invocations share: what no adapter at hand gets wrong, told by naga's form of them.

use std::collections::BTreeSet;

use crate::support::uses::{every_kernel, parse, parse_text, uses_with_own};
use naga::valid::{FunctionInfo, ModuleInfo};

/// What a store goes to: how its pointer is made, and what that points at.
type Target<'a> = (&'a naga::Expression, &'a naga::TypeInner);

/// Where stores of a block are as `wrong` says, in words.
fn find_stores(
    module: &naga::Module,
    (function, info): (&naga::Function, &FunctionInfo),
    block: &naga::Block,
    wrong: fn(Target) -> bool,
    found: &mut Vec<String>,
) {
    for (statement, span) in block.span_iter() {
        let inner: Vec<&naga::Block> = match statement {
            naga::Statement::Block(block) => vec![block],
            naga::Statement::If { accept, reject, .. } => vec![accept, reject],
            naga::Statement::Switch { cases, .. } => cases.iter().map(|case| &case.body).collect(),
            naga::Statement::Loop { body, continuing, .. } => vec![body, continuing],
            naga::Statement::Store { pointer, .. } => {
                let target = info[*pointer].ty.inner_with(&module.types);
                if wrong((&function.expressions[*pointer], target)) {
                    let name = function.name.as_deref().unwrap_or("a function");
                    found.push(format!("{name}, bytes {:?}", span.to_range()));
                }
                continue;
            }
            _ => continue,
        };
        for block in inner {
            find_stores(module, (function, info), block, wrong, found);
        }
    }
}

/// The same of all functions of a kernel, those that no entry point calls included.
fn all_stores(module: &naga::Module, info: &ModuleInfo, wrong: fn(Target) -> bool) -> Vec<String> {
    let mut found = vec![];
    for (handle, function) in module.functions.iter() {
        find_stores(module, (function, &info[handle]), &function.body, wrong, &mut found);
    }
    for (index, entry) in module.entry_points.iter().enumerate() {
        let function = (&entry.function, info.get_entry_point(index));
        find_stores(module, function, &entry.function.body, wrong, &mut found);
    }
    found
}

/// Fails for a kernel with a store that is as `wrong` says.
fn refuse_stores(wrong: fn(Target) -> bool) {
    let mut texts = BTreeSet::new();
    let used = uses_with_own().iter().map(|found| (found.kernel.clone(), found.eight_lanes));
    for (kernel, eight_lanes) in every_kernel().into_iter().chain(used) {
        if texts.insert(kernel.text()) {
            let (module, info) = parse(&kernel, eight_lanes);
            let found = all_stores(&module, &info, wrong);
            assert!(found.is_empty(), "{}.wgsl: {found:?}:\n{}", kernel.name, kernel.text());
        }
    }
}

/// Functions of a text with a store that is as `wrong` says.
fn functions_with_stores(text: &str, wrong: fn(Target) -> bool) -> Vec<String> {
    let (module, info) = parse_text(text, false);
    let found = all_stores(&module, &info, wrong).into_iter();
    found.map(|text| text.split(',').next().expect("a name").to_owned()).collect()
}

/// A pointer to a whole vector has a type of its own; one into a vector that of a component alone.
fn is_component_of_shared_vector((_, target): Target) -> bool {
    use naga::AddressSpace::{Storage, WorkGroup};
    matches!(
        target,
        naga::TypeInner::ValuePointer { size: None, space: Storage { .. } | WorkGroup, .. }
    )
}

/// By a number that is not known when the kernel is compiled.
fn is_component_by_number((pointer, target): Target) -> bool {
    matches!(target, naga::TypeInner::ValuePointer { size: None, .. })
        && matches!(pointer, naga::Expression::Access { .. })
}

/// A store to one component of a vector may be compiled into reading, changing and writing all of it
/// (gpuweb issue 2112), as Apple's compiler does, so that an invocation undoes what others store to the
/// other components meanwhile. No adapter here does so; this stands for one that does.
#[test]
fn no_kernel_stores_to_a_component_of_a_shared_vector() {
    refuse_stores(is_component_of_shared_vector);
}

/// FXC, which DX12 falls back on, cannot.
#[test]
fn no_kernel_stores_to_a_component_by_a_number() {
    refuse_stores(is_component_by_number);
}

#[test]
fn stores_to_components_are_found() {
    const TEXT: &str = "
        struct Pair { a: vec4<f32>, b: vec2<u32> }
        @group(0) @binding(0) var<storage, read_write> vectors: array<vec4<f32>>;
        @group(0) @binding(1) var<storage, read_write> pairs: array<Pair>;
        @group(0) @binding(2) var<storage, read_write> numbers: array<f32>;
        var<workgroup> tile: array<vec4<f32>, 64>;
        var<private> own: vec4<f32>;
        fn by_number(i: u32) { vectors[i / 4u][i % 4u] = 1.0; }
        fn by_name(i: u32) { for (var k = 0u; k < i; k++) { if k > 2u { vectors[k].y += 1.0; } } }
        fn of_a_member(i: u32) { switch i { case 1u: {} default: { pairs[i].b.x = i; } } }
        fn in_a_workgroup(i: u32) { { tile[i].w = 0.0; } }
        fn of_its_own(i: u32) { own[i % 4u] = vectors[i].x; }
        fn right(i: u32) {
            var local = own;
            own.y = local[i % 4u];
            local.z = tile[i][i % 4u];
            vectors[i] = local;
            tile[i] = vec4<f32>(local.x);
            numbers[i] = local.y;
            pairs[i].a = own;
        }
        @compute @workgroup_size(64) fn main(@builtin(local_invocation_index) i: u32) {
            by_number(i);
            by_name(i);
            of_a_member(i);
            in_a_workgroup(i);
            of_its_own(i);
            right(i);
            vectors[0][i] = 2.0;
        }
    ";
    let shared = functions_with_stores(TEXT, is_component_of_shared_vector);
    assert_eq!(shared, ["by_number", "by_name", "of_a_member", "in_a_workgroup", "main"]);
    let by_number = functions_with_stores(TEXT, is_component_by_number);
    assert_eq!(by_number, ["by_number", "of_its_own", "main"]);
}

/// Compilers with fast mathematics take no float to be NaN, and may make anything of one that is. Where the
/// trainer looks for NaN there are no floats.
#[test]
fn metrics_are_recorded_as_words() {
    let all = every_kernel();
    let (kernel, eight_lanes) =
        all.iter().find(|(kernel, _)| kernel.name == "record").expect("is one");
    let (module, _) = parse(kernel, *eight_lanes);
    let stored = module.global_variables.iter().filter_map(|(_, variable)| {
        let naga::TypeInner::Array { base, .. } = module.types[variable.ty].inner else {
            return None;
        };
        Some(&module.types[base].inner)
    });
    let word = naga::TypeInner::Scalar(naga::Scalar::U32);
    let stored: Vec<_> = stored.collect();
    assert!(stored.len() == 8 && stored.iter().all(|inner| **inner == word), "{stored:?}");
}
