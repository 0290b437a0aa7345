//! Compressed pictures: the container, and the payload under the models of both kinds of code.
//!
//! The first byte says how the rest is taken: its lowest bit which model reads it, the next whether it
//! is a whole file, or what stands between the model's fingerprint and the checksum, so that changes do
//! not end at those two.
#![no_main]

use std::cell::RefCell;
use std::path::Path;

use diabolo::data::ImageShape;
use diabolo::gpu::DeviceChoice;
use diabolo::graph::State;
use diabolo::models::{Architecture, CodeForm, Model, Network, Quantiser, Variant, CodebookRule, VqVae};
use diabolo::nn::Loss;
use diabolo::rng::Seed;
use diabolo::tasks::{Codec, Raster};
use diabolo::run::checkpoint;
use diabolo::run::checkpoint::{Checkpoint, Header};
use diabolo::train::{Config, PartEpoch};
use diabolo::inference::layout;
use libfuzzer_sys::fuzz_target;

/// Bytes of a file before the sizes: its name, its version and the model's fingerprint.
const START: usize = 4 + 1 + 16;
/// Larger pictures are not drawn, since that is the model's work and no parser's.
const DRAWN: usize = 32;

thread_local! {
    static CODECS: RefCell<[(Codec, Vec<u8>); 2]> = RefCell::new([codec(false), codec(true)]);
}

fuzz_target!(|bytes: &[u8]| {
    let Some((how, rest)) = bytes.split_first() else { return };
    CODECS.with_borrow_mut(|codecs| {
        let (codec, start) = &mut codecs[usize::from(how & 1)];
        let file = if how & 2 == 0 { rest.to_vec() } else { sealed(start, rest) };
        if let Ok((header, codes)) = codec.read(&file, Path::new("input")) {
            assert_eq!(header.numbers(), codes.values.len());
            assert!(codes.values.len() <= (file.len() + 16) * 8 * 2048);
            if header.image.width.max(header.image.height) <= DRAWN {
                let picture = codec.render(&codes, header.image).expect("it fits the model");
                assert_eq!(picture.pixels.len(), header.image.elements());
            }
        }
    });
});

fn sealed(start: &[u8], rest: &[u8]) -> Vec<u8> {
    let mut file = [start, rest].concat();
    let mut sum = flate2::Crc::new();
    sum.update(&file);
    file.extend(sum.sum().to_le_bytes());
    file
}

/// A codec of an untrained model, by numbers or by a codebook, and how its files begin.
fn codec(by_codebook: bool) -> (Codec, Vec<u8>) {
    let images = ImageShape { channels: 3, height: 16, width: 16 };
    let architecture: Architecture = "conv:4,4".parse().expect("an architecture");
    let mut network = Network::new(images, architecture, CodeForm::Map(3));
    let (mut variant, mut quantiser) = (Variant::Conv, None);
    if by_codebook {
        network.code = CodeForm::Map(2);
        let rule = CodebookRule::Ema;
        variant = Variant::Vqvae(VqVae { codes: 5, code_dim: 2, rule, penalty: 0.25 });
    } else {
        quantiser = Some(Quantiser { step: 1.0, rate: 1e-3 });
    }
    let model = Model {
        network,
        loss: Loss::Mse,
        variance: None,
        variant,
        quantiser,
        residual: false,
        noise_level: false,
        output: Default::default(),
    };
    let layout = layout(&model).expect("a model");
    let state = State::initial(&layout, Seed(1), 0);
    let header = Header {
        step: 1,
        epoch: 1,
        seed: Seed(1),
        config: Config::new(model).to_toml().expect("options"),
        model: "conv".into(),
        history: "[]".into(),
        part: PartEpoch::default(),
        halvings: 0,
        data: None,
    };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("model.safetensors");
    checkpoint::save(&path, &Checkpoint { state, header }).expect("writable");
    let mut codec = Codec::load(folder.path(), &DeviceChoice::Cpu).expect("a codec");
    let picture = Raster { shape: images, pixels: vec![99; images.elements()] };
    let mut start = codec.compress(&picture).expect("a small picture");
    start.truncate(START);
    (codec, start)
}
