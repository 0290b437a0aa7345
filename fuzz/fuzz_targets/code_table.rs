//! Tables of codes as text.
#![no_main]

use std::path::Path;

use diabolo::tasks::code_table;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = code_table::areas_from_bytes(bytes, Path::new("input"));
    if let Ok(table) = code_table::from_bytes(bytes, Path::new("input")) {
        let [lines, columns] = table.shape()[..] else { panic!("a table has two axes") };
        assert!(lines > 0 && columns > 0);
        assert!(table.data().len() <= bytes.len(), "a number takes a byte at least");
    }
});
