//! The file that keeps which variants of kernels are fastest on an adapter.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::device::GpuDevice;
use crate::error::{Error, Result};
use crate::ops::{Tuning, Variant};

/// Raised whenever keys or variants change their meaning.
const VERSION: u32 = 2;
/// A file with more than this was not written here.
const MOST_BYTES: u64 = 1 << 20;

/// What a tuning file holds.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    version: u32,
    adapter: String,
    driver: String,
    #[serde(default)]
    choices: std::collections::BTreeMap<String, Variant>,
}

/// The file for an adapter in the tuning folder. The driver is named inside.
pub(super) fn file(folder: &Path, device: &GpuDevice) -> PathBuf {
    folder.join(file_name(&device.info.name, device.info.backend))
}

/// What a file about an adapter is called.
pub(super) fn file_name(adapter: &str, backend: wgpu::Backend) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let name = format!("{adapter} {backend}");
    format!("{}.toml", name.chars().map(plain).collect::<String>())
}

/// What was chosen for this adapter and driver before; nothing where there is no file, or none that
/// can be used, which is said in one line.
pub(super) fn load(folder: &Path, device: &GpuDevice) -> Tuning {
    let path = file(folder, device);
    match read(&path, &device.info) {
        Ok(tuning) => tuning,
        Err(error) => {
            log::warn!("{error}; kernels are chosen by the table");
            Tuning::default()
        }
    }
}

fn read(path: &Path, info: &wgpu::AdapterInfo) -> Result<Tuning> {
    match crate::file::read_text(path, MOST_BYTES) {
        Ok(text) => parse(&text, path, &info.name, &driver(info)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Tuning::default()),
        Err(error) => Err(Error::file(path, format!("cannot be read: {error}; tune again"))),
    }
}

fn driver(info: &wgpu::AdapterInfo) -> String {
    format!("{} {}", info.driver, info.driver_info)
}

/// The choices in a tuning file's text, which came from `path`, if they were made on this adapter and
/// with this driver.
///
/// # Errors
/// When the text is no such file's, was made elsewhere, or names a kernel that there is not.
pub fn parse(text: &str, path: &Path, adapter: &str, driver: &str) -> Result<Tuning> {
    let refuse = |what: String| Err(Error::file(path, format!("{what}; tune again")));
    let stored: Stored = match toml::from_str(text) {
        Ok(stored) => stored,
        Err(error) => return refuse(format!("is no tuning file ({})", error.message())),
    };
    if stored.version != VERSION {
        return refuse(format!("has version {}, not {VERSION}", stored.version));
    }
    if (stored.adapter.as_str(), stored.driver.as_str()) != (adapter, driver) {
        return refuse(format!("was made on {} with {}", stored.adapter, stored.driver));
    }
    match stored.choices.iter().find(|(_, variant)| !variant.is_possible()) {
        Some((key, variant)) => refuse(format!("`{key}`: there is no kernel with {variant}")),
        None => Ok(Tuning(stored.choices)),
    }
}

/// Writes `tuning` beside its place and moves it there.
pub(super) fn save(path: &Path, tuning: &Tuning, info: &wgpu::AdapterInfo) -> Result<()> {
    let stored = Stored {
        version: VERSION,
        adapter: info.name.clone(),
        driver: driver(info),
        choices: tuning.0.clone(),
    };
    let failed = |what: String| Error::File { path: path.to_owned(), what };
    let text = toml::to_string(&stored).map_err(|error| failed(error.to_string()))?;
    let folder = path.parent().ok_or_else(|| failed("has no folder".into()))?;
    let write = || -> std::io::Result<()> {
        fs::create_dir_all(folder)?;
        let mut temporary = tempfile::NamedTempFile::new_in(folder)?;
        temporary.write_all(text.as_bytes())?;
        temporary.persist(path)?;
        Ok(())
    };
    write().map_err(|error| failed(format!("{error}; the choices are not kept")))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(version: u32, adapter: &str, tile: [usize; 2], splits: usize) -> String {
        format!(
            "version = {version}\nadapter = \"{adapter}\"\ndriver = \"d\"\n\
             [choices.\"matmul 1x2x3x4 nn\"]\ntile = {tile:?}\nsplits = {splits}\n"
        )
    }

    #[test]
    fn only_what_was_made_here_and_is_possible_is_taken() {
        let parse = |text: &str| parse(text, Path::new("t.toml"), "a", "d");
        let taken = parse(&text(VERSION, "a", [32, 32], 4)).unwrap();
        let choice = taken.choice(|| "matmul 1x2x3x4 nn".into());
        assert_eq!(choice, Some(Variant { tile: [32, 32], splits: 4 }));
        assert_eq!(taken.choice(|| "matmul 9x9x9x9 nn".into()), None);
        for (text, expected) in [
            (text(VERSION + 1, "a", [32, 32], 4), "version"),
            (text(VERSION, "b", [32, 32], 4), "made on b"),
            (text(VERSION, "a", [48, 64], 4), "no kernel"),
            (text(VERSION, "a", [64, 64], 0), "no kernel"),
            (text(VERSION, "a", [64, 64], 1 << 20), "no kernel"),
            (text(VERSION, "a", [64, 64], 1) + "more = 1\n", "unknown field"),
            ("version = 1".into(), "missing field"),
            ("\u{0}".into(), ""),
        ] {
            let error = parse(&text).unwrap_err().to_string();
            assert!(error.starts_with("t.toml: ") && error.contains(expected), "{error}");
            assert!(error.ends_with("; tune again"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn no_text_is_a_panic(text in ".{0,200}", at in 0_usize..90, byte in any::<u8>()) {
            let path = Path::new("t.toml");
            let _ = parse(&text, path, "a", "d");
            let mut damaged = super::tests::text(VERSION, "a", [32, 32], 4).into_bytes();
            damaged[at] = byte;
            if let Ok(tuning) = parse(&String::from_utf8_lossy(&damaged), path, "a", "d") {
                prop_assert!(tuning.0.values().all(|variant| variant.is_possible()));
            }
        }
    }
}
