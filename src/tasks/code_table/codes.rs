//! Codes as text: a line each of a path and its numbers, separated by commas (RFC 4180).

use std::io;
use std::path::Path;

use super::areas::{self, PATH};
use super::records::{Parsed, Records, quoted, stored, text};
use crate::error::{Error, Result};
use crate::file::write_atomically;
use crate::tasks::restore::Area;
use crate::tensor::Tensor;

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
    let paths: Vec<String> = paths.iter().map(|path| quoted(path)).collect();
    lines_to(out, &[PATH], &paths, letter, numbers)
}

/// The same of codes of parts of pictures: where each lies stands behind its picture's path, in pixels.
///
/// # Errors
/// When the numbers do not go into lines of one length, or it cannot be written.
pub fn write_parts_to<T: std::fmt::Display>(
    out: &mut dyn io::Write,
    letter: char,
    parts: &[(String, Area)],
    numbers: &[T],
) -> io::Result<()> {
    lines_to(out, &areas::COLUMNS, &areas::lines(parts), letter, numbers)
}

/// Writes a line of names, and one for each of `starts`, which go on with as many of `numbers`.
fn lines_to<T: std::fmt::Display>(
    out: &mut dyn io::Write,
    names: &[&str],
    starts: &[String],
    letter: char,
    numbers: &[T],
) -> io::Result<()> {
    let width = numbers.len().checked_div(starts.len()).unwrap_or(0);
    if width * starts.len() != numbers.len() {
        let what = format!("{} numbers do not belong to {} paths", numbers.len(), starts.len());
        return Err(io::Error::other(what));
    }
    out.write_all(names.join(",").as_bytes())?;
    (0..width).try_for_each(|column| write!(out, ",{letter}{column}"))?;
    writeln!(out)?;
    for (line, start) in starts.iter().enumerate() {
        out.write_all(start.as_bytes())?;
        let row = &numbers[line * width..][..width];
        row.iter().try_for_each(|number| write!(out, ",{number}"))?;
        writeln!(out)?;
    }
    Ok(())
}

/// Reads the numbers of such a file, `[lines, columns]`, without the paths, if it has those, and places.
///
/// # Errors
/// When the file cannot be read, has no line below that of names, or a field is no number.
pub fn read(file: &Path) -> Result<Tensor> {
    from_bytes(&stored(file)?, file)
}

/// Reads the table of a file with these `bytes`; `file` is for messages only.
///
/// # Errors
/// As [`read`].
pub fn from_bytes(bytes: &[u8], file: &Path) -> Result<Tensor> {
    parse(text(bytes, file)?).map_err(|what| Error::file(file, what))
}

fn parse(text: &str) -> Parsed<Tensor> {
    let mut records = Records::new(text);
    let mut known = 0;
    let first = records.next(|_, place, name| {
        known += usize::from(place == known && areas::COLUMNS.get(place) == Some(&name));
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
    // Whose codes these are: pictures', or parts' of them.
    let skipped = if known == areas::COLUMNS.len() { known } else { known.min(1) };
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
            let mut records = Records::new(&text);
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
