//! What can be said of a name before anything is written to it.

use std::path::Path;
use std::{fs, io, iter};

use super::target::{Target, target};
use super::writing::{cannot_write, check_file, folder_of, temporary_file};
use crate::error::Result;

/// The name that stands for standard output.
const STANDARD_OUTPUT: &str = "-";

/// Makes sure that a file of this name can be written: that its folder is there, and takes files.
///
/// # Errors
/// When it cannot.
pub(crate) fn check_writable(path: &Path) -> Result<()> {
    let check = || match target(path)? {
        Target::File(file) => {
            check_file(&file)?;
            temporary_file(folder_of(&file))?.close()
        }
        // Opening a pipe may wait for its reader.
        Target::Open(_) => Ok(()),
    };
    check().map_err(|error| cannot_write(path, &error))
}

/// Whether a name stands for standard output: `-`, or what leads to where standard output goes.
pub(crate) fn is_standard_output(path: &Path) -> bool {
    path == Path::new(STANDARD_OUTPUT) || leads_to_standard_output(path)
}

#[cfg(unix)]
fn leads_to_standard_output(path: &Path) -> bool {
    use std::os::fd::AsFd;
    use std::os::unix::fs::MetadataExt;
    let own = io::stdout().as_fd().try_clone_to_owned();
    let own = own.and_then(|own| fs::File::from(own).metadata());
    let place = |found: fs::Metadata| (found.dev(), found.ino());
    match (own, fs::metadata(path)) {
        (Ok(own), Ok(found)) => place(own) == place(found),
        _ => false,
    }
}

#[cfg(not(unix))]
fn leads_to_standard_output(_: &Path) -> bool {
    false
}

/// What tells a file from all others, whatever names lead to it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct FileId(#[cfg(unix)] (u64, u64), #[cfg(not(unix))] std::path::PathBuf);

impl FileId {
    /// That of the file, folder or device that `path` leads to; `None` where there is nothing.
    #[cfg(unix)]
    pub fn of(path: &Path) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;
        fs::metadata(path).ok().map(|found| Self((found.dev(), found.ino())))
    }

    /// That of the file, folder or device that `path` leads to; `None` where there is nothing.
    #[cfg(not(unix))]
    pub fn of(path: &Path) -> Option<Self> {
        fs::canonicalize(path).ok().map(Self)
    }
}

/// The nearest folder around `path` that is there, or itself.
pub(crate) fn nearest(path: &Path) -> &Path {
    let mut ways = iter::successors(Some(path), |path| path.parent());
    let found = ways.find(|way| !way.as_os_str().is_empty() && way.exists());
    found.unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_the_same_by_all_its_names() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let [file, other] = ["a.png", "b.png"].map(|name| folder.path().join(name));
        fs::write(&file, "a").expect("writable");
        assert_eq!(FileId::of(&other), None);
        fs::write(&other, "a").expect("writable");
        let roundabout = folder.path().join(".").join("a.png");
        assert_eq!(FileId::of(&file), FileId::of(&roundabout));
        assert_ne!(FileId::of(&file), FileId::of(&other));
        assert!(is_standard_output(Path::new("-")) && !is_standard_output(&file));
        assert_eq!(nearest(&folder.path().join("no/such/file")), folder.path());
        check_writable(&folder.path().join("new.png")).expect("writable");
        let missing = folder.path().join("missing/new.png");
        let text = check_writable(&missing).expect_err("has no folder").to_string();
        assert!(text.starts_with(&missing.display().to_string()), "{text}");
        assert_eq!(fs::read_dir(folder.path()).expect("ours").count(), 2, "nothing is left");
        assert_eq!(nearest(Path::new("no-such-file")), Path::new("."));
    }
}
