//! Which pictures of a folder are trained on and which are held out: as drawn by seed, or as a run
//! remembers it.

use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use md5::{Digest, Md5};
use rayon::prelude::*;

use super::archive;
use super::dataset::ImageFile;
use super::input;
use super::known_files::KnownFiles;
use super::load_options::LoadOptions;
use super::manifest::Manifest;
use super::opening::page_of;
use super::order::Split;
use super::pairs::{Pairing, Partner};
use crate::error::{Error, Result, counted, listed};

/// The class of images that lie beside class folders.
pub(super) const LOOSE: &str = ".";
/// Names that a message lists.
const LISTED: usize = 3;

/// The pictures of a folder in two parts.
#[derive(Debug, Default)]
pub(super) struct Partition {
    /// Those to train on.
    pub train: Vec<Member>,
    /// Those that are held out.
    pub held_out: Vec<Member>,
    /// The names of the classes; empty where there are none.
    pub classes: Vec<String>,
}

/// A picture of a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Member {
    /// Where it is.
    pub path: PathBuf,
    /// In pairs, where the picture is that it should become.
    pub partner: Partner,
    /// What it is known by.
    pub file: ImageFile,
    /// Its class, where there are classes.
    pub label: Option<u32>,
    /// Its number among the pictures of both parts, which decides where parts are cut from it.
    pub number: usize,
}

impl Member {
    /// A picture of `folder`, alone in it.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn of(folder: &Path, path: &Path, known: &KnownFiles) -> Result<Self> {
        let md5 = digest(path, known)?;
        let file = ImageFile { file: name(folder, path), md5, images: 0, clean: None };
        Ok(Self { path: path.to_path_buf(), partner: None, file, label: None, number: 0 })
    }

    /// Gives it its partner. Whether that is another one than a run remembers.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn pair(&mut self, pairing: &Pairing, known: &KnownFiles) -> Result<bool> {
        self.partner = pairing.of(&self.path);
        // One that is missing is named with all that is wrong, once pictures are read.
        let Some(Ok(partner)) = &self.partner else { return Ok(false) };
        let now = digest(partner, known)?;
        let is_another = self.file.clean.as_ref().is_some_and(|then| *then != now);
        self.file.clean = Some(now);
        Ok(is_another)
    }
}

impl Partition {
    /// The pictures `files` of `folder`, split by the seed of `options`.
    ///
    /// # Errors
    /// When they are too few, or one cannot be read.
    pub fn drawn(
        folder: &Path,
        files: &[PathBuf],
        options: &LoadOptions,
        known: &KnownFiles,
    ) -> Result<Self> {
        let (labels, classes) = classify(folder, files);
        let (share, limit) = (options.hold_out, options.limit);
        let split = Split::by_share(labels.as_deref(), files.len(), share, options.seed, limit)?;
        if let Some(labels) = &labels {
            warn_of_single_pictures(labels, &classes);
        }
        let chosen: Vec<u32> = split.train.iter().chain(&split.test).copied().collect();
        let digests: Vec<&PathBuf> = chosen.iter().map(|index| &files[*index as usize]).collect();
        let digests =
            digests.into_par_iter().map(|path| digest(path, known)).collect::<Result<Vec<_>>>()?;
        let members = chosen.iter().zip(digests).enumerate().map(|(number, (index, md5))| {
            let path = files[*index as usize].clone();
            let label = labels.as_ref().map(|labels| labels[*index as usize]);
            Member {
                file: ImageFile { file: name(folder, &path), md5, images: 0, clean: None },
                path,
                partner: None,
                label,
                number,
            }
        });
        let mut train: Vec<Member> = members.collect();
        let held_out = train.split_off(split.train.len());
        Ok(Self { train, held_out, classes })
    }

