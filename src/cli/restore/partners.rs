//! Which clean picture belongs to which.

use std::path::{Path, PathBuf};

use crate::data::partners::Partners;
use crate::error::Result;
use crate::tasks::files::{Input, paths};

/// The clean picture of each input: `clean` itself, or the picture in that folder whose path is that of
/// the input in its own, or the only one there that differs in its ending alone. What was written to
/// `out` is none.
///
/// # Errors
/// When one has none, or several may be meant.
pub(super) fn partners(inputs: &[Input], clean: &Path, out: &Path) -> Result<Vec<PathBuf>> {
    if !clean.is_dir() {
        return Ok(vec![clean.to_path_buf(); inputs.len()]);
    }
    let known = Input::pictures(&[clean.to_path_buf()], Some(out))?;
    let partners = Partners::of(clean, paths(&known));
    let find = |input: &Input| {
        // Of several folders, each may have one of its name among the clean pictures.
        let found = partners.find(&input.path, &[&input.place, &input.inner]);
        found.map(Path::to_path_buf).map_err(|fault| fault.error())
    };
    inputs.iter().map(find).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_folders_each_may_have_one_among_the_clean_pictures() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for name in ["a/1.png", "b/1.png", "clean/a/1.png", "clean/b/1.jpg", "clean/out/1.png"] {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().expect("has one")).expect("writable");
            image::GrayImage::new(1, 1).save(path).expect("writable");
        }
        let [a, b, clean] = ["a", "b", "clean"].map(|name| folder.path().join(name));
        let found = |inputs: &[PathBuf]| {
            let inputs = Input::pictures(inputs, None).expect("pictures");
            partners(&inputs, &clean, &clean.join("out"))
        };
        let both = found(&[a.clone(), b]).expect("each has one");
        assert_eq!(both, [clean.join("a/1.png"), clean.join("b/1.jpg")]);
        let said = found(&[a]).expect_err("what was written is none").to_string();
        assert!(said.contains("1.* in"), "{said}");
    }
}
