//! IDX files, plain and gzipped.
#![no_main]

use std::path::Path;

use diabolo::data::idx;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = idx::parse_labels(bytes, Path::new("labels"));
    if let Ok(array) = idx::parse(bytes, Path::new("input")) {
        assert_eq!(array.axes.iter().product::<usize>(), array.bytes.len());
        let labels = idx::parse(&[0, 0, 8, 1, 0, 0, 0, 1, 7][..], Path::new("labels"));
        let _ = labels.and_then(|labels| idx::pair(array, labels));
    }
});
