//! Trains a convolutional autoencoder: `cargo run --release --example train_conv_ae`.
//!
//! Stages of convolution and pooling, a code of 32 numbers, and back; on MNIST the model of Keras's
//! documentation, whose code is a map of 7x7 places.

use std::process::ExitCode;

use diabolo::models::Kind;

fn main() -> ExitCode {
    diabolo::run::main(Kind::Conv)
}
