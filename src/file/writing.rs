//! Files that are there as a whole or not at all.

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use tempfile::NamedTempFile;

use super::target::{Target, target};
use crate::error::{Error, Result};

/// Writes a file so that its name never stands for half of it, even if the machine stops: what
/// `write` hands over goes to another file in the same folder, which then takes the name. A link is
/// written through, a file that is replaced keeps its permissions, and devices and pipes are written to
/// as they are.
///
/// # Errors
/// When the folder is missing or cannot be written, the disk is full, or `path` names a folder. A file
/// that was there before is then as it was.
pub fn write_atomically(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<()> {
    put(path, write, true).map_err(|error| cannot_write(path, &error))
}

/// As [`write_atomically`], without waiting for the disk: for what can be made again, such as
/// pictures, of which there may be thousands. If the machine itself stops, the last ones may be lost.
///
/// # Errors
/// As [`write_atomically`].
pub fn write_whole(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<()> {
    put(path, write, false).map_err(|error| cannot_write(path, &error))
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
    let file = builder.tempfile_in(folder).map_err(|error| without_name(&error))?;
    // Without a lock, which some file systems do not have, it might be taken for an abandoned one.
    let _ = file.as_file().try_lock();
    Ok(file)
}

/// The error by itself: the name of a file that is only there in between tells nobody anything.
fn without_name(error: &io::Error) -> io::Error {
    let inner = error.get_ref().and_then(|named| named.source());
    let inner = inner.and_then(|inner| inner.downcast_ref::<io::Error>());
    match inner.and_then(io::Error::raw_os_error) {
        Some(code) => io::Error::from_raw_os_error(code),
        None => error.kind().into(),
    }
}

/// Whether `path` is an unfinished file that nobody writes any more.
pub(crate) fn is_abandoned(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| name.starts_with(UNFINISHED))
        && fs::symlink_metadata(path).is_ok_and(|found| found.is_file())
        && fs::File::open(path).is_ok_and(|file| file.try_lock().is_ok())
}

/// Writes a file, and waits until the disk has it where it is to be `durable`.
fn put(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    durable: bool,
) -> io::Result<()> {
    match target(path)? {
        Target::File(file) => replace(&file, write, durable),
        Target::Open(device) => {
            let file = fs::OpenOptions::new().append(true).open(device)?;
            let mut writer = BufWriter::new(file);
            write(&mut writer)?;
            writer.flush()
        }
    }
}

fn replace(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    durable: bool,
) -> io::Result<()> {
    let folder = folder_of(path);
    check_file(path)?;
    let file = temporary_file(folder)?;
    let mut writer = BufWriter::new(file.as_file());
    write(&mut writer)?;
    writer.flush()?;
    drop(writer);
    #[cfg(unix)]
    keep_permissions(path, file.as_file());
    if durable {
        file.as_file().sync_all()?;
    }
    file.persist(path)?;
    #[cfg(unix)]
    if durable {
        // The new name is in the folder, which has to reach the disk as well. Some file systems
        // cannot do that for a folder, and the file is complete either way.
        let _ = fs::File::open(folder).and_then(|folder| folder.sync_all());
    }
    Ok(())
}

/// The folder that a file lies in.
pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A file that may not be written is not replaced, either.
pub(super) fn check_file(path: &Path) -> io::Result<()> {
    match fs::OpenOptions::new().write(true).open(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Gives `file` the owner and the permissions of the file at `path`, as far as the system lets this
/// user.
#[cfg(unix)]
fn keep_permissions(path: &Path, file: &fs::File) {
    use std::os::unix::fs::{MetadataExt, fchown};
    let (Ok(old), Ok(new)) = (fs::metadata(path), file.metadata()) else { return };
    if (old.uid(), old.gid()) != (new.uid(), new.gid()) {
        let _ = fchown(file, Some(old.uid()), Some(old.gid()));
    }
    let _ = file.set_permissions(old.permissions());
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

    #[test]
    fn an_error_names_the_file_and_no_other() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("missing/loss.png");
        let text = write_whole(&path, |_| Ok(())).expect_err("must fail").to_string();
        assert!(text.starts_with(&path.display().to_string()), "{text}");
        assert!(!text.contains(UNFINISHED), "{text}");
    }

    #[cfg(unix)]
    #[test]
    fn links_are_written_through_and_permissions_stay() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let folder = tempfile::tempdir().expect("a temporary folder");
        let [file, link, over] =
            ["deep/real.png", "deep/link.png", "over.png"].map(|name| folder.path().join(name));
        fs::create_dir(folder.path().join("deep")).expect("writable");
        symlink("real.png", &link).expect("can be made");
        symlink("deep/link.png", &over).expect("can be made");
        for text in ["a file that was not there", "the same again"] {
            write_whole(&over, |out| out.write_all(text.as_bytes())).expect(text);
            assert_eq!(fs::read_to_string(&file).expect("readable"), text);
            assert!(over.is_symlink() && link.is_symlink() && !file.is_symlink());
            fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).expect("ours");
        }
        let mode = fs::metadata(&file).expect("exists").permissions().mode();
        write_whole(&over, |_| Ok(())).expect("writable");
        assert_eq!(fs::metadata(&file).expect("exists").permissions().mode(), mode);
        symlink("circle", folder.path().join("circle")).expect("can be made");
        assert!(write_whole(&folder.path().join("circle"), |_| Ok(())).is_err());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn devices_and_pipes_are_written_to_and_stay() {
        use std::os::unix::fs::{FileTypeExt, symlink};
        let folder = tempfile::tempdir().expect("a temporary folder");
        let null = folder.path().join("null");
        symlink("/dev/null", &null).expect("can be made");
        write_atomically(&null, |out| out.write_all(b"gone")).expect("takes anything");
        let kind = fs::metadata("/dev/null").expect("Linux has it").file_type();
        assert!(kind.is_char_device() && null.is_symlink());
        let full = write_atomically(Path::new("/dev/full"), |out| out.write_all(b"too much"));
        assert!(full.expect_err("is full").to_string().contains("/dev/full"));
        // What a process has open is written to, wherever it lies.
        let path = folder.path().join("open");
        let open = fs::File::create(&path).expect("writable");
        use std::os::fd::AsRawFd;
        let link = folder.path().join("link");
        symlink(format!("/proc/self/fd/{}", open.as_raw_fd()), &link).expect("can be made");
        write_atomically(&link, |out| out.write_all(b"through")).expect("writable");
        write_atomically(&link, |out| out.write_all(b" twice")).expect("writable");
        assert_eq!(fs::read_to_string(&path).expect("readable"), "through twice");
        assert!(link.is_symlink());
    }
}
