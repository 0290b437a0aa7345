//! Lines of fields that are separated by commas (RFC 4180).

use std::borrow::Cow;
use std::io;
use std::path::Path;

use crate::error::{Error, Result};

/// The most columns: as many numbers as the largest code has, and what stands before them.
const MOST_COLUMNS: usize = (1 << 24) + 5;
/// The most bytes of a file that is read.
const MOST_BYTES: u64 = 1 << 32;

/// The bytes of a table.
pub(super) fn stored(file: &Path) -> Result<Vec<u8>> {
    let unreadable = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => Error::file(file, "does not exist; name a file of codes"),
        io::ErrorKind::InvalidInput => {
            Error::file(file, "is not a file; name one that diabolo encode wrote")
        }
        io::ErrorKind::FileTooLarge => {
            Error::file(file, format!("cannot be read: {error}; write so many codes as .npy"))
        }
        _ => Error::file(file, format!("cannot be read: {error}; use another copy")),
    };
    crate::file::read(file, MOST_BYTES).map_err(unreadable)
}

/// The text of a table with these `bytes`.
pub(super) fn text<'a>(bytes: &'a [u8], file: &Path) -> Result<&'a str> {
    std::str::from_utf8(bytes)
        .map_err(|_| Error::file(file, "is no text in UTF-8; save it as CSV in UTF-8"))
}

/// What is read, or what is wrong.
pub(super) type Parsed<T> = std::result::Result<T, String>;

/// A field that means the text, whatever is in it.
pub(super) fn quoted(text: &str) -> String {
    let is_plain = !text.is_empty()
        && !text.contains([',', '"', '\n', '\r'])
        && text.trim().len() == text.len();
    if is_plain { text.into() } else { format!("\"{}\"", text.replace('"', "\"\"")) }
}

/// The lines of a table. Empty ones are passed over.
pub(crate) struct Records<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Records<'a> {
    /// Those of a whole table.
    pub(crate) fn new(table: &'a str) -> Self {
        // Spreadsheets begin files with a mark of their encoding.
        Self { rest: table.strip_prefix('\u{feff}').unwrap_or(table), line: 1 }
    }

    /// Hands the fields of the next line to `take`, each with the line's number and its own, so that no
    /// memory is asked for but what `take` needs. The line's number and how many fields it has; `None`
    /// at the end.
    pub(crate) fn next(
        &mut self,
        mut take: impl FnMut(usize, usize, &str) -> Parsed<()>,
    ) -> Parsed<Option<(usize, usize)>> {
        while let Some(rest) =
            self.rest.strip_prefix("\r\n").or_else(|| self.rest.strip_prefix('\n'))
        {
            (self.rest, self.line) = (rest, self.line + 1);
        }
        if self.rest.is_empty() {
            return Ok(None);
        }
        let line = self.line;
        for place in 0..MOST_COLUMNS {
            let field = self.field().ok_or_else(|| {
                format!("has quotation marks in line {line} that do not enclose a field")
            })?;
            take(line, place, &field)?;
            match self.rest.strip_prefix(',') {
                Some(rest) => self.rest = rest,
                None => return Ok(Some((line, place + 1))),
            }
        }
        Err(format!("has more fields in line {line} than a code has numbers"))
    }

    /// The field up to the next comma or end of line.
    fn field(&mut self) -> Option<Cow<'a, str>> {
        let Some(mut rest) = self.rest.strip_prefix('"') else {
            let end = self.rest.find([',', '\n']).unwrap_or(self.rest.len());
            let field = &self.rest[..end];
            let is_last = !self.rest[end..].starts_with(',');
            self.rest = &self.rest[end..];
            let field = if is_last { field.strip_suffix('\r').unwrap_or(field) } else { field };
            return (!field.contains('"')).then(|| field.into());
        };
        let mut field = String::new();
        loop {
            let end = rest.find('"')?;
            field.push_str(&rest[..end]);
            rest = &rest[end + 1..];
            match rest.strip_prefix('"') {
                // Two quotation marks stand for one.
                Some(more) => (field, rest) = (field + "\"", more),
                None => break,
            }
        }
        self.line += field.matches('\n').count();
        self.rest = rest.strip_prefix('\r').unwrap_or(rest);
        let is_closed = self.rest.is_empty() || self.rest.starts_with([',', '\n']);
        is_closed.then_some(field.into())
    }
}
