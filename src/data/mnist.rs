//! MNIST (Y. LeCun, C. Cortes, C. Burges), and every set in four such files, such as Fashion-MNIST,
//! KMNIST, QMNIST and EMNIST: from a folder, or MNIST downloaded once into the user's cache folder.

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
mod sets;

use sets::{Set, images_of, labels_of};

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
    let (folder, set) = sets::choose(folder)?;
    let part = |prefix| -> Result<(ImageShape, Images)> {
        let images = idx::read(&images_of(folder, prefix)?)?;
        let labels = idx::read_labels(&labels_of(folder, prefix)?)?;
        let (shape, images) = idx::pair(images, labels)?;
        Ok(if set.is_transposed { transposed(shape, images) } else { (shape, images) })
    };
    let [train, test] = set.prefixes;
    let ((shape, mut train), (test_shape, mut test)) = (part(train)?, part(test)?);
    if shape != test_shape {
        let what = format!(
            "the training images are {shape} but the test images {test_shape}; give files that \
             belong together"
        );
        return Err(Error::file(folder, what));
    }
    let classes = number_classes(folder, &set, [&mut train, &mut test])?;
    Ok(Dataset {
        name: set.name.into(),
        shape,
        train: train.take(limit.unwrap_or(usize::MAX)),
        test,
        classes,
        ..Dataset::default()
    })
}

/// The classes' names; labels that begin with 1 are counted from 0.
fn number_classes(folder: &Path, set: &Set, parts: [&mut Images; 2]) -> Result<Vec<String>> {
    let labels = || parts.iter().flat_map(|part| part.labels.iter().flatten().copied());
    let (least, last) = (labels().min().unwrap_or(0), labels().max().unwrap_or(0));
    // Of a few images of a set that begins with 0 none may have that label.
    let begins_with_1 = least > 0 && set.classes.is_none_or(|classes| !classes.contains('0'));
    let first = u32::from(begins_with_1);
    let names: Vec<String> = match set.classes {
        Some(classes) => classes.chars().map(String::from).collect(),
        None => (first..=last).map(|label| label.to_string()).collect(),
    };
    if (last - first) as usize >= names.len() {
        let what = format!(
            "holds the label {last}, but {} has {} classes; get another copy",
            set.name,
            names.len()
        );
        return Err(Error::file(folder, what));
    }
    for label in parts.into_iter().flat_map(|part| part.labels.iter_mut().flatten()) {
        *label -= first;
    }
    Ok(names)
}

/// Images that are stored column by column, row by row.
fn transposed(shape: ImageShape, images: Images) -> (ImageShape, Images) {
    let ImageShape { channels, height, width } = shape;
    let mut pixels = Vec::with_capacity(images.pixels.len());
    for plane in images.pixels.chunks_exact(height * width) {
        pixels.extend((0..width).flat_map(|y| plane.iter().skip(y).step_by(width)));
    }
    (ImageShape { channels, height: width, width: height }, Images { pixels, ..images })
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

    /// A file of images of 2x3, each a number higher, and one of labels.
    fn write_emnist(folder: &Path, split: &str, labels: &[u8]) {
        for part in ["train", "test"] {
            let name = |what| folder.join(format!("emnist-{split}-{part}-{what}-ubyte"));
            let count = labels.len() as u8;
            let mut bytes = vec![0, 0, 8, 3, 0, 0, 0, count, 0, 0, 0, 2, 0, 0, 0, 3];
            bytes.extend(0..count * 6);
            fs::write(name("images-idx3"), bytes).expect("the folder is ours");
            let bytes = [&[0, 0, 8, 1, 0, 0, 0, count], labels].concat();
            fs::write(name("labels-idx1"), bytes).expect("the folder is ours");
        }
    }

    #[test]
    fn emnist_is_upright_and_counted_from_0() {
        let folder = tempfile::tempdir().expect("a folder");
        write_emnist(folder.path(), "letters", &[2, 26, 1]);
        let data = from_folder(folder.path(), None).expect("complete");
        assert_eq!(
            (data.name.as_str(), data.shape.height, data.shape.width),
            ("emnist-letters", 3, 2)
        );
        assert_eq!(data.train.image(1), [6, 9, 7, 10, 8, 11]);
        assert_eq!(data.test.labels, Some(vec![1, 25, 0]));
        assert_eq!((data.classes.len(), &*data.classes[25]), (26, "Z"));

        write_emnist(folder.path(), "balanced", &[10, 46, 36]);
        let error = from_folder(folder.path(), None).expect_err("two sets").to_string();
        assert!(error.contains("/emnist-balanced, mnist:"), "{error}");
        let data = from_folder(&folder.path().join("emnist-balanced"), None).expect("chosen");
        let names: Vec<&str> =
            data.train.labels.iter().flatten().map(|l| &*data.classes[*l as usize]).collect();
        assert_eq!((names, data.classes.len()), (vec!["A", "t", "a"], 47));
        write_emnist(folder.path(), "digits", &[10]);
        let wrong = from_folder(&folder.path().join("emnist-digits"), None);
        let error = wrong.expect_err("there are ten digits").to_string();
        assert!(error.contains("label 10, but emnist-digits has 10"), "{error}");
        let missing =
            from_folder(&folder.path().join("emnist-mnist"), None).expect_err("is not there");
        assert!(missing.to_string().contains("no such folder"), "{missing}");
    }

    #[test]
    fn qmnist_has_its_labels_in_the_first_column() {
        let folder = tempfile::tempdir().expect("a folder");
        for part in ["train", "test"] {
            let images = format!("qmnist-{part}-images-idx3-ubyte");
            write_part(folder.path(), &images, "replaced", 5);
            let mut bytes = vec![0, 0, 12, 2, 0, 0, 0, 5, 0, 0, 0, 8];
            for label in [7, 0, 9, 3, 1] {
                bytes.extend([0, 0, 0, label]);
                bytes.extend([1; 28]);
            }
            let labels = folder.path().join(format!("qmnist-{part}-labels-idx2-int"));
            fs::write(labels, bytes).expect("the folder is ours");
        }
        let data = from_folder(folder.path(), None).expect("complete");
        assert_eq!((data.name.as_str(), data.classes.len()), ("qmnist", 10));
        assert_eq!(data.train.labels, Some(vec![7, 0, 9, 3, 1]));
    }

    #[test]
    fn labels_that_begin_with_1_are_counted_from_0() {
        let folder = tempfile::tempdir().expect("a folder");
        for part in ["train", "t10k"] {
            write_part(folder.path(), &format!("{part}-images-idx3-ubyte"), "replaced", 3);
            let bytes = [0, 0, 8, 1, 0, 0, 0, 3, 3, 1, 2];
            let path = folder.path().join(format!("{part}-labels-idx1-ubyte"));
            fs::write(path, bytes).expect("the folder is ours");
        }
        let data = from_folder(folder.path(), None).expect("complete");
        assert_eq!(data.train.labels, Some(vec![2, 0, 1]));
        assert_eq!(data.classes, ["1", "2", "3"]);
    }
}