    /// The pictures among `files` of `folder` that a run was trained on and held out, wherever in the
    /// folder they lie now and whatever they are called. Says which are gone, and how many were added.
    ///
    /// # Errors
    /// When none is left of a part, or a file cannot be read.
    pub fn remembered(
        folder: &Path,
        files: &[PathBuf],
        manifest: &Manifest,
        known: &KnownFiles,
    ) -> Result<Self> {
        let digests = files.par_iter().map(|path| digest(path, known));
        let digests = digests.collect::<Result<Vec<_>>>()?;
        let mut known: HashMap<String, Vec<&PathBuf>> = HashMap::new();
        for (path, md5) in files.iter().zip(digests) {
            known.entry(md5).or_default().push(path);
        }
        // What it was then, wherever it lies now.
        let label = |file: &ImageFile| {
            let class = class_of(Path::new(""), Path::new(&file.file));
            let class = class.as_deref().unwrap_or(LOOSE);
            manifest.classes.iter().position(|known| known == class).map(|place| place as u32)
        };
        let mut all = manifest.train.iter().chain(&manifest.held_out);
        if let Some(file) = all.find(|file| label(file).is_none() && !manifest.classes.is_empty()) {
            let what = format!("manifest.json of the run has no class for {}", file.file);
            return Err(Error::file(folder, format!("{what}; bring that file back, or remove it")));
        }
        let mut gone: Vec<String> = vec![];
        let mut find = |(number, file): (usize, &ImageFile)| {
            let paths = known.get_mut(&file.md5).filter(|paths| !paths.is_empty());
            let Some(paths) = paths else {
                gone.push(file.file.clone());
                return None;
            };
            let same = paths.iter().position(|path| name(folder, path) == file.file).unwrap_or(0);
            let path = paths.swap_remove(same).clone();
            let label = label(file);
            let file = ImageFile { images: 0, ..file.clone() };
            Some(Member { file, path, partner: None, label, number })
        };
        let train: Vec<Member> = manifest.train.iter().enumerate().filter_map(&mut find).collect();
        let others = (manifest.train.len()..).zip(&manifest.held_out);
        let held_out: Vec<Member> = others.filter_map(&mut find).collect();
        let left = |now: &[Member], then: &[ImageFile]| then.is_empty() || !now.is_empty();
        if !left(&train, &manifest.train) || !left(&held_out, &manifest.held_out) {
            let what = "holds none of the pictures that this run was trained on, or none of those that \
                        it held out; bring them back";
            return Err(Error::file(folder, what));
        }
        let all = manifest.train.len() + manifest.held_out.len();
        warn_of_changes(folder, &gone, all, known.values().map(Vec::len).sum());
        Ok(Self { train, held_out, classes: manifest.classes.clone() })
    }

    /// Gives each picture its partner. Says which partners have changed since a run remembered them.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn pair(&mut self, folder: &Path, pairing: &Pairing, known: &KnownFiles) -> Result<()> {
        let all = self.train.par_iter_mut().chain(&mut self.held_out);
        let changed = all.map(|member| {
            let is_another = member.pair(pairing, known)?;
            Ok(is_another.then(|| member.file.file.clone()))
        });
        let changed = changed.collect::<Result<Vec<Option<String>>>>()?;
        let changed: Vec<String> = changed.into_iter().flatten().collect();
        if !changed.is_empty() {
            log::warn!(
                "{}: {} of this run should now become another clean picture: {}",
                folder.display(),
                counted(changed.len(), "picture"),
                listed(&changed)
            );
        }
        Ok(())
    }
}

fn warn_of_changes(folder: &Path, gone: &[String], all: usize, added: usize) {
    let folder = folder.display();
    if !gone.is_empty() {
        log::warn!(
            "{folder}: {} of the {all} pictures of this run are gone or have changed: {}",
            gone.len(),
            listed(gone)
        );
    }
    if added > 0 {
        log::warn!(
            "{folder}: {} not of this run, which count neither as trained on nor as held out",
            counted(added, "picture")
        );
    }
}

/// Says which classes have but one picture, which is never held out.
fn warn_of_single_pictures(labels: &[u32], classes: &[String]) {
    let mut counts = vec![0; classes.len()];
    labels.iter().for_each(|label| counts[*label as usize] += 1);
    let single: Vec<&str> = counts
        .iter()
        .zip(classes)
        .filter(|(count, _)| **count == 1)
        .map(|(_, name)| &**name)
        .collect();
    if single.is_empty() || single.len() == classes.len() {
        return;
    }
    log::warn!(
        "{} of {} classes have one picture each, which is trained on and not held out: {}",
        single.len(),
        classes.len(),
        single[..single.len().min(LISTED)].join(", ")
    );
}

