//! Trains a dense autoencoder: `cargo run --release --example train_dense_ae`.
//!
//! Layers of 64 and 32 units (the code), back through 32 and 64: 784-64-32-32-64-784 on MNIST.

use std::process::ExitCode;

use diabolo::models::Kind;

fn main() -> ExitCode {
    diabolo::run::main(Kind::Dense)
}
