//! Options as text: they come back, and what is wrong with them is said with the file's name.

use proptest::prelude::*;

use super::*;
use crate::data::ImageShape;
use crate::inference::layout;
use crate::models::{Network, Variant};
use crate::nn::Output;
use crate::ops::CorruptionKind;

fn config(architecture: &str, latent: &str) -> Config {
    let images = ImageShape { channels: 1, height: 8, width: 8 };
    let architecture = architecture.parse().expect("an architecture");
    let network = Network::new(images, architecture, latent.parse().expect("a code"));
    let (loss, variant) = (Loss::Mse, Variant::Conv);
    let mut config = Config::new(Model {
        loss,
        variance: None,
        network,
        variant,
        quantiser: None,
        residual: false,
        noise_level: false,
        fills: false,
        knows_holes: false,
        transmission: false,
        output: Output::Sigmoid,
    });
    config.data = "digits".into();
    config.noise = Some(Corruption::new(CorruptionKind::Blur, 1.5));
    config
}

fn read(text: &str) -> Result<Config> {
    Config::from_toml(text, Path::new("model.safetensors"))
}

fn refused(text: &str, expected: &str) {
    let error = read(text).expect_err(expected).to_string();
    assert!(error.starts_with("model.safetensors: holds options"), "{error}");
    assert!(error.contains(expected) && error.ends_with("; use another copy"), "{error}");
    assert!(!error.contains('\n'), "{error}");
}

#[test]
fn options_in_a_file_are_checked_as_those_of_a_command_line_and_the_file_is_named() {
    let text = config("conv:2", "map:2").to_toml().expect("can be stored");
    let change = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}: {text}");
        text.replacen(from, to, 1)
    };
    refused(&change("batch = 32", "batch = 0"), "--batch");
    refused(&change("epochs = 1", "epochs = -1"), "invalid value");
    refused(&change("blur:1.5", "blur:1e9"), "--noise: `blur:1000000000` is out");
    refused(&change("blur:1.5", "blur:nan"), "--noise");
    refused(&change("gray = false", "gray = false\nhold_out = nan"), "--hold-out");
    refused(&change("beta2 = 0.999", "beta2 = nan"), "beta2");
    refused(&change("epsilon = ", "epsilon = -"), "epsilon");
    refused(&change("conv:2", "conv:x"), "--arch");
    refused(&change("height = 8", "height = 9223372036854775807"), "--size");
    refused(&change("classes = 0", "classes = -1"), "invalid value");
    refused(&(text.clone() + &"#".repeat(Config::MOST_BYTES)), "they have");
    refused("", "missing field");
}

/// The numbers of TOML are signed, and a run that cannot store its options must not begin.
#[test]
fn what_cannot_be_stored_is_refused_before() {
    let mut limited = config("dense", "4");
    limited.limit = Some(usize::MAX);
    let error = limited.check().expect_err("too large for TOML").to_string();
    assert!(error.starts_with("--limit: "), "{error}");
    let mut long = config("dense", "4");
    long.data = "images:".to_owned() + &"a/".repeat(Config::MOST_BYTES);
    let error = long.to_toml().expect_err("cannot be read back").to_string();
    assert!(error.starts_with("--data: "), "{error}");
}

proptest! {
    #[test]
    fn damaged_options_are_read_or_refused(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
        arch in prop::sample::select(vec![("dense:9/5", "3"), ("conv:2,3", "map"), ("conv:2", "4")]),
    ) {
        let mut bytes = config(arch.0, arch.1).to_toml().expect("can be stored").into_bytes();
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        let text = String::from_utf8_lossy(&bytes);
        let cut = cut.index(bytes.len());
        for text in [&text, &String::from_utf8_lossy(&bytes[..cut])] {
            match read(text) {
                Ok(config) => {
                    let _ = layout(&config.model);
                    let stored = config.to_toml().expect("what was checked can be stored");
                    let again = read(&stored).expect("what was stored can be read");
                    prop_assert_eq!(again.to_toml().expect("as before"), stored);
                }
                Err(error) => prop_assert!(matches!(error, Error::File { .. }), "{}", error),
            }
        }
    }

    #[test]
    fn a_size_that_is_damaged_is_never_built(
        field in prop::sample::select(vec!["channels = 1", "height = 8", "width = 8", "classes = 0"]),
        number in prop_oneof![0_i64..99, any::<i64>()],
    ) {
        let text = config("conv:2", "map:2").to_toml().expect("can be stored");
        let name = field.split(' ').next().expect("has a name");
        if let Ok(config) = read(&text.replacen(field, &format!("{name} = {number}"), 1)) {
            let _ = layout(&config.model);
        }
    }
}
