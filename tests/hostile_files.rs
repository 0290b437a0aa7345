//! Files that lie about their size: no parser asks for more memory than its file can account for.

use std::alloc::{GlobalAlloc, Layout, System};
use std::fs;
use std::io::{Cursor, Write};
use std::path::Path;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Mutex, PoisonError};

use diabolo::data::{Dataset, ImageShape, LoadOptions, Missing, Source, idx, missing};
use diabolo::file::npy;
use diabolo::gpu::{DeviceChoice, parse_tuning};
use diabolo::graph::{Initialiser, ParamName, Role, State, StateEntry, StateLayout};
use diabolo::inference::layout;
use diabolo::models::{Architecture, CodeForm, Model, Network, Quantiser, Variant};
use diabolo::nn::{Loss, Output};
use diabolo::rng::Seed;
use diabolo::run::checkpoint::{self, Checkpoint, Header};
use diabolo::shape::Shape;
use diabolo::tasks::{Codec, Raster, code_table};
use diabolo::train::{Config, PartEpoch};
use proptest::prelude::*;
use tempfile::TempDir;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// Notes how many bytes are in use, and the most that ever were.
struct Measuring;

static USED: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

fn note(added: usize, removed: usize) {
    // Wrapping sums come out right, whatever the order of threads.
    let used = USED.fetch_add(added.wrapping_sub(removed), Relaxed);
    MOST.fetch_max(used.wrapping_add(added).wrapping_sub(removed), Relaxed);
}

// SAFETY: every call is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Measuring {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size(), 0);
        // SAFETY: the caller keeps to the contract of this very function.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        note(0, layout.size());
        // SAFETY: the caller keeps to the contract of this very function.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note(size, layout.size());
        // SAFETY: the caller keeps to the contract of this very function.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Measuring = Measuring;

/// The most bytes that `run` has in use at a time, besides those before.
fn most_bytes<T>(run: impl FnOnce() -> T) -> (usize, T) {
    let before = USED.load(Relaxed);
    MOST.store(before, Relaxed);
    let result = run();
    (MOST.load(Relaxed).saturating_sub(before), result)
}

/// Memory is that of the whole program, so one test is measured at a time.
fn alone() -> impl Drop {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// For names, messages, and what the test's own threads do meanwhile.
const ROOM: usize = 256 << 10;

fn here() -> &'static Path {
    Path::new("input")
}

