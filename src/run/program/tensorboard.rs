//! Scalars as TensorBoard reads them: an event file, which is a sequence of TFRecords, each of which
//! is an `Event` of protocol buffers.
//!
//! - A record is its length in 8 bytes, the masked CRC-32C of these, the data, and the masked CRC-32C
//!   of that, all little-endian (`tensorflow/core/lib/io/record_writer.h`).
//! - Of an `Event` (`event.proto`), fields 1 `wall_time`, 2 `step`, 3 `file_version`, 5 `summary` and
//!   7 `session_log` are written; of a `Summary.Value` (`summary.proto`), 1 `tag` and 2
//!   `simple_value`.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::error::Result;
use crate::file::cannot_write;

/// What the first event of a file says.
const VERSION: &str = "brain.Event:2";
/// Names that are tried for a new file, should there be one of the same microsecond.
const TRIES: u64 = 100;

/// An event file that grows by a record at a time, so that a run can be watched.
pub struct EventFile {
    file: File,
    path: PathBuf,
}

impl EventFile {
    /// Begins a file in `folder`, after all that are there. Readers forget what earlier files say of
    /// step `first` and later ones: a run that goes on, or begins anew, writes them again.
    ///
    /// # Errors
    /// When the file cannot be made or written.
    pub fn create(folder: &Path, first: u64) -> Result<Self> {
        let (file, path) = new_file(folder).map_err(|error| cannot_write(folder, &error))?;
        let mut events = Self { file, path };
        events.append(&version(now()))?;
        events.append(&session_start(now(), first))?;
        Ok(events)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Adds a point at `step` to the curve of each name.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn add(&mut self, step: u64, scalars: &[(String, f64)]) -> Result<()> {
        self.append(&scalar_event(now(), step, scalars))
    }

    fn append(&mut self, event: &[u8]) -> Result<()> {
        // In one piece, so that a reader sees whole records only.
        self.file.write_all(&record(event)).map_err(|error| cannot_write(&self.path, &error))
    }
}

/// A file whose name sorts behind those that were begun before, as readers go by names.
fn new_file(folder: &Path) -> io::Result<(File, PathBuf)> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let try_at = |number: u64| {
        let at = since + Duration::from_micros(number);
        let name =
            format!("events.out.tfevents.{:010}.{:06}.diabolo", at.as_secs(), at.subsec_micros());
        let path = folder.join(name);
        OpenOptions::new().write(true).create_new(true).open(&path).map(|file| (file, path))
    };
    let taken = |error: &io::Error| error.kind() == io::ErrorKind::AlreadyExists;
    let mut made = try_at(0);
    for number in 1..TRIES {
        match &made {
            Err(error) if taken(error) => made = try_at(number),
            _ => break,
        }
    }
    made
}

/// Seconds since 1970.
fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

/// The data as a TFRecord.
fn record(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    let mut record = Vec::with_capacity(data.len() + 16);
    record.extend(length);
    record.extend(masked_crc(&length).to_le_bytes());
    record.extend(data);
    record.extend(masked_crc(data).to_le_bytes());
    record
}

/// CRC-32C, turned by 15 bits and moved: data that hold a CRC would have a weak one otherwise.
fn masked_crc(data: &[u8]) -> u32 {
    crc32c::crc32c(data).rotate_right(15).wrapping_add(0xA282_EAD8)
}

fn version(time: f64) -> Vec<u8> {
    let mut event = Message::default();
    event.double(1, time);
    event.bytes(3, VERSION.as_bytes());
    event.0
}

/// The event after which readers drop what they know of step `first` and later ones.
fn session_start(time: f64, first: u64) -> Vec<u8> {
    const START: u64 = 1;
    let mut log = Message::default();
    log.varint(1, START);
    let mut event = Message::default();
    event.double(1, time);
    event.varint(2, first);
    event.bytes(7, &log.0);
    event.0
}

fn scalar_event(time: f64, step: u64, scalars: &[(String, f64)]) -> Vec<u8> {
    let mut summary = Message::default();
    for (tag, value) in scalars {
        let mut scalar = Message::default();
        scalar.bytes(1, tag.as_bytes());
        scalar.float(2, *value as f32);
        summary.bytes(1, &scalar.0);
    }
    let mut event = Message::default();
    event.double(1, time);
    event.varint(2, step);
    event.bytes(5, &summary.0);
    event.0
}

/// A message of protocol buffers: each field is its number and kind, then its value.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn key(&mut self, field: u64, kind: u64) {
        self.number(field << 3 | kind);
    }

    /// Seven bits a byte, the lowest first; the eighth says that more follow.
    fn number(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn varint(&mut self, field: u64, value: u64) {
        self.key(field, 0);
        self.number(value);
    }

    fn double(&mut self, field: u64, value: f64) {
        self.key(field, 1);
        self.0.extend(value.to_le_bytes());
    }

    fn bytes(&mut self, field: u64, value: &[u8]) {
        self.key(field, 2);
        self.number(value.len() as u64);
        self.0.extend(value);
    }

    fn float(&mut self, field: u64, value: f32) {
        self.key(field, 5);
        self.0.extend(value.to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_the_standard() {
        // RFC 3720, B.4, and the usual check value.
        assert_eq!(crc32c::crc32c(b"123456789"), 0xE306_9283);
        assert_eq!(crc32c::crc32c(&[0; 32]), 0x8A91_36AA);
        assert_eq!(crc32c::crc32c(&[0xFF; 32]), 0x62A8_AB43);
        let rising: Vec<u8> = (0..32).collect();
        assert_eq!(crc32c::crc32c(&rising), 0x46DD_794E);
        // ((crc >> 15) | (crc << 17)) + 0xA282EAD8, by hand.
        assert_eq!(masked_crc(b"123456789"), 0xC78A_B0E5);
    }

    #[test]
    fn messages_are_encoded_as_the_specification_has_them() {
        // "Protocol Buffers Encoding": field 1 = 150, and field 2 = "testing".
        let mut message = Message::default();
        message.varint(1, 150);
        message.bytes(2, b"testing");
        let expected = [0x08, 0x96, 0x01, 0x12, 0x07, b't', b'e', b's', b't', b'i', b'n', b'g'];
        assert_eq!(message.0, expected);
    }

    #[test]
    fn files_begin_one_after_the_other() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let paths: Vec<PathBuf> = (0..20)
            .map(|_| EventFile::create(folder.path(), 1).expect("writable").path().to_owned())
            .collect();
        assert!(paths.windows(2).all(|pair| pair[0] < pair[1]), "{paths:?}");
        EventFile::create(&folder.path().join("missing"), 1).map(|_| ()).expect_err("no folder");
    }
}
