//! What was measured of kernels on an adapter.
#![no_main]

use std::path::Path;

use diabolo::gpu::parse_tuning;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(tuning) = parse_tuning(text, Path::new("input"), "adapter", "driver") {
        assert!(tuning.0.values().all(|variant| variant.is_possible()));
    }
});