proptest! {
    #[test]
    fn idx_files(axes in prop::collection::vec(any::<u32>(), 0..5), bytes in 0_usize..3000) {
        let _alone = alone();
        let mut file = vec![0, 0, 8, axes.len() as u8];
        file.extend(axes.iter().flat_map(|axis| axis.to_be_bytes()));
        file.resize(file.len() + bytes, 7);
        let (most, _) = most_bytes(|| idx::parse(&file[..], here()));
        prop_assert!(most <= 3 * file.len() + ROOM, "{most} bytes of {}", file.len());
    }

    #[test]
    fn npy_files(
        sizes in prop::collection::vec(any::<u64>(), 0..5),
        kind in prop::sample::select(vec!["<f4", "<f8", "|u1", "<i8"]),
        length in any::<u32>(),
        lies in any::<bool>(),
        bytes in 0_usize..3000,
    ) {
        let _alone = alone();
        let sizes: String = sizes.iter().map(|size| format!("{size},")).collect();
        let text = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({sizes})}}");
        let length = if lies { length } else { text.len() as u32 };
        let start = [b"\x93NUMPY\x02\0", &length.to_le_bytes()[..], text.as_bytes()].concat();
        let file = [start, vec![0; bytes]].concat();
        let (most, _) = most_bytes(|| npy::from_bytes(&file, here()));
        prop_assert!(most <= 8 * file.len() + ROOM, "{most} bytes of {}", file.len());
    }

    #[test]
    fn npz_files(
        entries in 1_usize..300,
        packed in any::<bool>(),
        claimed in any::<u32>(),
        count in any::<u32>(),
    ) {
        let _alone = alone();
        let text = format!("{{'descr': '<f2', 'fortran_order': False, 'shape': ({count},)}}");
        let length = (text.len() as u16).to_le_bytes();
        let array = [b"\x93NUMPY\x01\0", &length[..], text.as_bytes(), &[0; 64]].concat();
        let method = if packed { CompressionMethod::Deflated } else { CompressionMethod::Stored };
        let mut writer = ZipWriter::new(Cursor::new(vec![]));
        for entry in 0..entries {
            let options = SimpleFileOptions::default().compression_method(method);
            writer.start_file(format!("{entry}.npy"), options).expect("memory takes it");
            writer.write_all(&array).expect("memory takes it");
        }
        let mut file = writer.finish().expect("memory takes it").into_inner();
        // What the directory says of the first one's bytes, packed and not.
        let entry = file.windows(4).position(|bytes| bytes == b"PK\x01\x02").expect("a directory");
        file[entry + 24..][..4].copy_from_slice(&claimed.to_le_bytes());
        if !packed {
            file[entry + 20..][..4].copy_from_slice(&claimed.to_le_bytes());
        }
        let (most, read) = most_bytes(|| npy::array_from_bytes(&file, Some("0"), here()).is_ok());
        prop_assert!(!read);
        prop_assert!(most <= 8 * file.len() + ROOM, "{most} bytes of {}", file.len());
    }

    #[test]
    fn models(
        shape in prop::collection::vec(any::<u64>(), 0..4),
        end in any::<u64>(),
        size in any::<u64>(),
        lies in any::<bool>(),
    ) {
        let _alone = alone();
        let stored = serde_json::json!({
            "format": 1, "diabolo": "0", "moments": 4, "step": 1, "epoch": 1, "seed": 1,
            "config": "", "model": "", "history": "",
        });
        let names = serde_json::json!({
            "__metadata__": { "diabolo": stored.to_string() },
            "w": { "dtype": "F32", "shape": shape, "data_offsets": [0, end] },
        });
        let names = names.to_string();
        let size = if lies { size } else { names.len() as u64 };
        let file = [&size.to_le_bytes()[..], names.as_bytes(), &[0; 64]].concat();
        let layout = StateLayout::new(vec![StateEntry {
            name: ParamName("w".into()),
            shape: Shape::from([1 << 14, 1 << 14]),
            initialiser: Initialiser::Constant(0.0),
            role: Role::Parameter,
        }]);
        let (most, _) = most_bytes(|| checkpoint::from_bytes(&file, here(), &layout));
        prop_assert!(most <= 32 * file.len() + ROOM, "{most} bytes of {}", file.len());
    }

    #[test]
    fn compressed_pictures(
        sides in prop::array::uniform2(1_usize..1 << 14),
        code in prop_oneof![Just(3), 0_usize..1 << 28],
        cell in prop_oneof![Just(4), 0_usize..1 << 15],
        payload in prop::collection::vec(any::<u8>(), 0..60),
    ) {
        let _alone = alone();
        let (codec, start) = codec();
        let [width, height] = sides;
        let places = |side: usize| side.div_ceil(cell.max(1));
        let mut file = start;
        for mut field in [width, height, 3, cell, cell, code, places(height), places(width), 5] {
            while field > 127 {
                file.push(field as u8 | 128);
                field >>= 7;
            }
            file.push(field as u8);
        }
        file.extend(&payload);
        let mut sum = flate2::Crc::new();
        sum.update(&file);
        file.extend(sum.sum().to_le_bytes());
        let (most, _) = most_bytes(|| codec.read(&file, here()));
        // 2048 numbers a bit, three of which share what is known of their place; and tables of chances, which are of
        // one size for all files.
        let allowed = (payload.len() + 16) * 8 * 2048 * 12 + (2 << 20);
        prop_assert!(most <= allowed + ROOM, "{most} bytes of {}", payload.len());
    }
}

proptest! {
    #[test]
    fn archives(
        claimed in prop_oneof![0_u64..3000, any::<u64>().prop_map(|size| size >> 2)],
        kind in prop::sample::select(b"0LKxgS125".to_vec()),
        bytes in 0_usize..3000,
        follows in any::<bool>(),
    ) {
        let _alone = alone();
        let folder = TempDir::new().expect("a temporary folder");
        let path = folder.path().join("a.tar");
        let header = |name: &str, kind: u8, size: u64| {
            let mut header = tar::Header::new_gnu();
            header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
            header.set_entry_type(tar::EntryType::new(kind));
            header.set_size(size);
            header.set_cksum();
            header.as_bytes().to_vec()
        };
        let mut file = [header("a.png", kind, claimed), vec![b'7'; bytes]].concat();
        if follows {
            file.resize(file.len().next_multiple_of(512), 0);
            file.extend(header("b.png", b'0', claimed));
        }
        fs::write(&path, &file).expect("writable");
        let source = Source::Images(path);
        let load = || Dataset::load(&source, &LoadOptions::default()).is_ok();
        let (most, loaded) = most_bytes(load);
        prop_assert!(!loaded);
        prop_assert!(most <= 8 * file.len() + 2 * ROOM, "{most} bytes of {}", file.len());
    }
}

/// A codec of an untrained model, and what its files begin with.
fn codec() -> (Codec, Vec<u8>) {
    let images = ImageShape { channels: 3, height: 8, width: 8 };
    let architecture: Architecture = "conv:2,2".parse().expect("an architecture");
    let network = Network::new(images, architecture, CodeForm::Map(3));
    let quantiser = Some(Quantiser { step: 1.0, rate: 1e-3, hyperprior: None });
    let (loss, variant) = (Loss::Mse, Variant::Conv);
    let output = Output::Sigmoid;
    let model = Model {
        loss,
        variance: None,
        network,
        variant,
        quantiser,
        residual: false,
        output,
        noise_level: false,
        fills: false,
        knows_holes: false,
        transmission: false,
    };
    let layout = layout(&model).expect("a model");
    let header = Header {
        step: 1,
        epoch: 1,
        seed: Seed(1),
        config: Config::new(model).to_toml().expect("options"),
        model: "conv".into(),
        history: "[]".into(),
        part: PartEpoch::default(),
        halvings: 0,
        data: None,
    };
    let folder = TempDir::new().expect("a temporary folder");
    let path = folder.path().join("model.safetensors");
    let state = State::initial(&layout, Seed(1), 0);
    checkpoint::save(&path, &Checkpoint { state, header }).expect("writable");
    let mut codec = Codec::load(folder.path(), &DeviceChoice::Cpu).expect("a codec");
    let picture = Raster { shape: images, pixels: vec![99; images.elements()] };
    let mut start = codec.compress(&picture).expect("a small picture");
    start.truncate(4 + 1 + 16);
    (codec, start)
}

