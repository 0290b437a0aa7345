//! Models as files of safetensors, with the options in them.
//!
//! Where the first byte is odd, the length of the header is put before the rest, so that the header can
//! change without it.
#![no_main]

use std::path::Path;

use diabolo::graph::{Initialiser, ParamName, Role, StateEntry, StateLayout};
use diabolo::shape::Shape;
use diabolo::train::Config;
use diabolo::run::checkpoint;
use libfuzzer_sys::fuzz_target;

/// Bytes of the tensors of [`layout`].
const TENSORS: usize = 4 * (6 + 3);

fuzz_target!(|bytes: &[u8]| {
    let Some((how, rest)) = bytes.split_first() else { return };
    let mut file = rest.to_vec();
    if how & 1 == 1 {
        let header = rest.len().saturating_sub(TENSORS) as u64;
        file = [&header.to_le_bytes()[..], rest].concat();
    }
    let (path, layout) = (Path::new("input"), layout());
    if let Ok(header) = checkpoint::header_from_bytes(&file, path) {
        let _ = Config::from_toml(&header.config, path);
    }
    if let Ok(found) = checkpoint::from_bytes(&file, path, &layout) {
        assert_eq!(found.state.layout, layout);
        assert_eq!(found.state.parameters.len(), layout.words(Role::Parameter));
        assert!(found.state.moments.len() <= 4);
    }
});

fn layout() -> StateLayout {
    let entry = |name: &str, shape: &[usize], role| StateEntry {
        name: ParamName(name.into()),
        shape: Shape::from(shape),
        initialiser: Initialiser::Constant(0.0),
        role,
    };
    StateLayout::new(vec![
        entry("a.weight", &[3, 2], Role::Parameter),
        entry("a.mean", &[3], Role::Buffer),
    ])
}
