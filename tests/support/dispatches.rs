//! Dispatches checked without a GPU: the kernel compiles with their constants, and binds what they
//! bind.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;

use diabolo::graph::Plan;
use diabolo::ops::{Binding, Dispatch, GpuTarget, MAX_GROUPS};
use naga::valid::{Capabilities, GlobalUse, ValidationFlags, Validator};
use naga::{AddressSpace, ShaderStage};

/// Pipelines that have been checked, by kernel, entry point and constants.
static KNOWN: Mutex<Option<HashSet<String>>> = Mutex::new(None);

/// Checks every dispatch that the plan's operations would make on a GPU.
pub fn check(plan: &Plan) {
    for step in &plan.steps {
        for dispatch in step.dispatches(&GpuTarget::default()) {
            check_dispatch(&dispatch);
        }
    }
}

fn check_dispatch(dispatch: &Dispatch) {
    let name = format!("{}::{}", dispatch.kernel.name, dispatch.entry);
    let right = dispatch.workgroups.iter().all(|groups| (1..=MAX_GROUPS).contains(groups));
    assert!(right, "{name}: workgroups {:?}", dispatch.workgroups);
    let key = format!(
        "{name} {:?} {:?} {}",
        dispatch.constants,
        dispatch.bindings,
        dispatch.params.len()
    );
    if KNOWN.lock().unwrap().get_or_insert_default().insert(key) {
        check_pipeline(&name, dispatch);
    }
}

fn check_pipeline(name: &str, dispatch: &Dispatch) {
    let source = dispatch.kernel.text();
    let module = naga::front::wgsl::parse_str(&source)
        .unwrap_or_else(|error| panic!("{}", error.emit_to_string(&source)));
    let mut validator = Validator::new(ValidationFlags::all(), Capabilities::default());
    let info = validator
        .validate(&module)
        .unwrap_or_else(|error| panic!("{}", error.emit_to_string(&source)));
    let constants: HashMap<String, f64> =
        dispatch.constants.iter().map(|(name, value)| (name.to_string(), *value)).collect();
    let constants = constants.into_iter().collect();
    let entry = Some((ShaderStage::Compute, dispatch.entry));
    naga::back::pipeline_constants::process_overrides(&module, &info, entry, &constants)
        .unwrap_or_else(|error| panic!("{name}: {error}"));

    let number = module.entry_points.iter().position(|entry| entry.name == dispatch.entry);
    let number = number.unwrap_or_else(|| panic!("{name}: no such entry point"));
    let uses = info.get_entry_point(number);
    let mut bound = HashSet::new();
    for (handle, global) in module.global_variables.iter() {
        let (Some(binding), false) = (global.binding, uses[handle].is_empty()) else { continue };
        match (binding.group, binding.binding) {
            (0, place) => {
                let given = dispatch.bindings.get(place as usize);
                let given = given.unwrap_or_else(|| panic!("{name}: nothing at binding {place}"));
                let AddressSpace::Storage { access } = global.space else {
                    panic!("{name}: binding {place} is no storage buffer");
                };
                let writes = access.contains(naga::StorageAccess::STORE);
                let may_write = !matches!(given, Binding::Input(_));
                assert!(!writes || may_write, "{name}: binding {place} writes an input");
                assert!(
                    writes || !uses[handle].contains(GlobalUse::WRITE),
                    "{name}: binding {place} is written"
                );
                bound.insert(place);
            }
            (1, 0) => {
                let size = module.types[global.ty].inner.size(module.to_ctx());
                let given = dispatch.params.len() as u32 * 4;
                // Executors fill the last 16 bytes up.
                let fits = size.div_ceil(16) == given.div_ceil(16);
                assert!(fits, "{name}: {given} bytes of numbers for a struct of {size}");
            }
            (1, 1) => {}
            other => panic!("{name}: unknown binding {other:?}"),
        }
    }
    assert_eq!(bound.len(), dispatch.bindings.len(), "{name}: buffers that are not used");
}
