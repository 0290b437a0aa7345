//! The `.dia` file: what an image's code is, and the code.
//!
//! `DIAB`, a byte for the version; the length of a built-in model's name, the name and its version, or 0 and the 16 bytes
//! of another model's fingerprint; then whole numbers in LEB128: width, height and channels of the image, width and height
//! of the pixels that one place of the code stands for, channels of the code that are told, its rows and columns, its
//! quality; the payload; and CRC-32 of all of that, the lowest byte first.

use std::fmt;
use std::io::Read;
use std::path::Path;

use flate2::Crc;

use super::entropy::{Damage, LEFT_OUT, MOST_BITS_BY_BIT};
use super::prior::FINGERPRINT;
use super::quality::Quality;
use crate::data::{ImageShape, MAX_SIDE};
use crate::file;
use crate::tasks::built_in::BuiltIn;

const MAGIC: &[u8; 4] = b"DIAB";
const VERSION: u8 = 3;
const CRC: usize = 4;

/// Bytes that the pixels of one image may have.
const MOST_PIXELS: u64 = 512 << 20;
/// Numbers that the code of one image may have.
const MOST_NUMBERS: u64 = 1 << 28;
/// Bytes that may be missing of a payload: what is left out at the end, and as much for what a coder
/// has not written yet when it stops.
const SPARE_BYTES: u64 = 2 * LEFT_OUT as u64;

/// The model that wrote a file, and reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writer {
    /// One that is part of the program.
    BuiltIn(&'static BuiltIn),
    /// Another: SHA-256 over its weights, the first 128 bits.
    Own([u8; FINGERPRINT]),
}

impl Writer {
    fn bytes(&self) -> Vec<u8> {
        match self {
            Self::BuiltIn(BuiltIn { name, version, .. }) => {
                [&[name.len() as u8], name.as_bytes(), &[*version]].concat()
            }
            Self::Own(fingerprint) => [&[0], &fingerprint[..]].concat(),
        }
    }

    /// Takes one from the front.
    fn read(bytes: &mut &[u8]) -> Result<Self, Damage> {
        let short = || Damage("it ends within its header".into());
        let (length, rest) = bytes.split_first().ok_or_else(short)?;
        if *length == 0 {
            let (fingerprint, rest) = rest.split_first_chunk().ok_or_else(short)?;
            *bytes = rest;
            return Ok(Self::Own(*fingerprint));
        }
        let (name, rest) = rest.split_at_checked(usize::from(*length)).ok_or_else(short)?;
        let (version, rest) = rest.split_first().ok_or_else(short)?;
        *bytes = rest;
        let name = String::from_utf8_lossy(name);
        BuiltIn::of_version(&name, *version).map(Self::BuiltIn).ok_or_else(|| {
            let what = "it needs version";
            Damage(format!(
                "{what} {version} of a model `{}`, which this program does not have",
                name.escape_debug()
            ))
        })
    }
}

impl fmt::Display for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltIn(model) => {
                write!(f, "{}, built in, version {}", model.name, model.version)
            }
            Self::Own(fingerprint) => {
                fingerprint.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }
    }
}

/// What a file says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The model that reads the code.
    pub writer: Writer,
    /// The image.
    pub image: ImageShape,
    /// Height and width in pixels of what one place of the code stands for.
    pub cell: [usize; 2],
    /// Channels that are told, rows and columns of the code. Channels behind them are as they are expected.
    pub code: [usize; 3],
    /// How coarse its numbers are.
    pub quality: Quality,
}

impl Header {
    /// Refuses sizes that contradict each other, or that no image has.
    pub(super) fn check(&self) -> Result<(), Damage> {
        let ImageShape { channels, height, width } = self.image;
        let refuse = |what: String| Err(Damage(what));
        // It is pixels that take memory, whatever the sides are.
        if height == 0 || width == 0 || !matches!(channels, 1 | 3) {
            return refuse(format!("an image of {width}x{height} with {channels} channels"));
        }
        let pixels = (width as u64).checked_mul(height as u64);
        let bytes = pixels.and_then(|pixels| pixels.checked_mul(channels as u64));
        if bytes.is_none_or(|bytes| bytes > MOST_PIXELS) {
            return refuse(format!("an image of {width}x{height} is too large"));
        }
        if !self.cell.iter().all(|side| (1..=MAX_SIDE).contains(side)) {
            return refuse(format!("places of {}x{} pixels", self.cell[1], self.cell[0]));
        }
        let [channels, rows, columns] = self.code;
        if [rows, columns] != [height.div_ceil(self.cell[0]), width.div_ceil(self.cell[1])] {
            return refuse("image and code do not fit each other".into());
        }
        // No more than there are pixels.
        let numbers = (rows * columns) as u64;
        match numbers.checked_mul(channels as u64) {
            Some(1..=MOST_NUMBERS) => Ok(()),
            _ => refuse(format!("a code of {channels}x{rows}x{columns}")),
        }
    }

    /// How many whole numbers the code has.
    pub fn numbers(&self) -> usize {
        self.code.iter().product()
    }

    /// Bits a pixel of a file of so many bytes.
    pub fn bits_per_pixel(&self, bytes: usize) -> f64 {
        8.0 * bytes as f64 / (self.image.width * self.image.height) as f64
    }

    fn fields(&self) -> [usize; 9] {
        let ImageShape { channels, height, width } = self.image;
        let ([cell_height, cell_width], [code, rows, columns]) = (self.cell, self.code);
        let quality = self.quality.number();
        [width, height, channels, cell_width, cell_height, code, rows, columns, quality]
    }
}

