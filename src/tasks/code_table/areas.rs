//! Where in their pictures the parts lie that have codes of their own: a line each of a path, and of a place
//! and a size in pixels.

use std::io;
use std::path::Path;

use super::records::{Parsed, Records, quoted, stored, text};
use crate::error::{Error, Result};
use crate::tasks::restore::Area;

/// The name of the first column.
pub(super) const PATH: &str = "path";
/// The names of all.
pub(super) const COLUMNS: [&str; 5] = [PATH, "x", "y", "width", "height"];

/// Writes a line for each part, below a line of names: `path,x,y,width,height`.
///
/// # Errors
/// When it cannot be written.
pub fn write_to(out: &mut dyn io::Write, parts: &[(String, Area)]) -> io::Result<()> {
    writeln!(out, "{}", COLUMNS.join(","))?;
    lines(parts).iter().try_for_each(|line| writeln!(out, "{line}"))
}

/// A line each.
pub(super) fn lines(parts: &[(String, Area)]) -> Vec<String> {
    let line = |(path, Area { left, top, width, height }): &(String, Area)| {
        format!("{},{left},{top},{width},{height}", quoted(path))
    };
    parts.iter().map(line).collect()
}

/// Reads which part of which picture each line is of; columns behind these are passed over.
///
/// # Errors
/// When the file cannot be read, has other columns, or a field is no number of pixels.
pub fn read(file: &Path) -> Result<Vec<(String, Area)>> {
    from_bytes(&stored(file)?, file)
}

/// Reads the table of a file with these `bytes`; `file` is for messages only.
///
/// # Errors
/// As [`read`].
pub fn from_bytes(bytes: &[u8], file: &Path) -> Result<Vec<(String, Area)>> {
    parse(text(bytes, file)?).map_err(|what| Error::file(file, what))
}

fn parse(text: &str) -> Parsed<Vec<(String, Area)>> {
    let mut records = Records::new(text);
    let mut known = 0;
    records.next(|_, place, name| {
        known += usize::from(COLUMNS.get(place) == Some(&name));
        Ok(())
    })?;
    if known < COLUMNS.len() {
        return Err(format!("does not begin with the columns {}", COLUMNS.join(",")));
    }
    let mut parts = vec![];
    loop {
        let (mut path, mut sizes) = (String::new(), vec![]);
        let record = records.next(|line, place, field| {
            match place {
                0 => path = field.to_owned(),
                1..5 => {
                    // Larger ones would be no picture's, and sums of two must not overflow.
                    let size = field.trim().parse::<u32>().ok();
                    let size = size.ok_or_else(|| {
                        format!("has no number of pixels in line {line}: `{field}`")
                    })?;
                    sizes.push(size as usize);
                }
                _ => {}
            }
            Ok(())
        })?;
        match (record, &sizes[..]) {
            (None, _) => break,
            (Some(_), &[left, top, width, height]) => {
                parts.push((path, Area { left, top, width, height }));
            }
            (Some((line, has)), _) => {
                return Err(format!("has {has} fields in line {line}, too few"));
            }
        }
    }
    match parts.is_empty() {
        true => Err("has no parts below its first line".into()),
        false => Ok(parts),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::codes;
    use super::*;

    fn area(left: usize, top: usize) -> Area {
        Area { left, top, width: 8, height: 4 }
    }

    #[test]
    fn what_is_written_is_read_beside_codes_and_alone() {
        let parts = [("a,\"b\".png".to_owned(), area(0, 3)), ("c.png".to_owned(), area(12, 0))];
        let (mut alone, mut beside) = (vec![], vec![]);
        write_to(&mut alone, &parts).expect("memory takes it");
        codes::write_parts_to(&mut beside, 'c', &parts, &[0.5, -1.0]).expect("memory takes it");
        let text = "path,x,y,width,height\n\"a,\"\"b\"\".png\",0,3,8,4\nc.png,12,0,8,4\n";
        assert_eq!(String::from_utf8(alone.clone()).expect("text"), text);
        for bytes in [&alone, &beside] {
            assert_eq!(from_bytes(bytes, Path::new("a table")).expect("right"), parts);
        }
        let numbers = codes::from_bytes(&beside, Path::new("a table")).expect("right");
        assert_eq!((&numbers.shape()[..], numbers.data()), (&[2, 1][..], &[0.5, -1.0][..]));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        let refused = |text: &str, expected: &str| {
            let error = parse(text).expect_err(expected);
            assert!(error.contains(expected), "`{expected}` is not in `{error}`");
        };
        refused("", "does not begin with the columns path,x,y,width,height");
        refused("path,c0\na,1\n", "does not begin");
        refused("path,x,y,width,height\n", "has no parts");
        refused("path,x,y,width,height\na,1,2,3\n", "has 4 fields in line 2");
        refused("path,x,y,width,height\na,1,-2,3,4\n", "no number of pixels in line 2: `-2`");
        refused("path,x,y,width,height\na,1,99999999999,3,4\n", "no number of pixels");
    }

    proptest! {
        #[test]
        fn no_text_is_too_strange(text in "(path,x,y,width,height\n)?[\\PC\n\r,\"0-9]{0,40}") {
            let _ = parse(&text);
        }
    }
}
