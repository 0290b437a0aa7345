use std::io::{Cursor, Write};

use proptest::prelude::*;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::super::array::Numbers;
use super::super::header::Family;
use super::*;

/// What `tests/fixtures/make_fixtures.py` had NumPy write: as it is, packed, and an array of objects.
const PLAIN: &[u8] = include_bytes!("../../../../tests/fixtures/arrays.npz");
const PACKED: &[u8] = include_bytes!("../../../../tests/fixtures/arrays_packed.npz");
const OBJECTS: &[u8] = include_bytes!("../../../../tests/fixtures/objects.npz");

fn array(bytes: &[u8], name: Option<&str>) -> Parsed<Array> {
    Entries::new(Cursor::new(bytes), bytes.len() as u64)?.named_or_only(name)
}

fn refuses(bytes: &[u8], name: Option<&str>, expected: &str) {
    let (Problem::Damaged(text) | Problem::Foreign(text)) = array(bytes, name).expect_err(expected)
    else {
        panic!("{expected}: not an error of reading");
    };
    assert!(text.contains(expected), "`{expected}` is not in `{text}`");
}

/// An archive of files, packed or not.
fn archive(files: &[(&str, &[u8])], method: CompressionMethod) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(vec![]));
    for (name, bytes) in files {
        let options = SimpleFileOptions::default().compression_method(method);
        writer.start_file(*name, options).expect("memory takes it");
        writer.write_all(bytes).expect("memory takes it");
    }
    writer.finish().expect("memory takes it").into_inner()
}

fn npy(shape: &str, numbers: &[u8]) -> Vec<u8> {
    let text = format!("{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}}}");
    let length = (text.len() as u16).to_le_bytes();
    [b"\x93NUMPY\x01\0", &length[..], text.as_bytes(), numbers].concat()
}

#[test]
fn arrays_of_numpys_archives_are_read_by_name() {
    for bytes in [PLAIN, PACKED] {
        let read = |name| array(bytes, Some(name)).expect(name);
        let codes = read("codes");
        assert_eq!(codes.shape[..], [2, 3]);
        assert_eq!(codes.numbers, Numbers::Reals(vec![0.0, 0.25, 0.5, 0.75, 1.0, 1.25]));
        assert_eq!(read("codes.npy"), codes, "numpy.load takes this name, too");
        assert_eq!(read("half").numbers, Numbers::Reals(vec![0.5, -2.0]));
        assert_eq!(read("big").numbers, Numbers::Reals(vec![1.0, -2.0, 300.0]));
        assert_eq!(read("long").numbers, Numbers::Reals(vec![-1.0, 2.0_f32.powi(40)]));
        let pixels = read("pixels");
        assert_eq!(pixels.shape[..], [2, 3, 2]);
        assert_eq!(pixels.numbers, Numbers::Bytes((0..12).collect()), "stored by columns");
        let mask = read("mask");
        assert_eq!(mask.kind.family(), Family::Truth);
        assert_eq!(mask.numbers, Numbers::Bytes(vec![1, 0, 0, 1]));
        refuses(bytes, Some("words"), "type `<U2`");
    }
    refuses(OBJECTS, None, "holds Python objects");
}

#[test]
fn archives_are_opened_once_for_all_their_arrays() {
    let path = Path::new("tests/fixtures/arrays_packed.npz");
    let mut archive = Archive::open(path).expect("a fixture");
    assert_eq!(archive.names(), ["codes", "half", "big", "long", "pixels", "mask", "words"]);
    for name in ["mask", "codes"] {
        assert_eq!(archive.read(name).expect(name), array(PACKED, Some(name)).expect(name));
    }
    let error = archive.read("labels").expect_err("there is none").to_string();
    assert!(
        error.starts_with("tests/fixtures/arrays_packed.npz: has no array `labels`"),
        "{error}"
    );
    assert!(Archive::open(Path::new("Cargo.toml")).is_err());
}

#[test]
fn one_array_needs_no_name_and_several_are_listed() {
    let numbers = npy("(2,)", &[1, 2]);
    let one = archive(&[("notes.txt", b"none"), ("x.npy", &numbers)], CompressionMethod::Deflated);
    assert_eq!(array(&one, None).expect("one").numbers, Numbers::Bytes(vec![1, 2]));
    refuses(PLAIN, None, "holds several arrays; name one of `codes`, `half`, `big`");
    refuses(PLAIN, Some("labels"), "has no array `labels`; it has `codes`, `half`");
    refuses(&archive(&[], CompressionMethod::Stored), None, "is an archive without arrays");
    let names: Vec<String> = (0..11).map(|number| format!("{number}.npy")).collect();
    let many: Vec<(&str, &[u8])> = names.iter().map(|name| (&name[..], &numbers[..])).collect();
    refuses(&archive(&many, CompressionMethod::Stored), None, "`7` and 3 more");
}

#[test]
fn damage_is_found() {
    for whole in [PLAIN, PACKED] {
        refuses(&whole[..whole.len() - 30], Some("codes"), "");
    }
    let numbers = npy("(200,)", &[7; 200]);
    let mut changed = archive(&[("x.npy", &numbers)], CompressionMethod::Stored);
    let place = changed.windows(9).position(|bytes| bytes == [7; 9]).expect("not packed");
    changed[place] = 8;
    refuses(&changed, None, "hecksum");
    let longer = archive(&[("x.npy", &npy("(3,)", &[7; 4]))], CompressionMethod::Deflated);
    refuses(&longer, None, "it has 4 bytes for 3 numbers");
    refuses(&archive(&[("x.npy", b"PNG")], CompressionMethod::Stored), None, "it ends too early");
}

#[test]
fn what_would_unpack_to_too_much_says_how_to_save_it() {
    let mut bytes = archive(&[("x.npy", &npy("(2,)", &[1, 2]))], CompressionMethod::Deflated);
    // Its length unpacked, in the entry of the directory at the end: 24 bytes in.
    let entry = bytes.windows(4).position(|bytes| bytes == b"PK\x01\x02").expect("a directory");
    bytes[entry + 24..][..4].copy_from_slice(&(1_u32 << 31).to_le_bytes());
    refuses(&bytes, None, "packs 2147483648 bytes into its array `x`");
    bytes[entry + 24..][..4].copy_from_slice(&(1_u32 << 20).to_le_bytes());
    refuses(&bytes, None, "for 2 numbers");
}

proptest! {
    #[test]
    fn no_damage_is_too_strange(
        packed in any::<bool>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = if packed { PACKED } else { PLAIN }.to_vec();
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        for name in ["codes", "mask", "pixels"] {
            let _ = array(&bytes, Some(name));
            let _ = array(&bytes[..cut.index(bytes.len())], Some(name));
        }
    }
}