/// A file with this header and payload.
pub(super) fn write(header: &Header, payload: &[u8]) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.push(VERSION);
    bytes.extend(header.writer.bytes());
    for mut field in header.fields() {
        while field > 127 {
            bytes.push(field as u8 | 128);
            field >>= 7;
        }
        bytes.push(field as u8);
    }
    bytes.extend(payload);
    bytes.extend(checksum(&bytes).to_le_bytes());
    bytes
}

/// Whether the file at `path` begins as such a file does.
pub(crate) fn is_one(path: &Path) -> bool {
    let mut start = [0; MAGIC.len()];
    let read = file::open(path).and_then(|(mut file, _)| file.read_exact(&mut start));
    read.is_ok() && start == *MAGIC
}

/// The header and the payload of a file. No memory is asked for, and sizes have been checked against
/// each other and against the payload's length.
pub(crate) fn read(bytes: &[u8]) -> Result<(Header, &[u8]), Damage> {
    let refuse = |what: &str| Err(Damage(what.to_owned()));
    let Some(rest) = bytes.strip_prefix(MAGIC) else {
        return refuse("it does not begin as such a file does");
    };
    match rest.first() {
        Some(&VERSION) => {}
        Some(version) => {
            let what = format!("it has version {version}, and this program reads {VERSION}");
            return Err(Damage(what));
        }
        None => return refuse("it ends within its header"),
    }
    let Some((body, crc)) = bytes.split_last_chunk::<CRC>() else {
        return refuse("it ends within its header");
    };
    if u32::from_le_bytes(*crc) != checksum(body) {
        return refuse("its checksum does not match");
    }
    let Some(mut rest) = body.get(MAGIC.len() + 1..) else {
        return refuse("it ends within its header");
    };
    let writer = Writer::read(&mut rest)?;
    let mut fields = [0; 9];
    for field in &mut fields {
        *field = number(&mut rest)?;
    }
    let [width, height, channels, cell_width, cell_height, code, rows, columns, quality] = fields;
    let Some(quality) = Quality::new(quality) else {
        return refuse("its quality is none from 1 to 8");
    };
    let image = ImageShape { channels, height, width };
    let header = Header {
        writer,
        image,
        cell: [cell_height, cell_width],
        code: [code, rows, columns],
        quality,
    };
    header.check()?;
    let most = (rest.len() as u64 + SPARE_BYTES).saturating_mul(8 * MOST_BITS_BY_BIT);
    if header.numbers() as u64 > most {
        return refuse("it is too short for a code of that size");
    }
    Ok((header, rest))
}

/// Takes a number of up to four bytes from the front.
fn number(bytes: &mut &[u8]) -> Result<usize, Damage> {
    let mut number = 0;
    for place in 0..4 {
        let Some((byte, rest)) = bytes.split_first() else {
            return Err(Damage("it ends within its header".into()));
        };
        *bytes = rest;
        number |= usize::from(byte & 127) << (7 * place);
        if byte & 128 == 0 {
            return Ok(number);
        }
    }
    Err(Damage("a size has too many digits".into()))
}

fn checksum(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn header() -> Header {
        let image = ImageShape { channels: 3, height: 300, width: 20 };
        let quality = Quality::TRAINED;
        Header {
            writer: Writer::Own([7; FINGERPRINT]),
            image,
            cell: [8; 2],
            code: [16, 38, 3],
            quality,
        }
    }

    fn sealed(mut body: Vec<u8>) -> Vec<u8> {
        let sum = checksum(&body);
        body.extend(sum.to_le_bytes());
        body
    }

    #[test]
    fn a_header_comes_back() {
        let bytes = write(&header(), b"payload");
        assert_eq!(read(&bytes), Ok((header(), &b"payload"[..])));
    }

    #[test]
    fn sizes_that_no_image_has_are_refused() {
        let change = |change: fn(&mut Header)| {
            let mut header = header();
            change(&mut header);
            read(&write(&header, &[1; 40])).map(|_| ()).expect_err("was taken").0
        };
        let refused = [
            change(|header| header.image.width = 0),
            change(|header| header.image.height = MAX_SIDE + 1),
            change(|header| header.image.channels = 2),
            change(|header| header.cell = [0, 8]),
            change(|header| header.code[1] = 39),
            change(|header| header.code[0] = 0),
            change(|header| header.code[0] = (1 << 28) - 1),
            change(|header| {
                header.image = ImageShape { channels: 3, height: MAX_SIDE, width: MAX_SIDE };
                header.code = [16, MAX_SIDE / 8, MAX_SIDE / 8];
            }),
        ];
        for what in refused {
            assert!(!what.contains("checksum"), "{what}");
        }
        let image = ImageShape { channels: 1, height: MAX_SIDE, width: MAX_SIDE };
        let huge = Header { image, cell: [1, 1], code: [1, MAX_SIDE, MAX_SIDE], ..header() };
        let what = read(&write(&huge, &[1; 40])).expect_err("has too many numbers").0;
        assert!(what.contains("too short"), "{what}");
    }

    proptest! {
        #[test]
        fn any_bytes_behind_a_right_checksum_are_read_or_refused(
            rest in proptest::collection::vec(any::<u8>(), 0..80)
        ) {
            let mut body = MAGIC.to_vec();
            body.push(VERSION);
            body.extend(Writer::Own([7; FINGERPRINT]).bytes());
            body.extend(&rest);
            if let Ok((header, payload)) = read(&sealed(body)) {
                prop_assert!(header.check().is_ok());
                prop_assert!(header.numbers() <= (payload.len() + 16) * 8 * 2048);
            }
        }
    }
}