/// The path of a picture in its folder, or in its archive.
fn inner<'a>(folder: &Path, path: &'a Path) -> &'a Path {
    archive::split(path).map_or_else(|| path.strip_prefix(folder).unwrap_or(path), |(_, name)| name)
}

/// The path of a picture in its folder, or in its archive, with slashes.
fn name(folder: &Path, path: &Path) -> String {
    let inner = inner(folder, path);
    let parts: Vec<_> = inner.iter().map(|part| part.to_string_lossy()).collect();
    parts.join("/")
}

/// The MD5 of a file's bytes, with the page of it that the path names.
fn digest(path: &Path, known: &KnownFiles) -> Result<String> {
    let (file, page) = page_of(path);
    let read = |file: &Path| -> io::Result<Md5> {
        let (mut file, _) = input::open(file)?;
        let (mut md5, mut buffer) = (Md5::new(), vec![0; 1 << 16]);
        loop {
            match file.read(&mut buffer)? {
                0 => return Ok(md5),
                count => md5.update(&buffer[..count]),
            }
        }
    };
    let digest = known.digest(&file, |file| {
        let md5 =
            read(file).map_err(|error| Error::file(path, format!("cannot be read: {error}")))?;
        Ok(md5.finalize().iter().map(|byte| format!("{byte:02x}")).collect::<String>())
    })?;
    Ok(page.map_or(digest.clone(), |page| format!("{digest}[{page}]")))
}

/// The sub-folder of `folder` that a file lies in, at any depth; `None` where it lies in `folder`
/// itself.
pub fn class_of(folder: &Path, file: &Path) -> Option<String> {
    let inner = file.strip_prefix(folder).unwrap_or(file);
    let mut parts = inner.components();
    match (parts.next(), parts.next()) {
        (Some(first), Some(_)) => Some(first.as_os_str().to_string_lossy().into_owned()),
        _ => None,
    }
}

/// The class of each file and the classes' names, or nothing where there is but one class.
fn classify(folder: &Path, files: &[PathBuf]) -> (Option<Vec<u32>>, Vec<String>) {
    let class = |path: &PathBuf| {
        class_of(Path::new(""), inner(folder, path)).unwrap_or_else(|| LOOSE.to_owned())
    };
    let names: Vec<String> = files.iter().map(class).collect();
    let classes: BTreeSet<&String> = names.iter().collect();
    if classes.len() < 2 {
        return (None, Vec::new());
    }
    let classes = in_natural_order(classes);
    let labels: HashMap<&String, u32> = classes.iter().zip(0..).collect();
    (Some(names.iter().map(|name| labels[name]).collect()), classes.clone())
}

/// Each of these names once, in the order that people give them.
pub(crate) fn in_natural_order<'a>(names: impl IntoIterator<Item = &'a String>) -> Vec<String> {
    let names: BTreeSet<&String> = names.into_iter().collect();
    let mut names: Vec<String> = names.into_iter().cloned().collect();
    names.sort_by(|a, b| natural_order(a, b));
    names
}

/// The order that people give names: numbers in them by their size, so that 2 comes before 10.
fn natural_order(a: &str, b: &str) -> Ordering {
    let mut rest = (a, b);
    loop {
        let (parts, others) = (next_part(rest.0), next_part(rest.1));
        let (Some((part, rest_a)), Some((other, rest_b))) = (parts, others) else {
            // Names that are alike but for leading zeros stand in the order of their text.
            return rest.0.len().cmp(&rest.1.len()).then_with(|| a.cmp(b));
        };
        let number = |text: &str| text.starts_with(|first: char| first.is_ascii_digit());
        let order = match number(part) && number(other) {
            true => {
                let (part, other) = (part.trim_start_matches('0'), other.trim_start_matches('0'));
                part.len().cmp(&other.len()).then_with(|| part.cmp(other))
            }
            false => part.cmp(other),
        };
        match order {
            Ordering::Equal => rest = (rest_a, rest_b),
            order => return order,
        }
    }
}

