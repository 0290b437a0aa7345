//! Options that would do nothing are errors.

use std::fs;

use clap::Parser;
use diabolo::models::Kind;
use diabolo::run::{self, TrainArgs};
use tempfile::TempDir;

use super::words;

#[test]
fn options_without_effect_are_refused() {
    let refused = [
        (Kind::Dense, "--penalty 1", "--penalty"),
        (Kind::Conv, "--beta 2", "--beta"),
        (Kind::Conv, "--codes 64", "--codes"),
        (Kind::Sparse, "--samples 5", "--samples"),
        (Kind::Sparse, "--k 5", "--k"),
        (Kind::Sparse, "--rho 0.1", "--rho"),
        (Kind::Sparse, "--sparsity topk --penalty 0.1", "--penalty"),
        (Kind::Sparse, "--sparsity topk --target-sparsity 0.1", "--target-sparsity"),
        (Kind::Sparse, "--sparsity kl --activation relu", "--activation"),
        (Kind::Sparse, "--sparsity kl --rho 0.1 --target-sparsity 0.2", "--target-sparsity"),
        (Kind::Sparse, "--sparsity topk --latent 20", "--k"),
        (Kind::Sparse, "--sparsity topk --penalty 0 --k 9", "--k"),
        (Kind::Sparse, "--sparsity topk --activation tanh", "--activation"),
        (Kind::Sparse, "--sparsity topk --arch conv:4 --latent map", "--latent"),
        (Kind::Sparse, "--activation tanh --target-sparsity 0.2", "--activation"),
        (Kind::Sparse, "--dropout 0.1", "--dropout"),
        (Kind::Contractive, "--warmup 3", "--warmup"),
        (Kind::Contractive, "--arch dense:100 --latent 1000 --tied=false", "--probes"),
        (Kind::Contractive, "--arch conv:4 --latent 8 --norm batch", "--norm"),
        (Kind::Denoising, "--free-bits 1", "--free-bits"),
        (Kind::Vae, "--penalty 1", "--penalty"),
        (Kind::Vae, "--beta 0 --warmup 2", "--warmup"),
        (Kind::Vae, "--warmup 20", "--warmup"),
        (Kind::Vae, "--arch dense --activation tanh", "--activation"),
        (Kind::Vae, "--missing random:0.2 --nll 10", "--nll"),
        (Kind::Vae, "--tied", "--tied"),
        (Kind::Vae, "--loss mse --nll 10", "--nll"),
        (Kind::Vae, "--loss mse --binarise", "--binarise"),
        (Kind::Vae, "--variance learned", "--variance"),
        (Kind::Vae, "--nll-images 10", "--nll-images"),
        (Kind::Vae, "--arch conv:4 --latent map", "--latent"),
        (Kind::Iwae, "--beta 2", "--beta"),
        (Kind::Vqvae, "--latent 10", "--latent"),
        (Kind::Vqvae, "--arch dense:9 --latent 10 --code-dim 4", "--latent"),
        (Kind::Vqvae, "--probes 3", "--probes"),
        (Kind::Dense, "--norm batch", "--norm"),
        (Kind::Dense, "--block plain", "--block"),
        (Kind::Dense, "--arch dense:9 --tied --loss gaussian --variance learned", "--tied"),
        (Kind::Dense, "--latent map", "--latent"),
        (Kind::Dense, "--dropout 1", "--dropout"),
        (Kind::Conv, "--tied", "--tied"),
        (Kind::Conv, "--upsample-kernel 6", "--upsample-kernel"),
        (Kind::Conv, "--downsample-kernel 4", "--downsample-kernel"),
        (Kind::Conv, "--arch flat:4x4 --latent 3", "--latent"),
        (Kind::Conv, "--arch flat:4x4 --latent map --downsample pool", "--downsample"),
        (Kind::Conv, "--arch flat:4x4 --latent map --block inner", "--block"),
    ];
    let out = TempDir::new().expect("a temporary folder");
    for (kind, options, option) in refused {
        let text = format!("--device cpu --out {} {options}", out.path().display());
        let args = TrainArgs::try_parse_from(words(&text)).unwrap_or_else(|e| panic!("{e}"));
        let error = run::run(&args, kind).expect_err(options).to_string();
        assert!(error.starts_with(&format!("{option}:")), "{kind:?} {options}: {error}");
    }
    assert_eq!(fs::read_dir(out.path()).expect("readable").count(), 0, "nothing was written");
}

#[test]
fn a_conditional_model_needs_labels() {
    let folder = TempDir::new().expect("a temporary folder");
    for index in 0..4_u8 {
        let picture = image::GrayImage::from_pixel(8, 8, image::Luma([index * 60]));
        picture.save(folder.path().join(format!("{index}.png"))).expect("writable");
    }
    let text = format!("--device cpu --data images:{}", folder.path().display());
    let args = TrainArgs::try_parse_from(words(&text)).unwrap_or_else(|e| panic!("{e}"));
    let error = run::run(&args, Kind::Cvae).expect_err("there are no labels").to_string();
    assert!(error.starts_with("--data:") && error.contains("labels"), "{error}");
}
