//! Trains a denoising autoencoder: `cargo run --release --example train_denoising_ae`.
//!
//! The encoder sees a corrupted image, another at each step, and the loss compares with the clean one.

use std::process::ExitCode;

use diabolo::models::Kind;

fn main() -> ExitCode {
    diabolo::run::main(Kind::Denoising)
}
