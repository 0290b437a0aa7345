//! Trains a contractive autoencoder: `cargo run --release --example train_contractive_ae`.
//!
//! The code changes little with the image: the norm of its Jacobian is made small.

use std::process::ExitCode;

use diabolo::models::Kind;

fn main() -> ExitCode {
    diabolo::run::main(Kind::Contractive)
}
