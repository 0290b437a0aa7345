//! Numbers as NumPy has them, from `--data npy:` to every task that takes them.

mod labels;
mod learning;
#[path = "../support/program.rs"]
mod program;

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use diabolo::data::{Dataset, Element, LoadOptions, Source};
use diabolo::file::npy;
use diabolo::rng::{Philox, Seed, Stream};
use diabolo::tensor::Tensor;
use program::{check_failed, diabolo, printed, text};
use rand::RngExt;
use serde_json::Value;
use tempfile::TempDir;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// Samples of eight numbers that follow from two, on scales from 1 to 1000 around means up to 5000; and
/// which of two kinds each is.
fn vectors(count: usize, seed: u64) -> (Vec<f32>, Vec<f32>) {
    let mut random = Philox::new(Seed(seed), Stream(0));
    let (mut numbers, mut labels) = (vec![], vec![]);
    for _ in 0..count {
        let (a, b): (f32, f32) = (random.random_range(-1.0..1.0), random.random_range(-1.0..1.0));
        labels.push(f32::from(u8::from(a > 0.0)));
        for column in 0..8 {
            let mixed = a * (1.0 + column as f32).cos() + b * (2.0 + column as f32).sin();
            let scale = 10.0_f32.powf(3.0 * column as f32 / 7.0);
            numbers.push(scale * (mixed + 5.0 * (column % 3) as f32));
        }
    }
    (numbers, labels)
}

struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(TempDir::new().expect("a temporary folder"))
    }

    fn path(&self, name: &str) -> PathBuf {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().expect("in a folder")).expect("the folder is ours");
        path
    }

    fn array(&self, name: &str, shape: &[usize], numbers: &[f32]) -> PathBuf {
        let path = self.path(name);
        let tensor = Tensor::new(shape.to_vec(), numbers.to_vec()).expect("fits");
        npy::write(&path, &tensor).expect("writable");
        path
    }

    fn bytes(&self, name: &str, shape: &str, bytes: &[u8]) -> PathBuf {
        let mut header =
            format!("{{'descr': '|u1', 'fortran_order': False, 'shape': ({shape}), }}");
        while !(header.len() + 11).is_multiple_of(64) {
            header.push(' ');
        }
        header.push('\n');
        let start = [&b"\x93NUMPY\x01\x00"[..], &(header.len() as u16).to_le_bytes()].concat();
        let path = self.path(name);
        fs::write(&path, [&start[..], header.as_bytes(), bytes].concat()).expect("writable");
        path
    }

    /// An archive of these arrays.
    fn archive(&self, name: &str, arrays: &[(&str, &[usize], &[f32])]) -> PathBuf {
        let path = self.path(name);
        let mut archive = ZipWriter::new(File::create(&path).expect("writable"));
        for (name, shape, numbers) in arrays {
            archive.start_file(format!("{name}.npy"), SimpleFileOptions::default()).expect("new");
            let mut bytes = vec![];
            let tensor = Tensor::new(shape.to_vec(), numbers.to_vec()).expect("fits");
            npy::write_to(&mut bytes, &tensor).expect("fits in memory");
            archive.write_all(&bytes).expect("writable");
        }
        archive.finish().expect("writable");
        path
    }

    /// Trains on the processor; what was printed and said.
    fn train(&self, run: &str, options: &str) -> String {
        let run = self.path(run);
        let line = format!("train --device cpu --out {} {options}", run.display());
        let output = diabolo(&line);
        printed(&output) + &text(&output.stderr)
    }

    fn refuses(&self, code: i32, options: &str, words: &str) {
        let line = format!("train --device cpu --out {} {options}", self.path("no").display());
        check_failed(&diabolo(&line), code, words);
    }

    fn task(&self, line: &str, run: &str) -> String {
        let run = self.path(run);
        printed(&diabolo(&format!("{line} --device cpu --model {}", run.display())))
    }

    fn json(&self, name: &str) -> Value {
        let text = fs::read_to_string(self.path(name)).expect("was written");
        serde_json::from_str(&text).expect("is JSON")
    }
}

fn measure(metrics: &Value, name: &str) -> f64 {
    metrics["test"][name].as_f64().unwrap_or_else(|| panic!("{name} was measured: {metrics}"))
}

fn read(path: &Path) -> Tensor {
    npy::read(path).expect("was written")
}
