//! The bytes of a picture: a file's, or those of a member of an archive.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use super::archive::{self, Span};
use crate::file;

/// An open file, or the part of one that a member of an archive is.
#[derive(Debug)]
pub(super) struct Input {
    file: File,
    span: Span,
    /// The next byte, counted from the first of the span.
    place: u64,
}

/// Opens the picture at `path`, and finds its length. What is no file is an error, since opening a pipe would wait for a
/// writer, and a device may never end.
///
/// # Errors
/// When there is none, or it cannot be read, or its archive ends before it.
pub(super) fn open(path: &Path) -> io::Result<(Input, u64)> {
    let missing = match file::open(path) {
        Ok((file, length)) => {
            return Ok((Input { file, span: Span { start: 0, length }, place: 0 }, length));
        }
        Err(error) => error,
    };
    let Some((archive, inner)) = archive::split(path) else { return Err(missing) };
    let span = archive::read(archive)?.members.get(inner).copied();
    let span = span.ok_or(io::ErrorKind::NotFound)?;
    let (mut file, length) = file::open(archive)?;
    if span.start.checked_add(span.length).is_none_or(|end| end > length) {
        let what = format!("{} ends before it does", archive.display());
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, what));
    }
    file.seek(SeekFrom::Start(span.start))?;
    Ok((Input { file, span, place: 0 }, span.length))
}

/// Whether there is a picture of this path, in a folder or an archive.
pub(super) fn is_file(path: &Path) -> bool {
    let is_member = || {
        let (archive, inner) = archive::split(path)?;
        Some(archive::read(archive).ok()?.members.contains_key(inner))
    };
    path.is_file() || is_member().unwrap_or(false)
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.span.length.saturating_sub(self.place);
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        let count = self.file.read(&mut buffer[..most])?;
        self.place += count as u64;
        Ok(count)
    }
}

impl Seek for Input {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let place = match to {
            SeekFrom::Start(place) => Some(place),
            SeekFrom::Current(by) => self.place.checked_add_signed(by),
            SeekFrom::End(by) => self.span.length.checked_add_signed(by),
        };
        let place = place.ok_or(io::ErrorKind::InvalidInput)?;
        let there = self.span.start.checked_add(place).ok_or(io::ErrorKind::InvalidInput)?;
        self.file.seek(SeekFrom::Start(there))?;
        self.place = place;
        Ok(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_is_read_as_a_file_of_its_own() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.tar");
        let mut builder = tar::Builder::new(File::create(&path).expect("writable"));
        for (name, text) in [("x/one.txt", "12345"), ("two.txt", "abcdefgh")] {
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            builder.append_data(&mut header, name, text.as_bytes()).expect("writable");
        }
        builder.into_inner().expect("writable");
        let (mut input, length) = open(&path.join("x/one.txt")).expect("a member");
        let mut text = String::new();
        input.read_to_string(&mut text).expect("readable");
        assert_eq!((text.as_str(), length), ("12345", 5));
        assert_eq!(input.seek(SeekFrom::End(-2)).expect("a place"), 3);
        text.clear();
        input.read_to_string(&mut text).expect("readable");
        assert_eq!(text, "45");
        assert!(input.seek(SeekFrom::Current(-9)).is_err());
        assert!(is_file(&path.join("two.txt")) && !is_file(&path.join("one.txt")));
        let missing = open(&path.join("one.txt")).expect_err("is none");
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
    }
}
