//! Files that a user hands over: by themselves, or in folders.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::data::folder;
use crate::error::{Error, Result};
use crate::file::FileId;

/// A file that a user handed over, by itself or in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// Where it is.
    pub path: PathBuf,
    /// Where it is in the folder that was handed over; of a file by itself, its name.
    pub inner: PathBuf,
    /// Where what is made of it goes, in the folder for that: as `inner`, below the name of the folder
    /// where there are several.
    pub place: PathBuf,
}

impl Input {
    /// The pictures that `inputs` name, directly or by their folder, but for those in the folder
    /// `out`, which hold what was made of others before, or that file.
    ///
    /// # Errors
    /// When there is none, or a folder cannot be listed.
    pub fn pictures(inputs: &[PathBuf], out: Option<&Path>) -> Result<Vec<Self>> {
        Self::find(inputs, "pictures", out, folder::files_in)
    }

    /// The files that `inputs` name, and those whose name has this ending in its folders and their
    /// sub-folders.
    ///
    /// # Errors
    /// When there is none, or a folder cannot be listed.
    pub fn ending_in(inputs: &[PathBuf], ending: &str, out: Option<&Path>) -> Result<Vec<Self>> {
        let files = format!("files ending in .{ending}");
        Self::find(inputs, &files, out, |folder| files_ending_in(folder, ending))
    }

    /// `things` is what a user would call them.
    fn find(
        inputs: &[PathBuf],
        things: &str,
        out: Option<&Path>,
        list: impl Fn(&Path) -> Result<Vec<PathBuf>>,
    ) -> Result<Vec<Self>> {
        let several = inputs.iter().filter(|input| input.is_dir()).count() > 1;
        let mut found = vec![];
        for input in inputs {
            if !input.is_dir() {
                let name = PathBuf::from(input.file_name().unwrap_or(input.as_os_str()));
                found.push(Self { path: input.clone(), inner: name.clone(), place: name });
                continue;
            }
            let top = if several { name_of(input) } else { PathBuf::new() };
            let mut outside = Outside::new(input, out);
            for path in list(input)?.into_iter().filter(|path| outside.holds(path)) {
                let inner = path.strip_prefix(input).ok().map(Path::to_path_buf);
                let inner = inner.unwrap_or_else(|| name_of(&path));
                found.push(Self { place: top.join(&inner), inner, path });
            }
        }
        match found.is_empty() {
            true => {
                let what = format!("there are no {things}; name files, or folders of them");
                Err(Error::option("IN", what))
            }
            false => Ok(found),
        }
    }
}

/// Where each input is.
pub fn paths(inputs: &[Input]) -> Vec<PathBuf> {
    inputs.iter().map(|input| input.path.clone()).collect()
}

/// The last name of a path, also where it ends in `.` or `..`.
fn name_of(path: &Path) -> PathBuf {
    let full = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    full.file_name().map(PathBuf::from).unwrap_or_default()
}

/// The files in a folder that are not in another one within it, nor that file itself.
struct Outside<'a> {
    top: &'a Path,
    other: Option<FileId>,
    /// Whether folders lie in that other one, as far as it is known.
    known: HashMap<PathBuf, bool>,
}

impl<'a> Outside<'a> {
    fn new(top: &'a Path, other: Option<&Path>) -> Self {
        Self { top, other: other.and_then(FileId::of), known: HashMap::new() }
    }

    fn holds(&mut self, file: &Path) -> bool {
        let is_other = self.other.is_some() && FileId::of(file) == self.other;
        !is_other && !file.parent().is_some_and(|folder| self.is_inside(folder))
    }

    fn is_inside(&mut self, folder: &Path) -> bool {
        // What holds everything leaves nothing out: that is refused elsewhere.
        if self.other.is_none() || folder == self.top {
            return false;
        }
        if let Some(known) = self.known.get(folder) {
            return *known;
        }
        let is_inside = FileId::of(folder) == self.other
            || folder.parent().is_some_and(|folder| self.is_inside(folder));
        self.known.insert(folder.to_path_buf(), is_inside);
        is_inside
    }
}

