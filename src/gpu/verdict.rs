//! What a self-test found, kept from run to run: it is not repeated where adapter, driver and kernels
//! are what they were.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::adapters::AdapterSummary;
use super::mixed::Mixed;
use super::tuning_file::file_name;
use crate::error::{Error, Result};
use crate::file;
use crate::ops;

/// A file with more than this was not written here.
const MOST_BYTES: u64 = 1 << 16;

/// What a file holds.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Stored {
    adapter: String,
    driver: String,
    /// A checksum of all kernels' text.
    kernels: String,
    #[serde(flatten)]
    findings: Findings,
}

/// What a self-test found, a line for each thing that went wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Findings {
    /// With f32.
    pub failures: Vec<String>,
    /// With f16, where there is any; unknown where that was not tested.
    pub halves: Option<Vec<String>>,
    /// With matrix units, where there are any.
    pub matrices: Option<Vec<String>>,
}

impl Findings {
    /// What the adapter may do for plans that keep f16.
    pub fn mixed(&self) -> Mixed {
        let is_right = |found: &Option<Vec<String>>| found.as_ref().map(Vec::is_empty);
        match (is_right(&self.halves), is_right(&self.matrices)) {
            (Some(false), _) => Mixed::Refused,
            (Some(true), Some(true)) => Mixed::ByMatrices,
            _ => Mixed::Stored,
        }
    }
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
    pub fn known(&self, adapter: &AdapterSummary) -> Option<Findings> {
        let text = file::read_text(&self.path(adapter), MOST_BYTES).ok()?;
        let stored: Stored = toml::from_str(&text).ok()?;
        let findings = stored.findings.clone();
        (stored == self.stored(adapter, findings.clone())).then_some(findings)
    }

    /// The same, from `test` where it is not known, which is kept then.
    ///
    /// # Errors
    /// When `test` fails.
    pub fn of(
        &self,
        adapter: &AdapterSummary,
        test: impl FnOnce() -> Result<Findings>,
    ) -> Result<Findings> {
        if let Some(known) = self.known(adapter) {
            return Ok(known);
        }
        let findings = test()?;
        self.keep(adapter, &findings);
        Ok(findings)
    }

    /// Keeps what goes wrong. Where it cannot be kept, it is found out again at the next start.
    pub fn keep(&self, adapter: &AdapterSummary, findings: &Findings) {
        let path = self.path(adapter);
        let write = || -> Result<()> {
            let text = toml::to_string(&self.stored(adapter, findings.clone()));
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

    fn stored(&self, adapter: &AdapterSummary, findings: Findings) -> Stored {
        Stored {
            adapter: adapter.name.clone(),
            driver: adapter.driver.clone(),
            kernels: self.kernels.clone(),
            findings,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::AdapterKind;

    #[test]
    fn wrong_f16_or_matrices_are_not_used() {
        let wrong = || Some(vec!["a product: 1, not 2".to_owned()]);
        let right = || Some(vec![]);
        for (halves, matrices, mixed) in [
            (right(), right(), Mixed::ByMatrices),
            (right(), wrong(), Mixed::Stored),
            (right(), None, Mixed::Stored),
            (None, None, Mixed::Stored),
            (None, right(), Mixed::Stored),
            (wrong(), right(), Mixed::Refused),
        ] {
            let findings = Findings { failures: vec![], halves, matrices };
            assert_eq!(findings.mixed(), mixed, "{findings:?}");
        }
    }

    #[test]
    fn what_is_known_is_not_found_out_again() {
        let folder = tempfile::tempdir().unwrap();
        let verdicts = Verdicts::within(folder.path());
        let card = AdapterSummary::made_up("Card", AdapterKind::Discrete, wgpu::Backend::Vulkan);
        let wrong = Findings {
            failures: vec!["a \"softmax\": 1, not NaN".to_owned()],
            halves: Some(vec![]),
            matrices: None,
        };
        let right = Findings::default();
        let never = || -> Result<Findings> { panic!("it was tested again") };
        let failing = || Err(Error::Gpu("lost".into()));
        // A test that broke off says nothing of the adapter.
        assert!(verdicts.of(&card, failing).is_err() && verdicts.known(&card).is_none());
        assert_eq!(verdicts.of(&card, || Ok(wrong.clone())).unwrap(), wrong);
        assert_eq!(verdicts.of(&card, never).unwrap(), wrong);

        let newer = AdapterSummary { driver: "2.0".into(), ..card.clone() };
        assert_eq!(verdicts.known(&newer), None);
        assert_eq!(verdicts.of(&newer, || Ok(right.clone())).unwrap(), right);
        assert_eq!(verdicts.of(&newer, never).unwrap(), right);
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
