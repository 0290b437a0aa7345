use proptest::prelude::*;

use super::*;

fn parsed(bytes: &[u8]) -> Parsed<Tensor> {
    let array = parse(&mut &bytes[..], bytes.len() as u64)?;
    Ok(array.into_tensor().expect("as many numbers as its shape has"))
}

fn file(version: u8, header: &str, numbers: &[u8]) -> Vec<u8> {
    let length = header.len() as u32;
    let length = length.to_le_bytes();
    let length = if version == 1 { &length[..2] } else { &length[..] };
    [&MAGIC[..], &[version, 0], length, header.as_bytes(), numbers].concat()
}

fn dictionary(descr: &str, shape: &str) -> String {
    format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n")
}

fn refuses(bytes: &[u8], expected: &str) {
    let (Problem::Damaged(text) | Problem::Foreign(text)) = parsed(bytes).expect_err(expected)
    else {
        panic!("{expected}: not an error of reading");
    };
    assert!(text.contains(expected), "`{expected}` is not in `{text}`");
}

#[test]
fn every_version_and_type_is_read() {
    let (minus, two) = (-1.5_f64, 2.0_f64);
    let reals = [minus.to_le_bytes(), two.to_le_bytes()].concat();
    let cases: [(&str, Vec<u8>); 13] = [
        ("<f2", vec![0x00, 0xbe, 0x00, 0x40]),
        (">f2", vec![0xbe, 0x00, 0x40, 0x00]),
        (">f4", [(-1.5_f32).to_be_bytes(), 2.0_f32.to_be_bytes()].concat()),
        (">i2", vec![0xff, 0xfe, 0, 2]),
        ("<f4", [(-1.5_f32).to_le_bytes(), 2.0_f32.to_le_bytes()].concat()),
        ("<f8", reals),
        ("|i1", vec![0xfe, 2]),
        ("|u1", vec![254, 2]),
        ("<i2", vec![0xfe, 0xff, 2, 0]),
        ("<u2", vec![0xfe, 0xff, 2, 0]),
        ("<i4", [(-2_i32).to_le_bytes(), 2_i32.to_le_bytes()].concat()),
        ("<i8", [(-2_i64).to_le_bytes(), 2_i64.to_le_bytes()].concat()),
        ("<u8", [7_u64.to_le_bytes(), 2_u64.to_le_bytes()].concat()),
    ];
    let firsts = [-1.5, -1.5, -1.5, -2.0, -1.5, -1.5, -2.0, 254.0, -2.0, 65534.0, -2.0, -2.0, 7.0];
    for ((descr, numbers), first) in cases.iter().zip(firsts) {
        for version in 1..=3 {
            let array = parsed(&file(version, &dictionary(descr, "(1, 2)"), numbers)).expect(descr);
            assert_eq!(array.shape()[..], [1, 2], "{descr}");
            assert_eq!(array.data(), [first, 2.0], "{descr}");
        }
    }
}

#[test]
fn bytes_and_truths_are_kept_as_bytes() {
    let numbers = |descr, bytes: &[u8]| {
        let file = file(1, &dictionary(descr, "(3,)"), bytes);
        parse(&mut &file[..], file.len() as u64).expect(descr).numbers
    };
    assert_eq!(numbers("|u1", &[0, 7, 255]), Numbers::Bytes(vec![0, 7, 255]));
    // Whatever is not 0 is true.
    assert_eq!(numbers("|b1", &[0, 1, 255]), Numbers::Bytes(vec![0, 1, 1]));
    assert_eq!(numbers("|i1", &[0, 7, 255]), Numbers::Reals(vec![0.0, 7.0, -1.0]));
}

#[test]
fn entries_may_stand_in_any_order_and_shapes_in_any_notation() {
    let numbers = [0; 8];
    for header in [
        "{\"shape\":(2,),\"fortran_order\":False,\"descr\":\"<f4\"}",
        "{'shape': (2L,), 'descr': '<f4', 'fortran_order': True}   \n",
        " { 'fortran_order' : False , 'descr' : '=f4' , 'shape' : ( 2 ) , } ",
    ] {
        assert_eq!(parsed(&file(1, header, &numbers)).expect(header).shape()[..], [2]);
    }
    let scalar = parsed(&file(1, &dictionary("<f8", "()"), &numbers)).expect("a single number");
    assert_eq!(scalar.shape().rank(), 0);
}

