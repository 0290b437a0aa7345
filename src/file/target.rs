//! Where the name of a file leads, and whether two names lead to the same one.

use std::io;
use std::path::{Path, PathBuf};
use std::{fs, iter};

/// The name that stands for standard output.
const STANDARD_OUTPUT: &str = "-";
/// The most links that are followed, as Linux does.
const MOST_LINKS: usize = 40;

/// What a name leads to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// A file of this name, which is no link, or nothing yet.
    File(PathBuf),
    /// What is no file of its own: a device, a pipe, or what a process has open.
    Open(PathBuf),
}

/// What `path` leads to.
pub(super) fn target(path: &Path) -> io::Result<Target> {
    let mut at = path.to_path_buf();
    for _ in 0..MOST_LINKS {
        let found = match fs::symlink_metadata(&at) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Target::File(at)),
            Err(error) => return Err(error),
        };
        if found.is_symlink() {
            if is_of_a_process(&at) {
                return Ok(Target::Open(at));
            }
            at = at.parent().unwrap_or(Path::new("")).join(fs::read_link(&at)?);
        } else if found.is_file() {
            return Ok(Target::File(at));
        } else if found.is_dir() {
            return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder"));
        } else {
            return Ok(Target::Open(at));
        }
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, "it is a link that leads in a circle"))
}

/// Whether a link stands for what a process has open, as /dev/stdout and /proc/self/fd/1 do. Their text
/// may name a file, but to put another one in its place is not to write to what is open.
fn is_of_a_process(link: &Path) -> bool {
    let folder = link.parent().and_then(|folder| fs::canonicalize(folder).ok());
    folder.is_some_and(|folder| folder == Path::new("/dev") || folder.starts_with("/proc"))
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
pub(crate) struct FileId(#[cfg(unix)] (u64, u64), #[cfg(not(unix))] PathBuf);

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
        assert_eq!(nearest(Path::new("no-such-file")), Path::new("."));
    }
}
