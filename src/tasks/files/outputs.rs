//! Where what is made of pictures is written: a name of its own for each, and none of a file that is
//! read.

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::input::Input;
use crate::error::{Error, Result};
use crate::file::{FileId, check_writable, nearest};

/// The fewest digits in the number of a file.
const DIGITS: usize = 4;

/// Names of files to be written, as many as there are suffixes for each of so many things.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outputs {
    /// Without suffix and ending.
    bases: Vec<PathBuf>,
    suffixes: Vec<String>,
    ending: &'static str,
    /// Which were numbered, since another has their name.
    numbered: Vec<usize>,
}

impl Outputs {
    /// Files in `folder` where the inputs are in theirs, with this ending in place of their own. No two
    /// have one name, also where upper and lower case are the same: such are numbered, `1-2.png`.
    pub fn place(
        inputs: &[Input],
        folder: &Path,
        suffixes: &[String],
        ending: &'static str,
    ) -> Self {
        let bases = inputs.iter().map(|input| folder.join(input.place.with_extension("")));
        Self::apart(bases.collect(), suffixes, ending)
    }

    /// Files beside the inputs.
    pub fn beside(inputs: &[Input], ending: &'static str) -> Self {
        let bases = inputs.iter().map(|input| input.path.with_extension(""));
        Self::apart(bases.collect(), &[String::new()], ending)
    }

    /// Files `0000.png` and on.
    pub fn counted(folder: &Path, count: usize) -> Self {
        let digits = count.saturating_sub(1).to_string().len().max(DIGITS);
        let bases = (0..count).map(|number| folder.join(format!("{number:0digits$}"))).collect();
        Self { bases, suffixes: vec![String::new()], ending: "png", numbered: vec![] }
    }

    fn apart(bases: Vec<PathBuf>, suffixes: &[String], ending: &'static str) -> Self {
        let mut this = Self { bases, suffixes: suffixes.to_vec(), ending, numbered: vec![] };
        // What a number makes of a name must not be the name of another, either, or a folder's.
        let wanted: HashSet<String> =
            (0..this.bases.len()).flat_map(|input| this.folded(input)).collect();
        let mut taken: HashSet<String> = HashSet::new();
        for base in &this.bases {
            for folder in base.ancestors().skip(1) {
                taken.insert(fold(folder));
            }
        }
        for input in 0..this.bases.len() {
            let names = this.folded(input);
            if names.iter().all(|name| !taken.contains(name)) {
                taken.extend(names);
                continue;
            }
            let base = this.bases[input].clone();
            for number in 2.. {
                this.bases[input] = with_suffix(&base, &format!("-{number}"));
                let names = this.folded(input);
                if names.iter().all(|name| !taken.contains(name) && !wanted.contains(name)) {
                    taken.extend(names);
                    break;
                }
            }
            this.numbered.push(input);
        }
        this
    }

    /// The names of one input's files, as they are compared.
    fn folded(&self, input: usize) -> Vec<String> {
        (0..self.suffixes.len()).map(|suffix| fold(&self.path(input, suffix))).collect()
    }

    /// The file of an input, with one of the suffixes.
    pub fn path(&self, input: usize, suffix: usize) -> PathBuf {
        with_suffix(&self.bases[input], &format!("{}.{}", self.suffixes[suffix], self.ending))
    }

    /// Every file, with the input that it is of.
    pub fn all(&self) -> impl Iterator<Item = (usize, PathBuf)> + '_ {
        let suffixes = self.suffixes.len();
        let path = move |at: usize| (at / suffixes, self.path(at / suffixes, at % suffixes));
        (0..self.bases.len() * suffixes).map(path)
    }

    /// Inputs whose files have a number in their names, since others have these.
    pub fn numbered(&self) -> &[usize] {
        &self.numbered
    }

    /// Inputs of which not all files are there.
    pub fn missing(&self) -> Vec<usize> {
        let is_there = |input: usize, suffix| self.path(input, suffix).is_file();
        let is_missing = |input: &usize| !(0..self.suffixes.len()).all(|at| is_there(*input, at));
        (0..self.bases.len()).filter(is_missing).collect()
    }

    /// Makes sure that all can be written, and that none is one of the `inputs` or of `others` that are
    /// read; with `overwrite`, what is made of an input may be written over that input.
    ///
    /// # Errors
    /// When one is, or cannot be written.
    pub fn check(&self, inputs: &[Input], others: &[&Path], overwrite: bool) -> Result<()> {
        let mut read: HashMap<FileId, Vec<usize>> = HashMap::new();
        for (number, input) in inputs.iter().enumerate() {
            if let Some(id) = FileId::of(&input.path) {
                read.entry(id).or_default().push(number);
            }
        }
        let others: HashSet<FileId> = others.iter().filter_map(|path| FileId::of(path)).collect();
        let mut folders = HashSet::new();
        for (input, path) in self.all() {
            if let Some(id) = FileId::of(&path) {
                let own = read.get(&id).is_some_and(|inputs| *inputs == [input]);
                let is_input = read.contains_key(&id) && !(own && overwrite);
                if is_input || (others.contains(&id) && !own) {
                    return Err(is_read(&path, own));
                }
                check_writable(&path)?;
            }
            let around = nearest(path.parent().unwrap_or(Path::new(""))).to_path_buf();
            if folders.contains(&around) {
                continue;
            }
            if !around.is_dir() {
                let what = "is a file where a folder is needed; choose another folder with --out";
                return Err(Error::file(around, what));
            }
            check_writable(&around.join(path.file_name().unwrap_or(path.as_os_str())))?;
            folders.insert(around);
        }
        Ok(())
    }
}

