//! Trains a conditional variational autoencoder: `cargo run --release --example train_cvae`.
//!
//! Encoder and decoder are told the label; afterwards `diabolo sample --model RUN --label 7` draws sevens.

use std::process::ExitCode;

use diabolo::models::Kind;

fn main() -> ExitCode {
    diabolo::run::main(Kind::Cvae)
}
