//! Round trips to the bit, other models, and damaged files.

use std::fs;
use std::path::PathBuf;

use proptest::prelude::*;
use tempfile::TempDir;

use safetensors::tensor::Dtype;

use super::numbers::CHUNK;
use super::*;
use crate::graph::{Initialiser, ParamName, StateEntry};
use crate::shape::Shape;

fn entry(name: &str, shape: &[usize], role: Role) -> StateEntry {
    let initialiser = Initialiser::Uniform { bound: 1.0 };
    StateEntry { name: ParamName(name.to_owned()), shape: Shape::from(shape), initialiser, role }
}

fn layout() -> StateLayout {
    StateLayout::new(vec![
        entry("encoder.conv1.weight", &[4, 1, 3, 3], Role::Parameter),
        entry("encoder.conv1.bias", &[4], Role::Parameter),
        entry("codebook.count", &[], Role::Buffer),
        // Longer than a chunk, and not a multiple of one.
        entry("decoder.weight", &[CHUNK + 3, 2], Role::Parameter),
    ])
}

fn checkpoint(layout: &StateLayout, moments: usize) -> Checkpoint {
    let mut state = State::initial(layout, Seed(7), moments);
    for (moment, buffer) in state.moments.iter_mut().enumerate() {
        for (entry, range) in layout.iter().filter(|(entry, _)| entry.role == Role::Parameter) {
            let numbers = entry.initialiser.values(&entry.shape, Seed(moment as u64), &entry.name);
            buffer[range].copy_from_slice(&numbers);
        }
    }
    let header = Header {
        step: u64::MAX,
        epoch: 12,
        seed: Seed(u64::MAX - 1),
        config: "model = \"conv\"\nname = \"Ünï\\code\"\n".to_owned(),
        model: "conv 1x8x8 -> 4".to_owned(),
        history: "[{\"epoch\": 1}]".to_owned(),
        part: PartEpoch { steps: 3, seconds: 0.1 + 0.2, ..PartEpoch::default() },
        halvings: 2,
        data: Some("a digest".to_owned()),
    };
    Checkpoint { state, header }
}

fn saved(checkpoint: &Checkpoint) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("model.safetensors");
    save(&path, checkpoint).expect("can be saved");
    (folder, path)
}

fn bits(state: &State) -> Vec<Vec<u32>> {
    let buffers = [&state.parameters, &state.buffers].into_iter().chain(&state.moments);
    buffers.map(|buffer| buffer.iter().map(|number| number.to_bits()).collect()).collect()
}

#[test]
fn a_round_trip_keeps_every_bit() {
    let layout = layout();
    for moments in 0..=2 {
        let mut before = checkpoint(&layout, moments);
        let odd = [0x7fc0_1234, 0xffa0_0001, 0x7f80_0001, 0x8000_0000, 0xff80_0000, 1];
        let (_, range) = layout.find(&ParamName("decoder.weight".to_owned())).expect("is there");
        for (number, bits) in before.state.parameters[range].iter_mut().zip(odd) {
            *number = f32::from_bits(bits);
        }
        before.state.buffers[0] = f32::from_bits(0xffc0_0042);
        let (_folder, path) = saved(&before);
        let after = load(&path, &layout).expect("can be loaded");
        assert_eq!(bits(&after.state), bits(&before.state));
        assert_eq!(after.header, before.header);
        assert_eq!(read_header(&path).expect("can be read"), before.header);
    }
}

#[test]
fn the_same_checkpoint_gives_the_same_bytes_and_any_reader_can_read_them() {
    let checkpoint = checkpoint(&layout(), 2);
    let bytes = || {
        let (_folder, path) = saved(&checkpoint);
        fs::read(path).expect("readable")
    };
    let first = bytes();
    assert_eq!(first, bytes());
    let tensors = safetensors::SafeTensors::deserialize(&first).expect("a valid file");
    let bias = tensors.tensor("moment.1.encoder.conv1.bias").expect("is there");
    assert_eq!((bias.dtype(), bias.shape()), (Dtype::F32, [4].as_slice()));
    assert_eq!(tensors.len(), 4 + 2 * 3, "buffers have no moments");
}

