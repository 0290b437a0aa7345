//! Trains a sparse autoencoder: `cargo run --release --example train_sparse_ae`.
//!
//! Few units of the code are active for any one image: by an L1 or KL penalty, or because only the
//! `--k` greatest stay (`--sparsity topk`).

use std::process::ExitCode;

use diabolo::models::Kind;

fn main() -> ExitCode {
    diabolo::run::main(Kind::Sparse)
}
