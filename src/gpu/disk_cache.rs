//! Compiled pipelines on disk, where the driver lets them be taken out.
//!
//! A file is a checksum and then what wgpu gave. It is written beside its place and moved there, so
//! that a reader finds it whole or not at all; what cannot be read or used is compiled again.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::device::GpuDevice;
use crate::file;

/// The most bytes of a file that is read; drivers keep some hundred kilobytes for all kernels.
const MOST_BYTES: u64 = 256 << 20;

/// The driver's cache of compiled pipelines and the file it came from.
#[derive(Debug)]
pub(super) struct DiskCache {
    cache: wgpu::PipelineCache,
    file: PathBuf,
    saved: u64,
}

impl DiskCache {
    /// The cache for this adapter in `folder`; `None` where the adapter has none.
    pub fn open(device: &GpuDevice, folder: &Path) -> Option<Self> {
        if !device.has(wgpu::Features::PIPELINE_CACHE) {
            return None;
        }
        let path = folder.join(wgpu::util::pipeline_cache_key(&device.info)?);
        let bytes = file::read(&path, MOST_BYTES).unwrap_or_default();
        let data = unpacked(&bytes);
        let description =
            wgpu::PipelineCacheDescriptor { label: Some("diabolo"), data, fallback: true };
        let made = device.scoped(
            || "pipeline cache".into(),
            // SAFETY: the data must come from `PipelineCache::get_data`. The file lies in the
            // user's own cache folder, is written by `save` alone and is taken only where its
            // checksum holds; wgpu compares the header with the adapter and driver besides.
            || unsafe { device.device.create_pipeline_cache(&description) },
        );
        match made {
            Ok(cache) => {
                let saved = data.map_or(0, checksum);
                Some(Self { cache, file: path, saved })
            }
            Err(error) => {
                log::debug!("no pipeline cache: {error}");
                None
            }
        }
    }

    /// The cache, for the creation of pipelines.
    pub fn handle(&self) -> &wgpu::PipelineCache {
        &self.cache
    }

    /// Writes the cache to its file if it has changed. Failing costs time at the next start only.
    pub fn save(&mut self) {
        let Some(data) = self.cache.get_data() else { return };
        let sum = checksum(&data);
        if sum == self.saved {
            return;
        }
        match write(&self.file, sum, &data) {
            Ok(()) => self.saved = sum,
            Err(error) => log::debug!("{}: {error}", self.file.display()),
        }
    }
}

fn write(file: &Path, sum: u64, data: &[u8]) -> io::Result<()> {
    let folder = file.parent().ok_or(io::ErrorKind::NotFound)?;
    fs::create_dir_all(folder)?;
    let mut temporary = tempfile::NamedTempFile::new_in(folder)?;
    temporary.write_all(&sum.to_le_bytes())?;
    temporary.write_all(data)?;
    temporary.persist(file)?;
    Ok(())
}

fn unpacked(bytes: &[u8]) -> Option<&[u8]> {
    let (sum, data) = bytes.split_first_chunk()?;
    (u64::from_le_bytes(*sum) == checksum(data)).then_some(data)
}

/// FNV-1a, 64 bits: it is to notice a torn or foreign file, not an adversary.
fn checksum(data: &[u8]) -> u64 {
    data.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_file_counts_as_none() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("sub").join("cache");
        let data = [7_u8; 300];
        write(&file, checksum(&data), &data).unwrap();
        let mut bytes = fs::read(&file).unwrap();
        assert_eq!(unpacked(&bytes), Some(&data[..]));
        bytes[100] ^= 1;
        assert_eq!(unpacked(&bytes), None);
        assert_eq!(unpacked(&bytes[..250]), None);
        assert_eq!(unpacked(&[]), None);
    }
}