/// Weights lose no more than rounding takes; tensors that f16 cannot hold, buffers and moments lose nothing.
#[test]
fn weights_in_half_width_are_read_as_they_were_rounded() {
    let layout = layout();
    let mut before = checkpoint(&layout, 1);
    let range = |name: &str| layout.find(&ParamName(name.to_owned())).expect("is there").1;
    before.state.parameters[range("encoder.conv1.bias")][1] = 70_000.0;
    before.state.buffers[0] = 0.1;
    let path = Path::new("model.safetensors");
    let bytes = to_bytes(path, before.clone(), Width::Half).expect("can be stored");
    let tensors = safetensors::SafeTensors::deserialize(&bytes).expect("a valid file");
    let dtype = |name: &str| tensors.tensor(name).expect("is there").dtype();
    assert_eq!(dtype("decoder.weight"), Dtype::F16);
    for name in ["encoder.conv1.bias", "codebook.count", "moment.0.decoder.weight"] {
        assert_eq!(dtype(name), Dtype::F32, "{name}");
    }
    let after = from_bytes(&bytes, path, &layout).expect("can be read");
    assert_eq!(after.header, before.header);
    assert_eq!(
        (&after.state.moments, &after.state.buffers),
        (&before.state.moments, &before.state.buffers)
    );
    for (is, was) in after.state.parameters.iter().zip(&before.state.parameters) {
        assert!((is - was).abs() <= was.abs() / 2048.0 + 3e-8, "{was} became {is}");
    }
    let bias = range("encoder.conv1.bias");
    assert_eq!(after.state.parameters[bias.clone()], before.state.parameters[bias]);
    // Once rounded, they are rounded.
    let again = to_bytes(path, after, Width::Half).expect("can be stored");
    assert!(again == bytes);
    let mut damaged = bytes;
    let last = damaged.len() - 1;
    damaged[last] ^= 1;
    let said = from_bytes(&damaged, path, &layout).expect_err("is damaged").to_string();
    assert!(said.contains("not those that were written"), "{said}");
}

#[test]
fn a_model_of_another_shape_is_named() {
    let (_folder, path) = saved(&checkpoint(&layout(), 2));
    let other = |entries: &[(usize, StateEntry)], keep: usize| {
        let mut all = layout().entries().to_vec();
        for (index, entry) in entries {
            all[*index] = entry.clone();
        }
        all.truncate(keep);
        load(&path, &StateLayout::new(all)).expect_err("must fail").to_string()
    };
    let wider = entry("encoder.conv1.bias", &[8], Role::Parameter);
    let text = other(&[(1, wider)], 4);
    assert!(text.starts_with(&path.display().to_string()), "{text}");
    assert!(text.contains("encoder.conv1.bias is [4] in the file and [8] in this model"), "{text}");
    assert!(text.contains("2 more differ") && text.contains("options it was trained"), "{text}");

    let renamed = entry("encoder.fc1.bias", &[4], Role::Parameter);
    let text = other(&[(1, renamed)], 4);
    assert!(text.contains("it has no encoder.fc1.bias, moment.0.encoder.fc1.bias"), "{text}");
    assert!(text.contains("this model has no encoder.conv1.bias"), "{text}");

    let text = other(&[], 3);
    assert!(text.contains("this model has no decoder.weight, moment.0.decoder.weight"), "{text}");
    assert!(!text.contains("it has no"), "{text}");
}

#[test]
fn files_of_others_and_of_other_versions_are_named() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("model.safetensors");
    let (_saved, own) = saved(&checkpoint(&layout(), 0));
    let mut newer = fs::read(own).expect("readable");
    let format = b"\\\"format\\\":2";
    let at = newer.windows(format.len()).position(|part| part == format).expect("is there");
    newer[at + format.len() - 1] = b'9';
    let foreign = b"\x08\0\0\0\0\0\0\0{}      ".to_vec();
    let huge = [&u64::MAX.to_le_bytes()[..], b"{}"].concat();
    let cases: [(&[u8], &str); 6] = [
        (&newer, "has format 9"),
        (&foreign, "was not written by diabolo"),
        (&huge, "its header claims 18446744073709551615 bytes"),
        (b"", "is damaged"),
        (b"\x02\0\0\0\0\0\0\0[]", "is damaged"),
        (b"\x89PNG\r\n\x1a\n........", "is damaged"),
    ];
    for (bytes, expected) in cases {
        fs::write(&path, bytes).expect("writable");
        let text = read_header(&path).expect_err(expected).to_string();
        assert!(text.contains(expected) && text.contains("; "), "{text}");
    }
    let missing = read_header(&folder.path().join("none")).expect_err("is missing").to_string();
    assert!(missing.contains("does not exist"), "{missing}");
    let text = read_header(folder.path()).expect_err("is a folder").to_string();
    assert!(text.contains("is not a file"), "{text}");
}

#[test]
fn files_of_the_version_before_are_read() {
    let layout = layout();
    let before = checkpoint(&layout, 1);
    let (_folder, path) = saved(&before);
    let bytes = fs::read(&path).expect("readable");
    let length = u64::from_le_bytes(bytes[..8].try_into().expect("eight bytes")) as usize;
    let mut names: serde_json::Value = serde_json::from_slice(&bytes[8..8 + length]).expect("JSON");
    let text = names["__metadata__"][KEY].as_str().expect("is there");
    let mut stored: serde_json::Value = serde_json::from_str(text).expect("JSON");
    let fields = stored.as_object_mut().expect("has fields");
    for name in ["digest", "part", "halvings", "data"] {
        fields.remove(name).expect("is stored");
    }
    fields["format"] = 1.into();
    names["__metadata__"][KEY] = stored.to_string().into();
    let names = names.to_string().into_bytes();
    let size = (names.len() as u64).to_le_bytes();
    fs::write(&path, [&size[..], &names, &bytes[8 + length..]].concat()).expect("writable");
    let after = load(&path, &layout).expect("can be read");
    assert_eq!(bits(&after.state), bits(&before.state));
    let Header { part, halvings, data, .. } = after.header;
    assert_eq!((part, halvings, data), (PartEpoch::default(), 0, None));
}

