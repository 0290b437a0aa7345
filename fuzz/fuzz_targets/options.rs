//! Values of options, each by itself, and a line for each argument as a command line.
#![no_main]

use std::fmt::{Debug, Display};
use std::path::Path;
use std::str::FromStr;
use std::sync::LazyLock;

use clap::{Parser, ValueEnum};
use diabolo::data::{Dataset, LoadOptions, Missing, Source, StoredRange};
use diabolo::gpu::DeviceChoice;
use diabolo::models::{Architecture, CodeForm, Kind};
use diabolo::ops::{Activation, Corruption};
use diabolo::train::Config;
use diabolo::run::TrainArgs;
use libfuzzer_sys::fuzz_target;

static DIGITS: LazyLock<Dataset> = LazyLock::new(|| {
    Dataset::load(&Source::Digits, &LoadOptions::default()).expect("they are in the program")
});

fuzz_target!(|text: &str| {
    value::<Source>(text);
    value::<Missing>(text);
    value::<StoredRange>(text);
    value::<Corruption>(text);
    value::<Architecture>(text);
    value::<CodeForm>(text);
    value::<Activation>(text);
    value::<DeviceChoice>(text);
    let Ok(args) = TrainArgs::try_parse_from(std::iter::once("train").chain(text.lines())) else {
        return;
    };
    for kind in Kind::value_variants() {
        let Ok(config) = args.config(&DIGITS, *kind) else { continue };
        let written = config.to_toml().expect("what was checked can be stored");
        let read = Config::from_toml(&written, Path::new("input")).expect("can be read");
        assert!(read.differences(&config).is_empty(), "{written}");
    }
});

/// What is read is printed so that it is read again as the same.
fn value<T: FromStr + Display + PartialEq + Debug>(text: &str) {
    if let Ok(value) = text.parse::<T>() {
        let again = value.to_string().parse::<T>().ok();
        assert_eq!(again.as_ref(), Some(&value));
    }
}
