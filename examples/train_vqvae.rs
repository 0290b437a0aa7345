//! Trains a vector-quantised autoencoder: `cargo run --release --example train_vqvae`.
//!
//! An image becomes a few whole numbers, each of a vector in a learned codebook.

use std::process::ExitCode;

use diabolo::models::Kind;

fn main() -> ExitCode {
    diabolo::run::main(Kind::Vqvae)
}
