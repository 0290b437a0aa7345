//! A trained model as a file that other programs run: ONNX (onnx.ai), of opset 17.

mod elementwise;
mod file;
mod layers;
#[cfg(test)]
mod operation_tests;
mod place;
mod proto;
mod shapes;
#[cfg(test)]
mod tests;
mod translation;
mod writer;

pub use file::{Part, onnx, onnx_of_run};
