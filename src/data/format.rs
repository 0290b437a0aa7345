//! What kind of file something is: by its content, or where that says nothing, by its name's ending.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::Path;

use image::ImageFormat;

use super::input;

/// Bytes at a file's beginning that are looked at.
pub(super) const START: usize = 32;

/// Kinds of left-out files that a message names.
const NAMED: usize = 10;

/// Endings of pictures in formats that are not read, though raw files of cameras look like TIFFs with
/// a thumbnail in front.
const UNREAD: [&str; 58] = [
    "3fr", "ai", "arw", "avif", "cr2", "cr3", "crw", "dcm", "dcr", "dds", "dicom", "dng", "emf",
    "eps", "erf", "exr", "farbfeld", "ff", "fff", "fits", "hdr", "heic", "heics", "heif", "heifs",
    "hif", "iiq", "j2c", "j2k", "jls", "jp2", "jpf", "jpm", "jpx", "jxl", "jxr", "kdc", "kra",
    "mos", "mrw", "nef", "nrw", "orf", "pcx", "pef", "psb", "psd", "raf", "raw", "rw2", "rwl",
    "sr2", "srf", "srw", "svg", "svgz", "x3f", "xcf",
];

/// Endings of files that are not there as a whole yet, whatever their beginning is.
const UNFINISHED: [&str; 4] = ["crdownload", "download", "part", "partial"];

/// Beginnings of files in formats that are not read.
const BEGINNINGS: [(&[u8], &str); 12] = [
    (b"\xff\x0a", "JPEG XL"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"8BPS", "a Photoshop file"),
    (b"\x76\x2f\x31\x01", "OpenEXR"),
    (b"#?RADIANCE", "Radiance HDR"),
    (b"DDS ", "DDS"),
    (b"farbfeld", "farbfeld"),
    (b"FUJIFILMCCD-RAW", "a camera's raw file"),
    (b"IIU\0", "a camera's raw file"),
    (b"gimp xcf", "a GIMP file"),
];

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A picture, for all that is known, in this format.
    Picture(ImageFormat),
    /// A picture in a format of this name, which is not read.
    Unread(&'static str),
    /// A picture in a format that is not read, as its name's ending says.
    UnreadEnding(&'static str),
    /// Anything else.
    Other,
}

/// What the file at `path` is, without decoding it.
pub(super) fn of_file(path: &Path) -> Kind {
    // What claims to be a picture that is read is no other file, and is looked at when it is decoded.
    if let Some(format) = by_ending(path) {
        return Kind::Picture(format);
    }
    if UNFINISHED.contains(&&*ending(path)) {
        return Kind::Other;
    }
    let mut start = Vec::with_capacity(START);
    let read =
        input::open(path).and_then(|(file, _)| file.take(START as u64).read_to_end(&mut start));
    let found = read.map_or(Kind::Other, |_| by_content(&start));
    match unread_ending(path) {
        Some(ending) if !is_plain(found) => Kind::UnreadEnding(ending),
        _ => found,
    }
}

/// The ending of a format that is not read, if the file has one.
pub(super) fn unread_ending(path: &Path) -> Option<&'static str> {
    let ending = ending(path);
    UNREAD.into_iter().find(|unread| *unread == ending)
}

/// Whether content says more than an ending: TIFFs may be a camera's.
fn is_plain(found: Kind) -> bool {
    matches!(found, Kind::Picture(format) if format != ImageFormat::Tiff)
}

/// The format that is read and that the ending stands for.
pub(super) fn by_ending(path: &Path) -> Option<ImageFormat> {
    ImageFormat::from_path(path).ok().filter(ImageFormat::reading_enabled)
}

/// What a file with this beginning is. Formats that begin with letters of the alphabet must look like
/// themselves a little further on, too.
pub(super) fn by_content(start: &[u8]) -> Kind {
    if let Some(name) = unread(start) {
        return Kind::Unread(name);
    }
    let byte = |place: usize| start.get(place).copied();
    match image::guess_format(start) {
        Ok(ImageFormat::Pnm) if !is_pnm(start) => Kind::Other,
        // The size of the second header.
        Ok(ImageFormat::Bmp)
            if !matches!(byte(14), Some(12 | 16 | 40 | 52 | 56 | 64 | 108 | 124))
                || start.get(15..18) != Some(&[0; 3]) =>
        {
            Kind::Other
        }
        Ok(format) if format.reading_enabled() => Kind::Picture(format),
        _ => Kind::Other,
    }
}

/// Whether white space and a number, a comment, or the header of a PAM follow the two letters.
fn is_pnm(start: &[u8]) -> bool {
    let rest = start.get(2..).unwrap_or_default();
    let number = rest.trim_ascii_start();
    let is_spaced = number.len() < rest.len();
    start.starts_with(b"P7\n")
        || rest.starts_with(b"#")
        || is_spaced && number.first().is_some_and(|byte| byte.is_ascii_digit() || *byte == b'#')
}

/// The name of a format that is not read and begins like this.
pub(super) fn unread(start: &[u8]) -> Option<&'static str> {
    if let Some((_, name)) = BEGINNINGS.iter().find(|(bytes, _)| start.starts_with(bytes)) {
        return Some(name);
    }
    if start.starts_with(b"II*\0") && start.get(8..10) == Some(b"CR") {
        return Some("a camera's raw file");
    }
    match (start.get(4..8), start.get(8..12)) {
        (Some(b"ftyp"), Some(b"avif" | b"avis")) => Some("AVIF"),
        (Some(b"ftyp"), Some(b"crx ")) => Some("a camera's raw file"),
        (
            Some(b"ftyp"),
            Some(b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" | b"mif1" | b"msf1"),
        ) => Some("HEIC"),
        _ => None,
    }
}