#[test]
fn a_flipped_bit_of_a_number_is_noticed() {
    let layout = layout();
    let (_folder, path) = saved(&checkpoint(&layout, 1));
    let mut bytes = fs::read(&path).expect("readable");
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&path, bytes).expect("writable");
    let text = load(&path, &layout).expect_err("must fail").to_string();
    assert!(text.contains("is damaged") && text.contains("not those that were written"), "{text}");
}

#[test]
fn tensors_of_another_type_are_named() {
    let layout = StateLayout::new(vec![entry("w", &[2], Role::Parameter)]);
    let (_folder, path) = saved(&checkpoint(&layout, 0));
    let bytes = fs::read(&path).expect("readable");
    let at = bytes.windows(3).position(|part| part == b"F32").expect("is there");
    let mut changed = bytes.clone();
    changed[at..at + 3].copy_from_slice(b"I32");
    fs::write(&path, changed).expect("writable");
    let text = load(&path, &layout).expect_err("must fail").to_string();
    assert!(text.contains("w is I32 in the file and F32 in this model"), "{text}");
}

#[test]
fn what_could_not_be_loaded_is_not_saved() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("model.safetensors");
    let twice = vec![entry("w", &[2], Role::Parameter), entry("w", &[2], Role::Parameter)];
    let mut long = checkpoint(&layout(), 0);
    long.header.history = " ".repeat(MAX_HEADER_BYTES as usize);
    let refused =
        [checkpoint(&StateLayout::new(twice), 0), checkpoint(&layout(), MAX_MOMENTS + 1), long];
    for checkpoint in refused {
        save(&path, &checkpoint).expect_err("must fail");
        assert!(!path.exists());
    }
}

/// A small valid file.
fn small() -> (StateLayout, Vec<u8>) {
    let layout = StateLayout::new(vec![
        entry("a.weight", &[3, 2], Role::Parameter),
        entry("a.mean", &[3], Role::Buffer),
    ]);
    let (_folder, path) = saved(&checkpoint(&layout, 1));
    (layout, fs::read(path).expect("readable"))
}

/// Loads `bytes`, which must not panic; what loads has the layout's shape.
fn try_load(layout: &StateLayout, bytes: &[u8]) -> Result<Checkpoint> {
    let path = Path::new("model.safetensors");
    let _ = header_from_bytes(bytes, path);
    let loaded = from_bytes(bytes, path, layout)?;
    assert_eq!(loaded.state.layout, *layout);
    assert_eq!(loaded.state.parameters.len(), layout.words(Role::Parameter));
    assert_eq!(loaded.state.buffers.len(), layout.words(Role::Buffer));
    assert!(
        loaded.state.moments.iter().all(|moment| moment.len() == layout.words(Role::Parameter))
    );
    Ok(loaded)
}

proptest! {
    #[test]
    fn a_truncated_or_extended_file_is_an_error(cut in 0.0..1.0_f64, extra in 1_usize..40) {
        let (layout, mut bytes) = small();
        let kept = (cut * bytes.len() as f64) as usize;
        let cut_short = matches!(try_load(&layout, &bytes[..kept]), Err(Error::File { .. }));
        prop_assert!(cut_short);
        bytes.extend(vec![0; extra]);
        let too_long = matches!(try_load(&layout, &bytes), Err(Error::File { .. }));
        prop_assert!(too_long);
    }

    #[test]
    fn flipped_bytes_never_panic(
        flips in prop::collection::vec((any::<prop::sample::Index>(), 1_u8..), 1..4),
    ) {
        let (layout, mut bytes) = small();
        for (at, flip) in flips {
            let at = at.index(bytes.len());
            bytes[at] ^= flip;
        }
        if let Err(error) = try_load(&layout, &bytes) {
            let typed = matches!(error, Error::File { .. });
            prop_assert!(typed, "{}", error);
        }
    }

    #[test]
    fn digits_in_the_header_never_panic(
        at in any::<prop::sample::Index>(), digits in "[0-9]{1,25}",
    ) {
        let (layout, bytes) = small();
        let length = u64::from_le_bytes(bytes[..8].try_into().expect("eight bytes")) as usize;
        let header = &bytes[8..8 + length];
        let places: Vec<usize> = (0..length).filter(|at| header[*at].is_ascii_digit()).collect();
        let place = places[at.index(places.len())];
        let header = [&header[..place], digits.as_bytes(), &header[place + 1..]].concat();
        let size = (header.len() as u64).to_le_bytes();
        let changed = [&size[..], &header, &bytes[8 + length..]].concat();
        if let Err(error) = try_load(&layout, &changed) {
            let typed = matches!(error, Error::File { .. });
            prop_assert!(typed, "{}", error);
        }
    }
}
