//! NumPy's arrays.
#![no_main]

use std::path::Path;

use diabolo::tasks::npy;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(array) = npy::from_bytes(bytes, Path::new("input")) {
        assert_eq!(array.shape().elements(), array.data().len());
        assert!(array.data().len() <= bytes.len(), "a number takes a byte at least");
    }
});
