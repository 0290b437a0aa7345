//! The event file of a run, read by a reader of its own: framing, checksums and messages.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Parser;
use diabolo::models::Kind;
use diabolo::run::{self, TrainArgs};
use tempfile::TempDir;

/// CRC-32C bit by bit: the polynomial 0x1EDC6F41, reflected.
fn crc32c(data: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in data {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0x82F6_3B78 } else { crc >> 1 };
        }
    }
    !crc
}

fn masked(data: &[u8]) -> u32 {
    let crc = crc32c(data);
    // The upper 17 bits move down, and the lower 15 up.
    (crc / (1 << 15) + crc % (1 << 15) * (1 << 17)).wrapping_add(0xA282_EAD8)
}

/// The data of each record, all checksums checked.
fn records(file: &[u8]) -> Vec<&[u8]> {
    let mut rest = file;
    let mut records = vec![];
    while !rest.is_empty() {
        let length = u64::from_le_bytes(rest[..8].try_into().expect("8 bytes")) as usize;
        let crc = |at: usize| u32::from_le_bytes(rest[at..at + 4].try_into().expect("4 bytes"));
        assert_eq!(crc(8), masked(&rest[..8]));
        let data = &rest[12..12 + length];
        assert_eq!(crc(12 + length), masked(data));
        records.push(data);
        rest = &rest[16 + length..];
    }
    records
}

#[derive(Clone, Debug, PartialEq)]
enum Value {
    Number(u64),
    Double(f64),
    Bytes(Vec<u8>),
    Float(f32),
}

/// The fields of a message, in order.
fn fields(mut data: &[u8]) -> Vec<(u64, Value)> {
    fn number(data: &mut &[u8]) -> u64 {
        let (mut value, mut shift) = (0, 0);
        loop {
            let byte = data[0];
            *data = &data[1..];
            value |= u64::from(byte & 0x7F) << shift;
            shift += 7;
            if byte < 0x80 {
                return value;
            }
        }
    }
    fn take<'a>(data: &mut &'a [u8], count: usize) -> &'a [u8] {
        let (head, rest) = data.split_at(count);
        *data = rest;
        head
    }
    let mut fields = vec![];
    while !data.is_empty() {
        let key = number(&mut data);
        let value = match key & 7 {
            0 => Value::Number(number(&mut data)),
            1 => Value::Double(f64::from_le_bytes(take(&mut data, 8).try_into().expect("8"))),
            2 => {
                let length = number(&mut data) as usize;
                Value::Bytes(take(&mut data, length).to_vec())
            }
            5 => Value::Float(f32::from_le_bytes(take(&mut data, 4).try_into().expect("4"))),
            kind => panic!("no such kind of field: {kind}"),
        };
        fields.push((key >> 3, value));
    }
    fields
}

fn field(fields: &[(u64, Value)], number: u64) -> Option<&Value> {
    fields.iter().find(|(known, _)| *known == number).map(|(_, value)| value)
}

fn bytes(value: Option<&Value>) -> &[u8] {
    match value {
        Some(Value::Bytes(bytes)) => bytes,
        other => panic!("no bytes: {other:?}"),
    }
}

/// The step that a file begins with, and each curve's points by step.
type Curves = (u64, BTreeMap<String, Vec<(u64, f32)>>);

fn curves(path: &Path) -> Curves {
    let file = fs::read(path).expect("readable");
    let records = records(&file);
    let step = |fields: &[(u64, Value)]| match field(fields, 2) {
        Some(Value::Number(step)) => *step,
        other => panic!("no step: {other:?}"),
    };
    let first = fields(records[0]);
    assert_eq!(bytes(field(&first, 3)), b"brain.Event:2");
    let start = fields(records[1]);
    assert_eq!(fields_of_log(&start), [(1, Value::Number(1))]);
    let mut curves: BTreeMap<String, Vec<(u64, f32)>> = BTreeMap::new();
    for record in &records[2..] {
        let event = fields(record);
        let Some(Value::Double(time)) = field(&event, 1) else { panic!("no time: {event:?}") };
        assert!((1.7e9..1e11).contains(time), "{time}");
        for (_, scalar) in fields(bytes(field(&event, 5))) {
            let scalar = fields(bytes(Some(&scalar)));
            let tag = String::from_utf8(bytes(field(&scalar, 1)).to_vec()).expect("is text");
            let Some(Value::Float(value)) = field(&scalar, 2) else { panic!("{scalar:?}") };
            curves.entry(tag).or_default().push((step(&event), *value));
        }
    }
    (step(&start), curves)
}

