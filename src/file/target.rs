//! Where the name of a file leads.

use std::path::{Path, PathBuf};
use std::{fs, io};

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