/// What is said where a file is to be read and written; `own` is one of what is made of itself.
pub fn is_read(path: &Path, own: bool) -> Error {
    let what = match own {
        true => {
            "is a picture that is read, and would be written over; choose another place with --out, \
             or give --overwrite"
        }
        false => {
            "is read, and would be written over by something else; choose another place with --out"
        }
    };
    Error::file(path, what)
}

fn with_suffix(base: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(base);
    name.push(suffix);
    name.into()
}

/// A name as file systems compare it that do not tell upper from lower case.
fn fold(path: &Path) -> String {
    path.to_string_lossy().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(path: &str) -> Input {
        let path = PathBuf::from(path);
        Input { inner: path.clone(), place: path.clone(), path }
    }

    fn placed(paths: &[&str], suffixes: &[&str]) -> Vec<String> {
        let inputs: Vec<Input> = paths.iter().map(|path| input(path)).collect();
        let suffixes: Vec<String> = suffixes.iter().map(ToString::to_string).collect();
        let outputs = Outputs::place(&inputs, Path::new("o"), &suffixes, "png");
        outputs.all().map(|(_, path)| path.display().to_string()).collect()
    }

    #[test]
    fn every_input_has_files_of_its_own() {
        let names = placed(&["a/1.png", "b/1.png", "1.jpg", "1.png", "1.PNG"], &[""]);
        assert_eq!(names, ["o/a/1.png", "o/b/1.png", "o/1.png", "o/1-2.png", "o/1-3.png"]);
        let names = placed(&["1.jpg", "1.png", "1-2.png"], &[""]);
        assert_eq!(names, ["o/1.png", "o/1-3.png", "o/1-2.png"], "numbers are nobody's name");
        let names = placed(&["A/1.png", "a/1.png"], &[""]);
        assert_eq!(names, ["o/A/1.png", "o/a/1-2.png"], "in one folder on some systems");
        let names = placed(&["1-corrupted.png", "1.png"], &["", "-corrupted"]);
        let expected =
            ["1-corrupted.png", "1-corrupted-corrupted.png", "1-2.png", "1-2-corrupted.png"];
        assert_eq!(names, expected.map(|name| format!("o/{name}")));
        assert_eq!(placed(&["1.tar.png"], &[""]), ["o/1.tar.png"]);
        assert_eq!(placed(&["x.png/1.png", "x.jpg"], &[""]), ["o/x.png/1.png", "o/x-2.png"]);
    }

    #[test]
    fn an_input_lacks_something_until_all_its_files_are_there() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let inputs = ["1.jpg", "1.png", "2.png"].map(input);
        let suffixes = ["", "-corrupted"].map(String::from);
        let outputs = Outputs::place(&inputs, folder.path(), &suffixes, "png");
        assert_eq!(outputs.missing(), [0, 1, 2]);
        for name in ["1.png", "1-2.png", "1-2-corrupted.png", "2-corrupted.png"] {
            std::fs::write(folder.path().join(name), "a picture").expect("writable");
        }
        std::fs::create_dir(folder.path().join("2.png")).expect("writable");
        assert_eq!(outputs.missing(), [0, 2], "a folder is no picture");
    }

    #[test]
    fn numbers_are_as_long_as_the_last() {
        let name = |count| Outputs::counted(Path::new("o"), count).path(7, 0);
        assert_eq!(name(8), Path::new("o/0007.png"));
        assert_eq!(name(10_001), Path::new("o/00007.png"));
    }

    #[test]
    fn what_is_read_is_never_written() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let at = |name: &str| folder.path().join(name);
        let inputs = ["a.png", "b.png"].map(|name| {
            std::fs::write(at(name), "a picture").expect("writable");
            Input { path: at(name), inner: name.into(), place: name.into() }
        });
        let check = |folder: &Path, others: &[&Path], overwrite| {
            let outputs = Outputs::place(&inputs, folder, &[String::new()], "png");
            outputs.check(&inputs, others, overwrite)
        };
        let said = check(folder.path(), &[], false).expect_err("originals").to_string();
        assert!(said.contains("a.png") && said.contains("--overwrite"), "{said}");
        check(folder.path(), &[], true).expect("that is asked for");
        let (out, other) = (at("out"), at("out/a.png"));
        check(&out, &[], false).expect("nothing is there");
        std::fs::create_dir(&out).expect("writable");
        std::fs::write(&other, "a mask").expect("writable");
        check(&out, &[], false).expect("may be replaced");
        assert!(check(&out, &[&other], true).is_err(), "something else that is read");
        assert!(check(&at("a.png"), &[], true).is_err(), "a file is no folder");
        #[cfg(unix)]
        {
            std::fs::remove_file(&other).expect("writable");
            std::os::unix::fs::symlink(at("b.png"), &other).expect("can be made");
            let said = check(&out, &[], true).expect_err("leads to another input").to_string();
            assert!(said.contains("by something else"), "{said}");
        }
    }
}
