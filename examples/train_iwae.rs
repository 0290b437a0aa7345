//! Trains an importance-weighted autoencoder: `cargo run --release --example train_iwae`.
//!
//! A variational autoencoder trained on the tighter bound of `--samples` weighted samples.

use std::process::ExitCode;

use diabolo::models::Kind;

fn main() -> ExitCode {
    diabolo::run::main(Kind::Iwae)
}
