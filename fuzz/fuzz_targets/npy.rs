//! NumPy's arrays, and archives of them.
#![no_main]

use std::path::Path;

use diabolo::file::npy;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = npy::array_from_bytes(bytes, Some("codes"), Path::new("input"));
    if let Ok(array) = npy::from_bytes(bytes, Path::new("input")) {
        assert_eq!(array.shape().elements(), array.data().len());
        let is_archive = bytes.starts_with(b"PK");
        assert!(is_archive || array.data().len() <= bytes.len(), "a number takes a byte at least");
    }
});
