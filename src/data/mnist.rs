//! MNIST (Y. LeCun, C. Cortes, C. Burges), and every set in the same four files, such as
//! Fashion-MNIST and KMNIST: from a folder, or downloaded once into the user's cache folder.

use std::path::{Path, PathBuf};

use super::dataset::{Dataset, Images};
use super::idx;
use super::load_options::LoadOptions;
use crate::error::{Error, Result};
use crate::shape::ImageShape;

#[cfg(feature = "cli")]
mod cached;
#[cfg(not(feature = "cli"))]
#[path = "mnist/not_downloaded.rs"]
mod cached;

/// MNIST's own split of 60000 and 10000, from `folder`, or from the cache folder, which is filled
/// by a download where files are missing, with the feature `cli`.
///
/// # Errors
/// When a file is missing or damaged, the files do not fit together, or the download fails.
pub fn load(folder: Option<&Path>, options: &LoadOptions) -> Result<Dataset> {
    match folder {
        Some(folder) => from_folder(folder, options.limit),
        None => {
            let cache = cache_folder()?;
            cached::complete(&cache, options.progress)?;
            from_folder(&cache, options.limit)
        }
    }
}

fn cache_folder() -> Result<PathBuf> {
    let what = "mnist needs a cache folder, and this user has none; set HOME (or XDG_CACHE_HOME), \
                or give mnist:DIR";
    let folder = dirs::cache_dir().ok_or_else(|| Error::option("--data", what))?;
    Ok(folder.join("diabolo").join("mnist"))
}

fn from_folder(folder: &Path, limit: Option<usize>) -> Result<Dataset> {
    if !folder.is_dir() {
        let what = "there is no such folder; give the one that holds the four IDX files";
        return Err(Error::file(folder, what));
    }
    let part = |prefix| -> Result<(ImageShape, Images)> {
        let images = idx::read(&find(folder, prefix, "images", &["idx3", "idx4"])?)?;
        let labels = idx::read(&find(folder, prefix, "labels", &["idx1"])?)?;
        idx::pair(images, labels)
    };
    let (shape, train) = part("train")?;
    let (test_shape, test) = part("t10k")?;
    if shape != test_shape {
        let what = format!(
            "the training images are {shape} but the test images {test_shape}; give files that \
             belong together"
        );
        return Err(Error::file(folder, what));
    }
    let last = [&train, &test].into_iter().filter_map(|part| part.labels.as_ref()).flatten().max();
    let classes = last.map_or(0, |last| last + 1);
    Ok(Dataset {
        name: "mnist".into(),
        shape,
        masked: false,
        trains_on_all: false,
        train: train.take(limit.unwrap_or(usize::MAX)),
        test,
        classes: (0..classes).map(|class| class.to_string()).collect(),
    })
}

/// The file of this name in any spelling that is in use: with a dash or a dot, gzipped or not.
fn find(folder: &Path, prefix: &str, what: &str, kinds: &[&str]) -> Result<PathBuf> {
    for kind in kinds {
        for separator in ['-', '.'] {
            for suffix in ["", ".gz"] {
                let name = format!("{prefix}-{what}{separator}{kind}-ubyte{suffix}");
                let path = folder.join(name);
                if path.is_file() {
                    return Ok(path);
                }
            }
        }
    }
    let what = format!(
        "holds no file {prefix}-{what}-{}-ubyte, with or without .gz; give the folder that holds \
         all four files of MNIST",
        kinds[0]
    );
    Err(Error::file(folder, what))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn write_part(folder: &Path, images: &str, labels: &str, count: u8) {
        let mut bytes = vec![0, 0, 8, 3, 0, 0, 0, count, 0, 0, 0, 2, 0, 0, 0, 3];
        bytes.extend((0..count * 6).map(|value| value * 3));
        fs::write(folder.join(images), bytes).expect("the folder is ours");
        let mut bytes = vec![0, 0, 8, 1, 0, 0, 0, count];
        bytes.extend((0..count).map(|index| index % 4));
        fs::write(folder.join(labels), bytes).expect("the folder is ours");
    }

    #[test]
    fn both_spellings_are_found_and_a_limit_spares_the_test_images() {
        let folder = tempfile::tempdir().expect("a folder");
        write_part(folder.path(), "train-images-idx3-ubyte", "train-labels.idx1-ubyte", 9);
        write_part(folder.path(), "t10k-images.idx3-ubyte", "t10k-labels-idx1-ubyte", 5);
        let data = from_folder(folder.path(), Some(3)).expect("complete");
        assert_eq!(data.shape, ImageShape { channels: 1, height: 2, width: 3 });
        assert_eq!((data.train.count, data.test.count), (3, 5));
        assert_eq!(data.train.image(1), [18, 21, 24, 27, 30, 33]);
        assert_eq!(data.train.labels, Some(vec![0, 1, 2]));
        assert_eq!(data.classes, ["0", "1", "2", "3"]);
    }

    #[test]
    fn a_missing_file_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        write_part(folder.path(), "train-images-idx3-ubyte", "train-labels-idx1-ubyte", 9);
        let error = from_folder(folder.path(), None).expect_err("half is missing").to_string();
        assert!(error.contains("t10k-images-idx3-ubyte"), "{error}");
    }
}
