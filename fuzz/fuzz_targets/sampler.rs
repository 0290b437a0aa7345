//! What samples are drawn from, for a model of numbers and for one of a codebook.
#![no_main]

use std::path::Path;
use std::sync::LazyLock;

use diabolo::data::ImageShape;
use diabolo::graph::State;
use diabolo::inference::{Sampler, layout};
use diabolo::models::{Architecture, CodeForm, CodebookRule, Model, Network, Variant, VqVae};
use diabolo::nn::Loss;
use diabolo::rng::Seed;
use libfuzzer_sys::fuzz_target;

static MODELS: LazyLock<[(Model, State); 2]> = LazyLock::new(|| [model(false), model(true)]);

fuzz_target!(|bytes: &[u8]| {
    for (model, state) in &*MODELS {
        if let Ok(Some(mut sampler)) = Sampler::from_bytes(bytes, Path::new("input"), model, state) {
            let codes = sampler.codes(3, Seed(3)).expect("needs no device");
            assert_eq!(codes.len(), 3 * model.network.latent());
        }
    }
});

/// Those of the tests beside the parser.
fn model(by_codebook: bool) -> (Model, State) {
    let images = ImageShape { channels: 1, height: 8, width: 8 };
    let architecture: Architecture = "conv:4,4".parse().expect("an architecture");
    let (code, variant) = match by_codebook {
        false => (CodeForm::Vector(3), Variant::Conv),
        true => {
            let rule = CodebookRule::Ema;
            (CodeForm::Map(2), Variant::Vqvae(VqVae { codes: 5, code_dim: 2, rule, penalty: 0.25 }))
        }
    };
    let network = Network::new(images, architecture, code);
    let model = Model {
        network,
        loss: Loss::Mse,
        variance: None,
        variant,
        quantiser: None,
        residual: false,
        noise_level: false,
        output: Default::default(),
    };
    let state = State::initial(&layout(&model).expect("a model"), Seed(1), 0);
    (model, state)
}