#[test]
fn tables_of_nothing_but_commas() {
    let _alone = alone();
    for text in [",".repeat(1 << 20), "c0\n".to_owned() + &"1\n".repeat(1 << 19)] {
        let (most, _) = most_bytes(|| code_table::from_bytes(text.as_bytes(), here()));
        assert!(most <= 4 * text.len() + ROOM, "{most} bytes of {}", text.len());
    }
}

#[test]
fn models_of_nothing_but_names_or_axes() {
    let _alone = alone();
    let names: Vec<String> = (0..40_000)
        .map(|i| format!(r#""{i}":{{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}"#))
        .collect();
    let axes = "0,".repeat(1 << 20);
    let axes = format!(r#""w":{{"dtype":"F32","shape":[{axes}0],"data_offsets":[0,0]}}"#);
    for text in [names.join(","), axes, "[".repeat(1 << 20), r#""a":"#.repeat(1 << 18)] {
        let text = format!("{{{text}}}");
        let file = [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat();
        let (most, header) = most_bytes(|| checkpoint::header_from_bytes(&file, here()));
        header.expect_err("is no model of ours");
        assert!(most <= 48 * file.len() + ROOM, "{most} bytes of {}", file.len());
    }
}

#[test]
fn options_of_nothing_but_brackets() {
    let _alone = alone();
    for part in ["[", "a=[", "a.", "{", "[a]\n", "\"\"\"", "x=[[[[[[[[1],"] {
        let text = part.repeat(Config::MOST_BYTES / part.len());
        let (most, config) = most_bytes(|| Config::from_toml(&text, here()));
        config.expect_err("there are no options");
        assert!(most <= 32 << 20, "{part}: {most} bytes");
        let (most, tuning) = most_bytes(|| parse_tuning(&text, here(), "a", "d"));
        tuning.expect_err("there are no choices");
        assert!(most <= 32 << 20, "{part}: {most} bytes");
    }
}

/// A black image takes a thousandth of its pixels, so that a folder of them could fill the memory.
#[test]
fn folders_of_images_far_larger_than_the_first() {
    let _alone = alone();
    let folder = TempDir::new().expect("a temporary folder");
    for (name, side) in [("small", 8), ("large", 3000)] {
        let first = folder.path().join(format!("{name}.png"));
        image::GrayImage::new(side, side).save(&first).expect("writable");
        for number in 1..30 {
            let copy = folder.path().join(format!("{name}{number}.png"));
            fs::copy(&first, copy).expect("writable");
        }
    }
    let source = Source::Images(folder.path().into());
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("one thread");
    // Half of all orders begin with a small one.
    let mut measured = 0;
    for seed in 0..8 {
        let options = LoadOptions { seed: Seed(seed), ..LoadOptions::default() };
        let (most, loaded) = most_bytes(|| pool.install(|| Dataset::load(&source, &options)));
        let error = loaded.expect_err("sizes differ").to_string();
        if error.contains("is 3000x3000, but") {
            assert!(error.contains("--size"), "{error}");
            assert!(most <= 4 * 9_000_000, "{most} bytes");
            measured += 1;
        }
    }
    assert!(measured > 0);
}

#[cfg(unix)]
#[test]
fn what_has_no_end_is_not_read() {
    let _alone = alone();
    let folder = TempDir::new().expect("a temporary folder");
    let pipe = folder.path().join("pipe.png");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.expect("this system has mkfifo").success());
    let error = Raster::read(&pipe).expect_err("is no file").to_string();
    assert!(error.contains("pipe.png") && error.contains("not a file"), "{error}");
    let digits = Dataset::load(&Source::Digits, &LoadOptions::default()).expect("built in");
    missing::apply(digits, &Missing::Image(pipe), Seed(0)).expect_err("is no file");

    for name in ["config.toml", "metrics.json", "profile.json", "model.safetensors", "loss.png"] {
        let run = folder.path().join("run");
        fs::create_dir_all(&run).expect("writable");
        fs::write(run.join("config.toml"), "epochs = 1").expect("writable");
        let path = run.join(name);
        let _ = fs::remove_file(&path);
        std::os::unix::fs::symlink("/dev/zero", &path).expect("a link");
        let error = diabolo::tasks::report::html(&run).expect_err("is no file").to_string();
        assert!(error.contains(name) && error.contains("not a file"), "{error}");
        fs::remove_dir_all(&run).expect("ours");
    }
}