fn fields_of_log(event: &[(u64, Value)]) -> Vec<(u64, Value)> {
    fields(bytes(field(event, 7)))
}

fn event_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("is there").flatten().map(|entry| entry.path());
    let mut files: Vec<PathBuf> =
        entries.filter(|path| path.to_string_lossy().contains("tfevents")).collect();
    files.sort();
    files
}

fn run(options: &str, out: &Path) {
    let out = out.display();
    let all = format!("train --device cpu --limit 100 --out {out} {options}");
    let args = TrainArgs::try_parse_from(all.split_whitespace()).expect("right options");
    run::run(&args, Kind::Vae).unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn the_reader_knows_the_standards_checksums() {
    assert_eq!(crc32c(b"123456789"), 0xE306_9283);
    assert_eq!(crc32c(&[0; 32]), 0x8A91_36AA);
}

#[test]
fn every_epoch_is_a_point_of_each_curve() {
    let out = TempDir::new().expect("a temporary folder");
    run("--epochs 2", out.path());
    assert!(event_files(out.path()).is_empty(), "nobody asked for them");
    run("--epochs 3 --schedule cosine --lr 0.01 --tensorboard --overwrite", out.path());
    let files = event_files(out.path());
    assert_eq!(files.len(), 1);
    let (first, curves) = curves(&files[0]);
    assert_eq!(first, 1);
    let metrics = fs::read_to_string(out.path().join("metrics.json")).expect("is written");
    let metrics: serde_json::Value = serde_json::from_str(&metrics).expect("is JSON");
    for (tag, name) in [("loss/train", "train_loss"), ("loss/test", "test_loss")] {
        let epochs = metrics["epochs"].as_array().expect("epochs").iter();
        let number = |value: &serde_json::Value| value.as_f64().expect("a number");
        let expected: Vec<(u64, f32)> =
            epochs.zip(1..).map(|(epoch, step)| (step, number(&epoch[name]) as f32)).collect();
        assert_eq!(curves[tag], expected, "{tag}");
    }
    let rates: Vec<f32> = curves["learning_rate"].iter().map(|(_, rate)| *rate).collect();
    for (rate, expected) in rates.iter().zip([0.01, 0.0075, 0.0025]) {
        assert!((rate - expected).abs() < 1e-6, "{rates:?}");
    }
    for tag in ["test/mse", "test/ssim", "test/elbo", "test/kl", "images_per_second"] {
        assert_eq!(curves[tag].len(), 3, "{tag} in {:?}", curves.keys());
    }
}

#[test]
fn a_run_that_goes_on_begins_a_new_file() {
    let out = TempDir::new().expect("a temporary folder");
    run("--epochs 2 --tensorboard --schedule constant", out.path());
    run("--epochs 4 --resume --tensorboard --schedule constant", out.path());
    run("--epochs 4 --resume --tensorboard --schedule constant", out.path());
    let files = event_files(out.path());
    assert_eq!(files.len(), 2, "where nothing is trained, nothing is written");
    let (first, more) = curves(&files[1]);
    let steps: Vec<u64> = more["loss/train"].iter().map(|(step, _)| *step).collect();
    assert_eq!((first, steps), (3, vec![3, 4]));
    let old = &curves(&files[0]).1["loss/train"];
    assert_eq!(old.iter().map(|(step, _)| *step).collect::<Vec<_>>(), [1, 2]);
}
