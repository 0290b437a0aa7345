//! Trains a variational autoencoder: `cargo run --release --example train_vae`.
//!
//! Codes are distributions near a normal one, from which new images can be drawn.

use std::process::ExitCode;

use diabolo::models::Kind;

fn main() -> ExitCode {
    diabolo::run::main(Kind::Vae)
}
