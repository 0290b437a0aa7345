//! Codes as text: a line each of a path and its numbers, separated by commas (RFC 4180).

use std::borrow::Cow;
use std::io;
use std::path::Path;

use crate::error::{Error, Result};
use crate::file::write_atomically;
use crate::tensor::Tensor;

/// The name of the first column.
const PATH: &str = "path";
/// The most columns: as many numbers as the largest code has, and a path.
const MOST_COLUMNS: usize = (1 << 24) + 1;
/// The most bytes of a file that is read.
const MOST_BYTES: u64 = 1 << 32;

/// Writes a line for each of `paths` with as many of `numbers`, below a line of names: `path`, and
/// `letter` with 0 and on.
///
/// # Errors
/// When the numbers do not go into lines of one length, or the file cannot be written.
pub fn write<T: std::fmt::Display>(
    file: &Path,
    letter: char,
    paths: &[String],
    numbers: &[T],
) -> Result<()> {
    write_atomically(file, |out| write_to(out, letter, paths, numbers))
}

/// The same to anything that takes bytes, such as standard output.
///
/// # Errors
/// When the numbers do not go into lines of one length, or it cannot be written.
pub fn write_to<T: std::fmt::Display>(
    out: &mut dyn io::Write,
    letter: char,
    paths: &[String],
    numbers: &[T],
) -> io::Result<()> {
    let width = numbers.len().checked_div(paths.len()).unwrap_or(0);
    if width * paths.len() != numbers.len() {
        let what = format!("{} numbers do not belong to {} paths", numbers.len(), paths.len());
        return Err(io::Error::other(what));
    }
    write!(out, "{PATH}")?;
    (0..width).try_for_each(|column| write!(out, ",{letter}{column}"))?;
    writeln!(out)?;
    for (line, path) in paths.iter().enumerate() {
        out.write_all(quoted(path).as_bytes())?;
        let row = &numbers[line * width..][..width];
        row.iter().try_for_each(|number| write!(out, ",{number}"))?;
        writeln!(out)?;
    }
    Ok(())
}

/// A field that means the text, whatever is in it.
fn quoted(text: &str) -> String {
    let is_plain = !text.is_empty()
        && !text.contains([',', '"', '\n', '\r'])
        && text.trim().len() == text.len();
    if is_plain { text.into() } else { format!("\"{}\"", text.replace('"', "\"\"")) }
}

/// Reads the numbers of such a file, `[lines, columns]`, without the paths, if it has those.
///
/// # Errors
/// When the file cannot be read, has no line below that of names, or a field is no number.
pub fn read(file: &Path) -> Result<Tensor> {
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
    let bytes = crate::file::read(file, MOST_BYTES).map_err(unreadable)?;
    from_bytes(&bytes, file)
}

/// Reads the table of a file with these `bytes`; `file` is for messages only.
///
/// # Errors
/// As [`read`].
pub fn from_bytes(bytes: &[u8], file: &Path) -> Result<Tensor> {
    let text = std::str::from_utf8(bytes)
        .map_err(|_| Error::file(file, "is no text in UTF-8; save it as CSV in UTF-8"))?;
    parse(text).map_err(|what| Error::file(file, what))
}

/// What is read, or what is wrong.
type Parsed<T> = std::result::Result<T, String>;

fn parse(text: &str) -> Parsed<Tensor> {
    let mut records = Records::new(text);
    let mut skipped = 0;
    let first = records.next(|_, place, name| {
        skipped += usize::from(place == 0 && name == PATH);
        match name.trim().parse::<f32>() {
            Ok(_) => {
                Err("has numbers in its first line, which names the columns: path,c0,c1,...".into())
            }
            Err(_) => Ok(()),
        }
    })?;
    let Some((_, named)) = first else {
        return Err("is empty; the first line names the columns: path,c0,c1,...".into());
    };
    let columns = named - skipped;
    if columns == 0 {
        return Err("has no column of numbers; the first line is path,c0,c1,...".into());
    }
    let (mut numbers, mut count) = (vec![], 0);
    loop {
        let record = records.next(|line, place, field| {
            // What there is too much of is counted, and no more.
            if (skipped..named).contains(&place) {
                let number = field.trim().parse::<f32>();
                numbers
                    .push(number.map_err(|_| format!("has no number in line {line}: `{field}`"))?);
            }
            Ok(())
        })?;
        match record {
            Some((_, has)) if has == named => count += 1,
            Some((line, has)) => {
                return Err(format!(
                    "has {has} fields in line {line}; the first line names {named}"
                ));
            }
            None if count == 0 => return Err("has no codes below its first line".into()),
            None => break,
        }
    }
    Tensor::new([count, columns], numbers).map_err(|error| error.to_string())
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn refused(text: &str, expected: &str) {
        let error = parse(text).expect_err(expected);
        assert!(error.contains(expected), "`{expected}` is not in `{error}`");
    }

    #[test]
    fn tables_of_other_programs_are_read() {
        for text in [
            "path,c0,c1\na.png,1,-2.5\nb.png,3e2,4\n",
            "\u{feff}path,c0,c1\r\n\"a, \"\"b\"\".png\",1,-2.5\r\nb.png,\"3e2\", 4",
            "\"path\",\"c0\",\"c1\"\n\n\"a\nb\",1,-2.5\n\nb,300,4\n\n",
            "x,y\n1,-2.5\n300,4\n",
        ] {
            let codes = parse(text).expect(text);
            assert_eq!(codes.shape()[..], [2, 2], "{text}");
            assert_eq!(codes.data(), [1.0, -2.5, 300.0, 4.0], "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        refused("", "is empty");
        refused("\n\n", "is empty");
        refused("path\na\n", "no column of numbers");
        refused("path,c0\n", "no codes below");
        refused("path,c0\na,1\nb,1,2\n", "has 3 fields in line 3; the first line names 2");
        refused("path,c0\n\"a\n\",1\nb,one\n", "has no number in line 4: `one`");
        refused("path,c0\n\"a,1\n", "quotation marks in line 2");
        refused("path,c0\n\"a\"b,1\n", "quotation marks in line 2");
        refused("a.png,0.5\nb.png,1.5\n", "has numbers in its first line");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            paths in prop::collection::vec("[ -~äß\n\r\"',]{0,12}", 1..6),
            bits in prop::collection::vec(any::<u32>(), 18),
        ) {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let file = folder.path().join("codes.csv");
            let finite = |bits: &u32| Some(f32::from_bits(*bits)).filter(|x| x.is_finite());
            let numbers: Vec<f32> = bits.iter().map(|bits| finite(bits).unwrap_or(0.5)).collect();
            let numbers = &numbers[..3 * paths.len()];
            write(&file, 'c', &paths, numbers).expect("writable");
            let back = read(&file).expect("readable");
            prop_assert_eq!(&back.shape()[..], [paths.len(), 3]);
            prop_assert_eq!(back.data(), numbers);
            let text = std::fs::read_to_string(&file).expect("text");
            let mut records = Records { rest: &text, line: 1 };
            let mut first = vec![];
            let mut note = |_, place, field: &str| {
                first.extend((place == 0).then(|| field.to_owned()));
                Ok(())
            };
            while records.next(&mut note).expect("right").is_some() {}
            prop_assert_eq!(&first[1..], &paths[..]);
        }

        #[test]
        fn no_text_is_too_strange(text in "(path,c0\n)?[\\PC\n\r,\"]{0,40}") {
            let _ = parse(&text);
        }
    }
}