/// The first bytes of a reader, which then stands where it stood.
pub(super) fn start_of(input: &mut (impl Read + io::Seek)) -> io::Result<Vec<u8>> {
    let mut start = Vec::with_capacity(START);
    input.by_ref().take(START as u64).read_to_end(&mut start)?;
    input.rewind()?;
    Ok(start)
}

/// The formats that are read, by their endings.
pub(super) fn names() -> String {
    let mut names: Vec<&str> = ImageFormat::all()
        .filter(ImageFormat::reading_enabled)
        .filter_map(|format| format.extensions_str().first().copied())
        .collect();
    names.sort_unstable();
    names.join(", ")
}

fn ending(path: &Path) -> String {
    path.extension().map(|ending| ending.to_string_lossy().to_lowercase()).unwrap_or_default()
}

/// Files that are left out, counted by their endings.
#[derive(Default)]
pub(super) struct LeftOut {
    /// How many have this ending, and whether they are pictures of a format that is not read.
    kinds: BTreeMap<String, (usize, bool)>,
}

impl LeftOut {
    /// Counts the file at `path`.
    pub fn add(&mut self, path: &Path, kind: Kind) {
        let name = match &*ending(path) {
            "" => "without an ending".to_owned(),
            ending => format!(".{ending}"),
        };
        self.count(name, matches!(kind, Kind::Unread(_) | Kind::UnreadEnding(_)));
    }

    /// Counts what is neither a file nor a folder.
    pub fn add_special(&mut self) {
        self.count("that are no files (links to nothing, pipes, devices)".into(), false);
    }

    /// Counts so many of this description.
    pub fn add_many(&mut self, what: &str, count: usize) {
        self.kinds.entry(what.to_owned()).or_default().0 += count;
    }

    fn count(&mut self, name: String, is_picture: bool) {
        let kind = self.kinds.entry(name).or_default();
        kind.0 += 1;
        kind.1 |= is_picture;
    }

    /// How many there are.
    pub fn total(&self) -> usize {
        self.kinds.values().map(|kind| kind.0).sum()
    }

    /// How many of each kind, those that can be converted first, and what to do about them.
    pub fn describe(&self) -> String {
        let of = |wanted: bool| {
            let kinds = self.kinds.iter().filter(move |(_, kind)| kind.1 == wanted);
            let mut kinds: Vec<_> = kinds.map(|(name, kind)| (kind.0, name)).collect();
            kinds.sort_by_key(|(count, name)| (std::cmp::Reverse(*count), *name));
            let more = kinds.len().saturating_sub(NAMED);
            let named: Vec<String> =
                kinds.iter().take(NAMED).map(|(count, name)| format!("{count} {name}")).collect();
            let more = if more == 0 { String::new() } else { format!(", and {more} other kinds") };
            named.join(", ") + &more
        };
        let (pictures, others) = (of(true), of(false));
        let mut parts = vec![];
        if !pictures.is_empty() {
            parts.push(format!(
                "{pictures}: not read, convert them first (for instance to PNG or JPEG)"
            ));
        }
        if !others.is_empty() {
            parts.push(format!("{others}: no pictures"));
        }
        parts.join("; ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_tells_pictures_from_texts_that_begin_alike() {
        let picture = |start: &[u8]| matches!(by_content(start), Kind::Picture(_));
        let bmp = [b"BM\0\0\0\0\0\0\0\0\0\0\0\0\x28\0\0\0", &[0; 14][..]].concat();
        for start in [&b"\x89PNG\r\n\x1a\n"[..], b"P6 1 1 255", b"P5\n# made by", &bmp] {
            assert!(picture(start), "{start:?}");
        }
        for start in [
            &b"P600 is a printer"[..],
            b"BMW makes cars, and motorcycles",
            b"P6 is a word",
            b"P6",
            b"",
        ] {
            assert_eq!(by_content(start), Kind::Other, "{start:?}");
        }
    }

    #[test]
    fn formats_that_are_not_read_have_names() {
        assert_eq!(by_content(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"), Kind::Unread("HEIC"));
        assert_eq!(by_content(b"\0\0\0\x18ftypmp42\0\0\0\0"), Kind::Other);
        assert_eq!(by_content(b"8BPS\0\x01"), Kind::Unread("a Photoshop file"));
        assert_eq!(of_file(Path::new("x/PHOTO.NEF")), Kind::UnreadEnding("nef"));
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.dng");
        for (start, is_read) in [(&b"II*\0\x08\0\0\0"[..], false), (b"\x89PNG\r\n\x1a\n", true)] {
            std::fs::write(&path, start).expect("the folder is ours");
            assert_eq!(matches!(of_file(&path), Kind::Picture(_)), is_read);
        }
    }

    #[test]
    fn files_are_counted_by_ending() {
        let mut left_out = LeftOut::default();
        for name in ["a.txt", "IMG.HEIC", "b.heic", "Makefile"] {
            left_out.add(Path::new(name), of_file(Path::new(name)));
        }
        left_out.add_special();
        let text = left_out.describe();
        assert!(text.starts_with("2 .heic: not read, convert them first"), "{text}");
        assert!(text.contains("; 1 .txt, 1 that are no files"), "{text}");
        assert!(text.ends_with("1 without an ending: no pictures"), "{text}");
        assert_eq!(left_out.total(), 5);
    }

    #[test]
    fn endings_are_in_order() {
        assert!(UNREAD.is_sorted());
    }
}
