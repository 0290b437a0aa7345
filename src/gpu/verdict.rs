//! What a self-test found, kept from run to run: it is not repeated where adapter, driver and kernels
//! are what they were.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::adapters::AdapterSummary;
use super::tuning_file::file_name;
use crate::error::{Error, Result};
use crate::file;
use crate::ops;

/// A file with more than this was not written here.
const MOST_BYTES: u64 = 1 << 16;

/// What a file holds.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    adapter: String,
    driver: String,
    /// A checksum of all kernels' text.
    kernels: String,
    /// What went wrong, a line each.
    failures: Vec<String>,
}

/// The folder of these files.
#[derive(Clone, Debug)]
pub(super) struct Verdicts {
    folder: PathBuf,
    kernels: String,
}

impl Verdicts {
    /// Those of this user; `None` where there is no folder for what can be made again.
    pub fn of_user() -> Option<Self> {
        Some(Self::within(&dirs::cache_dir()?.join("diabolo").join("self-tests")))
    }

    fn within(folder: &Path) -> Self {
        let texts = ops::kernels().into_iter().map(ops::Kernel::text);
        // FNV-1a, 64 bits: it is to notice other kernels, not an adversary.
        let hash = texts.fold(0xcbf2_9ce4_8422_2325_u64, |hash, text| {
            let add = |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
            text.bytes().fold(hash, add)
        });
        Self { folder: folder.to_owned(), kernels: format!("{hash:016x}") }
    }

    /// What goes wrong on an adapter, if that is known.
    pub fn known(&self, adapter: &AdapterSummary) -> Option<Vec<String>> {
        let text = file::read_text(&self.path(adapter), MOST_BYTES).ok()?;
        let stored: Stored = toml::from_str(&text).ok()?;
        let failures = stored.failures.clone();
        (stored == self.stored(adapter, failures.clone())).then_some(failures)
    }

    /// The same, from `test` where it is not known, which is kept then.
    ///
    /// # Errors
    /// When `test` fails.
    pub fn of(
        &self,
        adapter: &AdapterSummary,
        test: impl FnOnce() -> Result<Vec<String>>,
    ) -> Result<Vec<String>> {
        if let Some(known) = self.known(adapter) {
            return Ok(known);
        }
        let failures = test()?;
        self.keep(adapter, &failures);
        Ok(failures)
    }

    /// Keeps what goes wrong. Where it cannot be kept, it is found out again at the next start.
    pub fn keep(&self, adapter: &AdapterSummary, failures: &[String]) {
        let path = self.path(adapter);
        let write = || -> Result<()> {
            let text = toml::to_string(&self.stored(adapter, failures.to_vec()));
            let text = text.map_err(|error| Error::file(&path, error))?;
            std::fs::create_dir_all(&self.folder)
                .map_err(|error| Error::file(&self.folder, error))?;
            file::write_whole(&path, |out| out.write_all(text.as_bytes()))
        };
        if let Err(error) = write() {
            log::debug!("{error}");
        }
    }

    fn path(&self, adapter: &AdapterSummary) -> PathBuf {
        self.folder.join(file_name(&adapter.name, adapter.backend))
    }

    fn stored(&self, adapter: &AdapterSummary, failures: Vec<String>) -> Stored {
        Stored {
            adapter: adapter.name.clone(),
            driver: adapter.driver.clone(),
            kernels: self.kernels.clone(),
            failures,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::AdapterKind;

    #[test]
    fn what_is_known_is_not_found_out_again() {
        let folder = tempfile::tempdir().unwrap();
        let verdicts = Verdicts::within(folder.path());
        let card = AdapterSummary::made_up("Card", AdapterKind::Discrete, wgpu::Backend::Vulkan);
        let wrong = vec!["a \"softmax\": 1, not NaN".to_owned()];
        let never = || -> Result<Vec<String>> { panic!("it was tested again") };
        let failing = || Err(Error::Gpu("lost".into()));
        // A test that broke off says nothing of the adapter.
        assert!(verdicts.of(&card, failing).is_err() && verdicts.known(&card).is_none());
        assert_eq!(verdicts.of(&card, || Ok(wrong.clone())).unwrap(), wrong);
        assert_eq!(verdicts.of(&card, never).unwrap(), wrong);

        let newer = AdapterSummary { driver: "2.0".into(), ..card.clone() };
        assert_eq!(verdicts.known(&newer), None);
        assert_eq!(verdicts.of(&newer, || Ok(vec![])).unwrap(), [""; 0]);
        assert_eq!(verdicts.of(&newer, never).unwrap(), [""; 0]);
        assert_eq!(verdicts.known(&card), None, "the driver may have been put back");
        let others = Verdicts { kernels: "other".into(), ..verdicts.clone() };
        assert_eq!(others.known(&newer), None, "kernels have changed");

        let path = verdicts.path(&newer);
        let whole = std::fs::read_to_string(&path).unwrap();
        for damage in ["", "failures = 3", "\u{0}", &whole[..whole.len() / 2]] {
            std::fs::write(&path, damage).unwrap();
            assert_eq!(verdicts.known(&newer), None, "{damage:?}");
            assert_eq!(verdicts.of(&newer, || Ok(wrong.clone())).unwrap(), wrong);
        }
    }
}
