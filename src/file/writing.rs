//! Files that are there as a whole or not at all.

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use tempfile::NamedTempFile;

use crate::error::{Error, Result};

/// Writes a file so that its name never stands for half of it, even if the machine stops: what
/// `write` hands over goes to another file in the same folder, which then takes the name.
///
/// # Errors
/// When the folder is missing or cannot be written, the disk is full, or `path` names something
/// other than a file. A file that was there before is then as it was.
pub fn write_atomically(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<()> {
    // A rename would put a file in the place of a device such as /dev/null.
    if fs::metadata(path).is_ok_and(|found| !found.is_file()) {
        return Err(Error::file(path, "is not a file; choose another name with --out"));
    }
    replace(path, write).map_err(|error| cannot_write(path, &error))
}

/// What is said of a file or folder that cannot be written.
pub(crate) fn cannot_write(path: &Path, error: &io::Error) -> Error {
    Error::file(path, format!("cannot be written: {error}; choose another folder with --out"))
}

/// What names of files begin with until they are whole.
const UNFINISHED: &str = ".diabolo-";

/// A file in `folder` that is gone unless it is given a name. It is locked, so that it can be told
/// from one whose writer was killed.
pub(crate) fn temporary_file(folder: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(UNFINISHED);
    #[cfg(unix)]
    {
        // By default nobody else may read a temporary file, and a rename would keep it so. The
        // user's umask still applies to these.
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    let file = builder.tempfile_in(folder)?;
    // Without a lock, which some file systems do not have, it might be taken for an abandoned one.
    let _ = file.as_file().try_lock();
    Ok(file)
}

/// Whether `path` is an unfinished file that nobody writes any more.
pub(crate) fn is_abandoned(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| name.starts_with(UNFINISHED))
        && fs::symlink_metadata(path).is_ok_and(|found| found.is_file())
        && fs::File::open(path).is_ok_and(|file| file.try_lock().is_ok())
}

fn replace(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let file = temporary_file(folder)?;
    let mut writer = BufWriter::new(file.as_file());
    write(&mut writer)?;
    writer.flush()?;
    drop(writer);
    file.as_file().sync_all()?;
    file.persist(path)?;
    #[cfg(unix)]
    {
        // The new name is in the folder, which has to reach the disk as well. Some file systems
        // cannot do that for a folder, and the file is complete either way.
        let _ = fs::File::open(folder).and_then(|folder| folder.sync_all());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).expect("the folder is there");
        let name = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
        entries.map(|entry| name(entry.expect("can be listed"))).collect()
    }

    #[test]
    fn a_file_is_replaced_as_a_whole_and_nothing_else_is_left() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("metrics.json");
        for text in ["a longer first text", "second"] {
            write_atomically(&path, |out| out.write_all(text.as_bytes())).expect(text);
            assert_eq!(fs::read_to_string(&path).expect("readable"), text);
        }
        assert_eq!(names(folder.path()), ["metrics.json"]);
    }

    #[test]
    fn a_failure_half_way_leaves_the_old_file() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("model.safetensors");
        fs::write(&path, "old").expect("writable");
        let error = write_atomically(&path, |out| {
            out.write_all(&[7; 1 << 16])?;
            Err(io::Error::other("disk full"))
        });
        let text = error.expect_err("must fail").to_string();
        assert!(text.contains("disk full") && text.contains("--out"), "{text}");
        assert_eq!(fs::read_to_string(&path).expect("readable"), "old");
        assert_eq!(names(folder.path()), ["model.safetensors"]);
    }

    #[test]
    fn what_is_not_a_file_is_left_alone() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let inside = folder.path().join("inside");
        fs::create_dir(&inside).expect("writable");
        let missing = folder.path().join("missing/loss.png");
        for path in [inside.as_path(), missing.as_path(), Path::new("/")] {
            let error = write_atomically(path, |_| Ok(())).expect_err("must fail").to_string();
            assert!(error.contains("--out"), "{error}");
        }
        assert_eq!(names(folder.path()), ["inside"]);
    }

    #[cfg(unix)]
    #[test]
    fn others_may_read_the_file() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (ours, plain) = (folder.path().join("ours"), folder.path().join("plain"));
        write_atomically(&ours, |_| Ok(())).expect("writable");
        fs::write(&plain, "").expect("writable");
        let mode = |path| fs::metadata(path).expect("exists").permissions().mode();
        assert_eq!(mode(&ours), mode(&plain));
    }
}
