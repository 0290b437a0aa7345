//! MNIST's files in the cache folder, for a program that downloads nothing.

use std::path::Path;

use super::sets::{images_of, labels_of};
use crate::error::{Error, Result};

/// Makes sure that the folder `cache` has the files.
///
/// # Errors
/// When it lacks one: the error says how to bring them there.
pub(super) fn complete(cache: &Path, _progress: bool) -> Result<()> {
    for prefix in ["train", "t10k"] {
        if images_of(cache, prefix).and(labels_of(cache, prefix)).is_err() {
            let what = "lacks files of MNIST, and this program was built without the feature `cli`, \
                        which downloads them; put the four files there, or give mnist:DIR";
            return Err(Error::file(cache, what));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_said_with_a_way_out() {
        let folder = tempfile::tempdir().expect("a folder");
        let error = complete(folder.path(), false).expect_err("it is empty").to_string();
        assert!(error.contains("mnist:DIR") && error.contains("`cli`"), "{error}");
    }
}
