//! Values of options: any text is one or an error, and what is read is printed as text that means the
//! same.

use std::fmt::{Debug, Display};
use std::path::Path;
use std::str::FromStr;

use clap::{Parser, ValueEnum};
use diabolo::data::{Dataset, LoadOptions, MemorySize, Missing, Source, StoredRange};
use diabolo::error::Error;
use diabolo::gpu::DeviceChoice;
use diabolo::models::{Architecture, CodeForm, Kind};
use diabolo::ops::{Activation, Corruption};
use diabolo::run::TrainArgs;
use diabolo::train::Config;
use proptest::prelude::*;

/// Reads `text`, and prints what is read and reads that again.
fn value<T: FromStr<Err = Error> + Display + PartialEq + Debug>(text: &str) {
    match text.parse::<T>() {
        Ok(value) => assert_eq!(value.to_string().parse::<T>().ok().as_ref(), Some(&value)),
        Err(error) => {
            assert!(matches!(error, Error::Option { .. }), "{error}");
            assert!(error.to_string().starts_with("--"), "{error}");
        }
    }
}

fn values(text: &str) {
    value::<Source>(text);
    value::<Missing>(text);
    value::<StoredRange>(text);
    value::<Corruption>(text);
    value::<Architecture>(text);
    value::<CodeForm>(text);
    value::<Activation>(text);
    value::<DeviceChoice>(text);
    value::<MemorySize>(text);
}

fn words() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "dense",
        "conv",
        "map",
        "random",
        "mnist",
        "images",
        "sprites",
        "gaussian",
        "camera",
        "blur",
        "jpeg",
        "mask",
        "salt-pepper",
        "haze",
        "leaky-relu",
        "auto",
        ":",
        ":",
        ",",
        "/",
        "-",
        "0",
        "1",
        "32",
        "0.3",
        "1e-9",
        "NaN",
        "inf",
        "99999999999999999999",
        " ",
        "\u{e9}",
        "G",
        "MiB",
    ]);
    prop::collection::vec(word, 0..7).prop_map(|words| words.concat())
}

/// An option of the command line with some value.
fn argument() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec![
        "arch",
        "latent",
        "activation",
        "block",
        "downsample",
        "norm",
        "upsample-kernel",
        "dropout",
        "tied",
        "loss",
        "quantise",
        "rate",
        "hyperprior",
        "penalty",
        "sparsity",
        "k",
        "rho",
        "target-sparsity",
        "beta",
        "warmup",
        "free-bits",
        "variance",
        "samples",
        "codes",
        "code-dim",
        "codebook",
        "probes",
        "noise",
        "test-noise",
        "binarise",
        "nll",
        "nll-images",
        "missing",
        "limit",
        "size",
        "patches",
        "scales",
        "fit",
        "range",
        "epochs",
        "batch",
        "lr",
        "schedule",
        "seed",
        "hold-out",
        "memory",
    ]);
    let value = prop::sample::select(vec![
        "0",
        "1",
        "2",
        "4",
        "8",
        "0.5",
        "1e-7",
        "-1",
        "1e30",
        "NaN",
        "inf",
        "18446744073709551615",
        "4294967295",
        "dense",
        "dense:8",
        "conv:2",
        "conv:2,2",
        "map",
        "map:2",
        "relu",
        "gelu",
        "batch",
        "inner",
        "stride",
        "bce",
        "mse",
        "gaussian",
        "topk",
        "kl",
        "learned",
        "loss",
        "mask:0.5",
        "blur:2",
        "jpeg:10-40",
        "random:0.3",
        "true",
        "cosine",
        "8x8",
        "8X99999999999999999999",
        "crop",
        "0-255",
        "-1e3--0.5",
        "7-7",
    ]);
    (name, value).prop_map(|(name, value)| format!("--{name}={value}"))
}

proptest! {
    #[test]
    fn any_text_is_a_value_or_an_error(text in prop_oneof![words(), any::<String>()]) {
        values(&text);
    }

    /// What is taken can be stored, and read back as what it was: else a run could not be resumed.
    #[test]
    fn what_a_command_line_means_comes_back_from_its_file(
        arguments in prop::collection::vec(argument(), 0..6),
    ) {
        let text = std::iter::once("train".to_owned()).chain(arguments);
        let Ok(args) = TrainArgs::try_parse_from(text) else { return Ok(()) };
        let digits = Dataset::load(&Source::Digits, &LoadOptions::default()).expect("built in");
        for kind in Kind::value_variants() {
            match args.config(&digits, *kind) {
                Ok(config) => {
                    let stored = config.to_toml().expect("what was checked can be stored");
                    let read = Config::from_toml(&stored, Path::new("config.toml"));
                    prop_assert_eq!(read.expect("what was stored can be read"), config);
                }
                Err(error) => prop_assert!(matches!(error, Error::Option { .. }), "{}", error),
            }
        }
    }
}