/// What `numpy.save` writes of `numpy.asfortranarray(numpy.arange(6).reshape(2, 3).astype("u1"))`, and
/// of an array of three axes.
#[test]
fn arrays_in_fortrans_order_are_read_by_rows() {
    let by_columns = |shape: &str, numbers: &[u8]| {
        let header = format!("{{'descr': '|u1', 'fortran_order': True, 'shape': {shape}, }}\n");
        parsed(&file(1, &header, numbers)).expect(shape)
    };
    let flat = by_columns("(2, 3)", &[0, 3, 1, 4, 2, 5]);
    assert_eq!(
        (flat.shape()[..].to_vec(), flat.data()),
        (vec![2, 3], &[0., 1., 2., 3., 4., 5.][..])
    );
    let deep = by_columns("(2, 1, 2, 2)", &[0, 4, 2, 6, 1, 5, 3, 7]);
    assert_eq!(deep.data(), [0., 1., 2., 3., 4., 5., 6., 7.]);
    assert!(by_columns("(0, 3)", &[]).data().is_empty());
}

/// By NumPy: `numpy.array([6.1e-5, 5.96e-8, 65504, numpy.inf, -0.0], "f2").tobytes()`.
#[test]
fn half_precision_is_exact() {
    let bytes = [0xff, 0x03, 0x01, 0x00, 0xff, 0x7b, 0x00, 0x7c, 0x00, 0x80];
    let array = parsed(&file(1, &dictionary("<f2", "(5,)"), &bytes)).expect("plain");
    let tiny = 2.0_f32.powi(-24);
    assert_eq!(array.data()[..4], [1023.0 * tiny, tiny, 65504.0, f32::INFINITY]);
    assert!(array.data()[4] == 0.0 && array.data()[4].is_sign_negative());
    let nan = parsed(&file(1, &dictionary("<f2", "(1,)"), &[0x00, 0x7e])).expect("plain");
    assert!(nan.data()[0].is_nan());
}

#[test]
fn what_is_foreign_says_what_to_do() {
    let numbers = [0; 16];
    let refuse = |header: &str, expected: &str| refuses(&file(2, header, &numbers), expected);
    refuse(&dictionary("|f4", "(4,)"), "without an order of bytes; save it anew as array.astype");
    refuse(&dictionary("<c8", "(2,)"), "type `<c8`");
    refuse(&dictionary("|O", "(2,)"), "holds Python objects");
    refuse("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (4,)}", "holds records");
    refuses(b"\x93NUMPY\x04\x00\x00\x00", "has version 4.0");
}

#[test]
fn what_is_damaged_asks_for_no_memory() {
    let refuse = |header: &str, expected: &str| refuses(&file(2, header, &[0; 8]), expected);
    refuse(&dictionary("<f4", "(3,)"), "it has 8 bytes for 3 numbers");
    refuse(&dictionary("<f4", "(1000000000000,)"), "it has 8 bytes");
    refuse(&dictionary("<f8", "(4294967296, 4294967296)"), "no number of elements");
    refuse(&dictionary("<f8", "(2305843009213693953,)"), "it has 8 bytes");
    refuse(&dictionary("<f4", "(-1,)"), "a size that is no number");
    refuse(&dictionary("<f4", &format!("({})", "1,".repeat(65))), "more axes");
    refuse("{'descr': '<f4', 'shape': (2,)}", "too few entries");
    refuse("{'descr': '<f4', 'descr': '<f4'}", "an entry twice");
    refuse("{'descr': '<f4", "a text without an end");
    refuse("{}", "too few entries");
    refuse("", "no `{`");
    refuses(b"", "it ends too early");
    refuses(b"PNG and so on", "does not begin");
    refuses(b"\x93NUMPY\x02\x00\xff\xff\xff\xff", "its header claims 4294967295 bytes");
    refuses(b"\x93NUMPY\x01\x00\xff\xff{}", "its header claims 65535 bytes");
}

proptest! {
    #[test]
    fn no_bytes_are_too_strange(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = parsed(&bytes);
        let _ = parsed(&[&MAGIC[..], &[1, 0], &bytes].concat());
        let _ = parsed(&file(2, &String::from_utf8_lossy(&bytes), &[0; 8]));
    }

    #[test]
    fn no_damage_is_too_strange(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = file(1, &dictionary("<f4", "(2, 3)"), &[1; 24]);
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        let _ = parsed(&bytes);
        let _ = parsed(&bytes[..cut.index(bytes.len())]);
    }
}
