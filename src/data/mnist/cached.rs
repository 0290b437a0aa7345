//! MNIST's files in the cache folder, into which they are downloaded.

use std::path::Path;
use std::time::Duration;

use crate::data::download::{Download, Mirrors};
use crate::error::{Error, Result};

const MIRRORS: [&str; 2] = [
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
];

/// The files, each with the MD5 of what it unpacks to.
const FILES: [Download; 4] = [
    Download { name: "train-images-idx3-ubyte.gz", md5: "6bbc9ace898e44ae57da46a324031adb" },
    Download { name: "train-labels-idx1-ubyte.gz", md5: "a25bea736e30d166cdddb491f175f624" },
    Download { name: "t10k-images-idx3-ubyte.gz", md5: "2646ac647ad5339dbf082846283269ea" },
    Download { name: "t10k-labels-idx1-ubyte.gz", md5: "27ae3e4e09519cfbb04c329615203637" },
];

/// Downloads what the folder `cache` lacks of the files.
///
/// # Errors
/// When the folder cannot be written, or no mirror has a file.
pub(super) fn complete(cache: &Path, progress: bool) -> Result<()> {
    let urls = MIRRORS.map(str::to_owned);
    let mirrors = Mirrors {
        urls: &urls,
        patience: Duration::from_secs(30),
        progress,
        otherwise: "check the network, or put the four files into a folder yourself and \
                    give --data mnist:DIR; --data digits needs no network",
    };
    fill(cache, &FILES, &mirrors)
}

/// Downloads those of `files` that `cache` lacks.
fn fill(cache: &Path, files: &[Download], mirrors: &Mirrors) -> Result<()> {
    std::fs::create_dir_all(cache)
        .map_err(|error| Error::file(cache, format!("cannot be created: {error}")))?;
    files
        .iter()
        .filter(|file| !cache.join(file.name).is_file())
        .try_for_each(|file| mirrors.fetch(file, cache))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn files_already_in_the_cache_are_not_asked_for_again() {
        let cache = tempfile::tempdir().expect("a folder");
        for file in &FILES {
            fs::write(cache.path().join(file.name), "present").expect("the folder is ours");
        }
        let mirrors =
            Mirrors { urls: &[], patience: Duration::ZERO, progress: false, otherwise: "" };
        fill(cache.path(), &FILES, &mirrors).expect("nothing to fetch");
    }
}
