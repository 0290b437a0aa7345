//! Which clean picture belongs to which.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::tasks::files::Input;

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
    let by_path: HashMap<&Path, &Input> =
        known.iter().map(|known| (known.inner.as_path(), known)).collect();
    let mut by_stem: BTreeMap<(PathBuf, OsString), Vec<&Input>> = BTreeMap::new();
    for known in &known {
        by_stem.entry(place(&known.inner)).or_default().push(known);
    }
    let find = |input: &Input| {
        // Of several folders, each may have one of its name among the clean pictures.
        let places = [input.place.as_path(), input.inner.as_path()];
        if let Some(found) = places.iter().find_map(|place| by_path.get(place)) {
            return Ok(found.path.clone());
        }
        let found = places.iter().find_map(|inner| by_stem.get(&place(inner)));
        match found.map(Vec::as_slice) {
            Some([one]) => Ok(one.path.clone()),
            Some(several) => Err(ambiguous(input, several)),
            None => {
                let what = format!(
                    "has no clean picture: there is no {} in {}",
                    input.inner.with_extension("*").display(),
                    clean.display()
                );
                Err(Error::file(&input.path, what))
            }
        }
    };
    inputs.iter().map(find).collect()
}

/// A path in its folder by its parts, without the ending.
fn place(inner: &Path) -> (PathBuf, OsString) {
    let folder = inner.parent().map(Path::to_path_buf).unwrap_or_default();
    (folder, inner.file_stem().unwrap_or_default().to_owned())
}

fn ambiguous(input: &Input, several: &[&Input]) -> Error {
    let names: Vec<String> = several.iter().map(|known| known.path.display().to_string()).collect();
    let what = format!("may belong to {}; leave one of them", names.join(" or to "));
    Error::file(&input.path, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder_of(names: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for name in names {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().expect("has one")).expect("writable");
            image::GrayImage::new(1, 1).save(path).expect("writable");
        }
        folder
    }

    fn found(inputs: &[&str], clean: &[&str]) -> Result<Vec<PathBuf>> {
        let (inputs, clean) = (folder_of(inputs), folder_of(clean));
        let top = [inputs.path().to_path_buf()];
        let inputs = Input::pictures(&top, None).expect("pictures");
        let found = partners(&inputs, clean.path(), Path::new("nowhere"))?;
        let inner = |path: PathBuf| path.strip_prefix(clean.path()).map(Path::to_path_buf);
        Ok(found.into_iter().map(|path| inner(path).expect("in the folder")).collect())
    }

    #[test]
    fn a_partner_lies_in_the_same_folder() {
        let both = ["a/1.png", "b/1.png"];
        assert_eq!(
            found(&both, &["b/1.png", "a/1.png", "1.png"]).expect("all"),
            both.map(Path::new)
        );
        let other = found(&both, &["a/1.jpg", "b/1.bmp"]).expect("other formats");
        assert_eq!(other, ["a/1.jpg", "b/1.bmp"].map(Path::new));
        let exact = found(&["1.png"], &["1.jpg", "1.png"]).expect("the very name");
        assert_eq!(exact, [Path::new("1.png")]);
    }

    #[test]
    fn what_is_missing_or_ambiguous_is_named() {
        let said = found(&["b/1.png"], &["a/1.png"]).expect_err("another folder's").to_string();
        assert!(said.contains("1.png") && said.contains("b/1.*"), "{said}");
        let said = found(&["1.png"], &["1.jpg", "1.bmp"]).expect_err("two").to_string();
        assert!(said.contains("1.jpg") && said.contains("1.bmp"), "{said}");
    }
}
