//! The options of a run, and the model that they describe.
#![no_main]

use std::path::Path;

use diabolo::train::Config;
use diabolo::inference::layout;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let path = Path::new("input");
    if let Ok(config) = Config::from_toml(text, path) {
        let written = config.to_toml().expect("what was checked can be stored");
        let read = Config::from_toml(&written, path).expect("what was stored can be read");
        assert_eq!(read.to_toml().expect("as before"), written);
        // No model is too strange to be refused, or to be built.
        let _ = layout(&config.model);
    }
});
