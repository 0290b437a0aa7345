//! What a run remembers of its images; the first line is a label that someone asks for.
#![no_main]

use std::path::Path;

use diabolo::data::{Manifest, class_table, label_of};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let (label, text) = text.split_once('\n').unwrap_or(("", text));
    let path = Path::new("input");
    if let Ok(manifest) = Manifest::from_json(text, path) {
        let written = manifest.to_json().expect("what was read can be written");
        assert_eq!(Manifest::from_json(&written, path).expect("and read again"), manifest);
        class_table(&manifest.classes);
        if let Some(label) = label_of(&manifest.classes, label) {
            assert!((label as usize) < manifest.classes.len());
        }
    }
});
