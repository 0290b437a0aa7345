//! Which picture of another folder belongs to a picture, by their names.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::fault::Fault;
use super::opening::page_of;

/// The pictures of a folder, to be found by the names of those that they belong to.
pub(crate) struct Partners<'a> {
    folder: &'a Path,
    /// By their paths in the folder.
    by_path: HashMap<PathBuf, PathBuf>,
    /// The same by their paths without endings.
    by_place: BTreeMap<Place, Vec<PathBuf>>,
}

/// Where a picture is in its folder, whatever its format: the folder within, the name without its ending,
/// and the page of a file that has several.
type Place = (PathBuf, OsString, Option<usize>);

impl<'a> Partners<'a> {
    /// The pictures `files` of `folder`.
    pub fn of(folder: &'a Path, files: impl IntoIterator<Item = PathBuf>) -> Self {
        let mut this = Self { folder, by_path: HashMap::new(), by_place: BTreeMap::new() };
        for path in files {
            let inner = path.strip_prefix(folder).unwrap_or(&path);
            let place = place(inner, page_of(&path).1);
            this.by_place.entry(place).or_default().push(path.clone());
            this.by_path.insert(inner.to_path_buf(), path);
        }
        this
    }

    /// Whether one may belong to the picture at `path`, which has this name in its own folder.
    pub fn may_have(&self, path: &Path, name: &Path) -> bool {
        self.by_place.contains_key(&place(name, page_of(path).1))
    }

    /// The picture of one of these `names`, or the only one that differs from one in its ending alone: that
    /// of the picture at `path`.
    ///
    /// # Errors
    /// When there is none, or several may be meant.
    pub fn find(&self, path: &Path, names: &[&Path]) -> Result<&Path, Fault> {
        if let Some(found) = names.iter().find_map(|name| self.by_path.get(*name)) {
            return Ok(found);
        }
        let page = page_of(path).1;
        let found = names.iter().find_map(|name| self.by_place.get(&place(name, page)));
        match found.map(Vec::as_slice) {
            Some([one]) => Ok(one),
            Some(several) => {
                let names: Vec<String> =
                    several.iter().map(|known| known.display().to_string()).collect();
                let what = format!("may belong to {}", names.join(" or to "));
                Err(Fault::new(path, what, "leave one of them"))
            }
            None => {
                let name = names.last().copied().unwrap_or(path).with_extension("*");
                let (name, folder) = (name.display(), self.folder.display());
                let what = format!("has no clean picture: there is no {name} in {folder}");
                Err(Fault::new(path, what, "add it, or remove this one"))
            }
        }
    }
}

fn place(inner: &Path, page: Option<usize>) -> Place {
    let folder = inner.parent().map(Path::to_path_buf).unwrap_or_default();
    (folder, inner.file_stem().unwrap_or_default().to_owned(), page)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What belongs to `name` among these pictures of the folder `clean`.
    fn found(name: &str, clean: &[&str]) -> Result<String, String> {
        let folder = Path::new("clean");
        let partners = Partners::of(folder, clean.iter().map(|name| folder.join(name)));
        let name = Path::new(name);
        match partners.find(&Path::new("noisy").join(name), &[name]) {
            Ok(path) => Ok(path.strip_prefix(folder).expect("in it").display().to_string()),
            Err(fault) => Err(fault.error().to_string()),
        }
    }

    #[test]
    fn a_partner_lies_in_the_same_place() {
        for (name, clean, expected) in [
            ("a/1.png", &["1.png", "b/1.png", "a/1.png"][..], "a/1.png"),
            ("a/1.png", &["a/1.jpg", "b/1.png"], "a/1.jpg"),
            ("1.png", &["1.jpg", "1.png"], "1.png"),
            ("1.small.png", &["1.jpg", "1.small.bmp"], "1.small.bmp"),
        ] {
            assert_eq!(found(name, clean), Ok(expected.into()), "{name}");
        }
    }

    #[test]
    fn what_is_missing_or_ambiguous_is_named() {
        let said = found("b/1.png", &["a/1.png"]).expect_err("another folder's");
        assert!(said.contains("b/1.* in clean; add it"), "{said}");
        let said = found("1.png", &["1.jpg", "1.bmp"]).expect_err("two");
        assert!(said.contains("may belong to clean/1.jpg or to clean/1.bmp; leave one"), "{said}");
    }

    #[test]
    fn a_page_belongs_to_the_page_of_its_number() {
        let place = tempfile::tempdir().expect("a temporary folder");
        let [noisy, clean] = ["noisy", "clean"].map(|name| place.path().join(name));
        for (folder, name) in [(&noisy, "a.tif"), (&clean, "a.tiff")] {
            std::fs::create_dir(folder).expect("the folder is ours");
            std::fs::write(folder.join(name), "").expect("the folder is ours");
        }
        let pages = [0, 1].map(|page| clean.join(format!("a.tiff[{page}]")));
        let partners = Partners::of(&clean, pages.clone());
        let find = |name: &str| partners.find(&noisy.join(name), &[Path::new(name)]);
        assert_eq!(find("a.tif[1]").expect("has the page"), pages[1]);
        let said = find("a.tif[2]").expect_err("has no such page").error().to_string();
        assert!(said.contains("no clean picture"), "{said}");
    }
}