/// Files of this ending in a folder and its sub-folders, sorted by path; hidden ones are passed over,
/// and links to folders are not followed.
fn files_ending_in(folder: &Path, ending: &str) -> Result<Vec<PathBuf>> {
    let (mut files, mut folders) = (vec![], vec![folder.to_path_buf()]);
    while let Some(folder) = folders.pop() {
        let unreadable = |error| Error::file(&folder, format!("cannot be listed: {error}"));
        for entry in fs::read_dir(&folder).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let (path, kind) = (entry.path(), entry.file_type().map_err(unreadable)?);
            let has_ending = path.extension().is_some_and(|own| own.eq_ignore_ascii_case(ending));
            if entry.file_name().as_encoded_bytes().starts_with(b".") {
                continue;
            }
            if kind.is_dir() {
                folders.push(path);
            } else if has_ending && path.is_file() {
                files.push(path);
            }
        }
    }
    files.sort_unstable();
    Ok(files)
}

/// The name of a file without folder and ending.
pub fn stem(path: &Path) -> String {
    path.file_stem().map_or_else(|| "picture".into(), |stem| stem.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder_of(names: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for name in names {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().expect("has one")).expect("writable");
            image::GrayImage::new(1, 1).save(path).expect("writable");
        }
        folder
    }

    fn places(inputs: &[Input]) -> Vec<&str> {
        inputs.iter().filter_map(|input| input.place.to_str()).collect()
    }

    #[test]
    fn places_are_those_in_the_folder_and_below_its_name_where_there_are_several() {
        let folder = folder_of(&["a/deep/1.png", "a/2.png", "b/1.png", "3.png"]);
        let [a, b, file] = ["a", "b", "3.png"].map(|name| folder.path().join(name));
        let one = Input::pictures(&[a.clone(), file], None).expect("pictures");
        assert_eq!(places(&one), ["2.png", "deep/1.png", "3.png"]);
        let two = Input::pictures(&[a.join("../a"), b], None).expect("pictures");
        assert_eq!(places(&two), ["a/2.png", "a/deep/1.png", "b/1.png"]);
        assert_eq!(two[1].inner, Path::new("deep/1.png"));
    }

    #[test]
    fn what_was_written_before_is_no_input() {
        let folder = folder_of(&["1.png", "out/1.png", "out/deep/2.png", "outer/3.png"]);
        let (top, out) = (folder.path().to_path_buf(), folder.path().join("outer/../out"));
        let inputs = Input::pictures(std::slice::from_ref(&top), Some(&out)).expect("pictures");
        assert_eq!(places(&inputs), ["1.png", "outer/3.png"]);
        let all = Input::pictures(std::slice::from_ref(&top), Some(&top.join("no"))).expect("all");
        assert_eq!(all.len(), 4);
        let file = top.join("outer/3.png");
        let inputs = Input::pictures(std::slice::from_ref(&top), Some(&file)).expect("pictures");
        assert_eq!(places(&inputs), ["1.png", "out/1.png", "out/deep/2.png"]);
        let named = Input::pictures(std::slice::from_ref(&file), Some(&file)).expect("was named");
        assert_eq!(named.len(), 1, "to be refused where it is written");
        assert!(Input::pictures(&[], None).is_err());
    }

    #[test]
    fn files_are_found_by_their_ending() {
        let folder = folder_of(&["b/1.png", "a.png", "c.PNG", ".hidden/2.png", "d.jpg"]);
        let top = folder.path().to_path_buf();
        let found = Input::ending_in(std::slice::from_ref(&top), "png", None).expect("files");
        assert_eq!(places(&found), ["a.png", "b/1.png", "c.PNG"]);
        let none = Input::ending_in(std::slice::from_ref(&top), "dia", None).expect_err("none");
        assert!(none.to_string().contains("there are no files ending in .dia; name"), "{none}");
    }
}