/// The digits that a text begins with, or all up to the first digit; and what follows.
fn next_part(text: &str) -> Option<(&str, &str)> {
    let is_digit = |letter: char| letter.is_ascii_digit();
    let first = text.chars().next()?;
    let end = text.find(|letter| is_digit(letter) != is_digit(first)).unwrap_or(text.len());
    Some(text.split_at(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_the_first_level_of_folders() {
        let label = |paths: &[&str]| {
            let files: Vec<PathBuf> = paths.iter().map(|path| Path::new("d").join(path)).collect();
            classify(Path::new("d"), &files)
        };
        let (labels, classes) = label(&["b/1.png", "a/deep/2.png", "b/3.png"]);
        assert_eq!((labels, classes), (Some(vec![1, 0, 1]), vec!["a".into(), "b".into()]));
        let (labels, classes) = label(&["1.png", "a/2.png"]);
        assert_eq!((labels, classes), (Some(vec![0, 1]), vec![".".into(), "a".into()]));
        assert_eq!(label(&["1.png", "2.png"]), (None, vec![]));
        assert_eq!(label(&["a/1.png", "a/2.png"]), (None, vec![]));
    }

    #[test]
    fn numbers_in_names_stand_by_their_size() {
        let mut names = ["10", "9", "b2", "1", "b10", "02", "2", "b", "a10b3", "a10b20", "é2"];
        names.sort_by(|a, b| natural_order(a, b));
        let sorted = ["1", "02", "2", "9", "10", "a10b3", "a10b20", "b", "b2", "b10", "é2"];
        assert_eq!(names, sorted);
    }

    /// A folder of files, which need be no pictures to be told apart.
    fn folder_of(names: &[&str]) -> (tempfile::TempDir, Vec<PathBuf>) {
        let folder = tempfile::tempdir().expect("a folder");
        let paths = names.iter().map(|name| folder.path().join(name)).collect::<Vec<_>>();
        for (path, name) in paths.iter().zip(names) {
            std::fs::create_dir_all(path.parent().expect("in a folder"))
                .expect("the folder is ours");
            std::fs::write(path, name).expect("the folder is ours");
        }
        (folder, paths)
    }

    fn names(members: &[Member]) -> Vec<String> {
        let mut names: Vec<String> =
            members.iter().map(|member| member.file.file.clone()).collect();
        names.sort();
        names
    }

    #[test]
    fn pictures_stay_in_their_part_whatever_is_added_moved_or_gone() {
        let all: Vec<String> = (0..20).map(|number| format!("{number}.png")).collect();
        let (folder, paths) = folder_of(&all.iter().map(String::as_str).collect::<Vec<_>>());
        let first = Partition::drawn(
            folder.path(),
            &paths,
            &LoadOptions::default(),
            &KnownFiles::default(),
        )
        .expect("enough");
        let files = |members: &[Member]| members.iter().map(|member| member.file.clone()).collect();
        let manifest = Manifest {
            train: files(&first.train),
            held_out: files(&first.held_out),
            ..Manifest::default()
        };
        let again = Partition::remembered(folder.path(), &paths, &manifest, &KnownFiles::default())
            .expect("all there");
        assert_eq!((&again.train, &again.held_out), (&first.train, &first.held_out));
        let (held, trained) = (&first.held_out[0].path, &first.train[0].path);
        let moved = folder.path().join("moved.png");
        std::fs::rename(held, &moved).expect("the folder is ours");
        std::fs::write(trained, "another").expect("the folder is ours");
        let mut now: Vec<PathBuf> = paths.iter().filter(|path| *path != held).cloned().collect();
        now.push(moved.clone());
        let again = Partition::remembered(folder.path(), &now, &manifest, &KnownFiles::default())
            .expect("most are there");
        assert_eq!(names(&again.held_out), names(&first.held_out));
        assert!(again.held_out.iter().any(|member| member.path == moved));
        // The one that was replaced is neither.
        assert_eq!(again.train[..], first.train[1..]);
        let error =
            Partition::remembered(folder.path(), &now[..1], &manifest, &KnownFiles::default())
                .expect_err("too few");
        assert!(error.to_string().contains("bring them back"), "{error}");
    }
}
