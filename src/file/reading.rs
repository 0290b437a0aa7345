//! Reading files that others may have made: a file and nothing else, and no longer than is expected
//! there.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

/// Opens a file and finds its length. Opening a pipe would wait for a writer, and a device may never
/// end, so both are errors, as a folder is.
pub(crate) fn open(path: &Path) -> io::Result<(File, u64)> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a file"));
    }
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    Ok((file, length))
}

/// The bytes of a file, of which there may be `most`.
pub(crate) fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let (file, length) = open(path)?;
    let too_long =
        || io::Error::new(io::ErrorKind::FileTooLarge, format!("it has over {most} bytes"));
    if length > most {
        return Err(too_long());
    }
    // Some files are longer than they say, such as those that a kernel makes up.
    let mut bytes = Vec::with_capacity(length as usize);
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most { Err(too_long()) } else { Ok(bytes) }
}

/// The text of a file, of which there may be `most` bytes.
pub(crate) fn read_text(path: &Path, most: u64) -> io::Result<String> {
    let no_text = |_| io::Error::new(io::ErrorKind::InvalidData, "it is no text in UTF-8");
    String::from_utf8(read(path, most)?).map_err(no_text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_of_that_length_are_read() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("file");
        fs::write(&path, "12345").expect("writable");
        assert_eq!(read_text(&path, 5).expect("just short enough"), "12345");
        assert_eq!(read(&path, 4).expect_err("too long").kind(), io::ErrorKind::FileTooLarge);
        assert_eq!(
            read(folder.path(), 9).expect_err("no file").kind(),
            io::ErrorKind::InvalidInput
        );
        fs::write(&path, [0xff]).expect("writable");
        assert_eq!(read_text(&path, 9).expect_err("no text").kind(), io::ErrorKind::InvalidData);
    }

    #[cfg(unix)]
    #[test]
    fn a_device_without_an_end_is_refused() {
        let error = read(Path::new("/dev/zero"), 9).expect_err("no file");
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    }
}
