//! Trains a convolutional autoencoder: `cargo run --release --example train_conv_ae`.
//!
//! Two stages of convolution and pooling (32 and 64 channels), a code of 32 numbers, and back.

use std::process::ExitCode;

use diabolo::models::ConvAutoencoder;

fn main() -> ExitCode {
    diabolo::train::main(ConvAutoencoder::RECIPE, ConvAutoencoder::classic)
}
