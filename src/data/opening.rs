//! Opening image files: nothing but files, in formats that are read, whole, and within memory.

use std::io::{BufRead, BufReader, Cursor, Read, Seek};
use std::path::{Path, PathBuf};

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits};

use super::fault::Fault;
use super::format::{self, Kind};
use super::input::{self, Input};
use super::jpeg::{self, Flaw};
use super::levels::{self, Extremes, StoredRange};
use super::numbers;
use super::tiff::{self, Page};

/// Memory that decoding one image may take; a file of a few bytes can ask for any amount.
const MAX_DECODED: u64 = 512 << 20;

/// The most bytes of a JPEG, which is read as a whole.
const MAX_JPEG: u64 = 1 << 30;

/// A picture as it is stored, the right way up, but for its values, which may have been spread.
pub(super) struct Opened {
    pub image: DynamicImage,
    /// What was stored, of more than 8 bits.
    pub extremes: Option<Extremes>,
}

/// The picture at `path`, with this range of its stored values spread over all values.
/// `stack.tif[2]` is the third page of `stack.tif`.
pub(super) fn open(path: &Path, range: Option<StoredRange>) -> Result<Opened, Fault> {
    let (file, page) = page_of(path);
    let unopened = |error| Fault::unopened(path, &error);
    // Opening a pipe would wait for its writer.
    let (mut input, length) = input::open(&file).map_err(unopened)?;
    let start = format::start_of(&mut input).map_err(unopened)?;
    let format = match (format::unread(&start), image::guess_format(&start)) {
        (Some(name), _) => return Err(Fault::unread(path, name)),
        (None, Ok(ImageFormat::Tiff)) if format::unread_ending(&file).is_some() => {
            return Err(nameless(path, &file));
        }
        (None, Ok(format)) => format,
        // Some formats say nothing of themselves.
        (None, Err(_)) => match format::by_ending(&file) {
            Some(format) => format,
            None => return Err(nameless(path, &file)),
        },
    };
    let decoded = match (format, page) {
        (ImageFormat::Tiff, page) => return open_page(path, &file, page, range),
        (_, Some(_)) => {
            return Err(Fault::new(path, "is no TIFF and has no pages", "give the file itself"));
        }
        (ImageFormat::Jpeg, None) => {
            let bytes = all_of(input, length).map_err(unopened)?;
            jpeg::check(&bytes).map_err(|flaw| match flaw {
                Flaw::Damaged(why) => Fault::damaged(path, why),
                Flaw::Unread(kind) => Fault::unread(path, kind),
            })?;
            decode(path, Cursor::new(bytes), format)
        }
        (_, None) => decode(path, BufReader::new(input), format),
    };
    Ok(spread(decoded.map_err(|(fault, _)| fault)?, range))
}

fn spread(mut image: DynamicImage, range: Option<StoredRange>) -> Opened {
    let extremes = Extremes::of_image(&image);
    if let Some(range) = range {
        levels::spread(&mut image, range);
    }
    Opened { image, extremes }
}

/// A page of a TIFF, or its first that is no thumbnail.
fn open_page(
    path: &Path,
    file: &Path,
    page: Option<usize>,
    range: Option<StoredRange>,
) -> Result<Opened, Fault> {
    let unopened = |error| Fault::unopened(path, &error);
    let input = || input::open(file).map(|(input, _)| input);
    let pages = tiff::pages(&mut BufReader::new(input().map_err(unopened)?));
    let place = pages.get(page.unwrap_or(0));
    if let (Some(_), None) = (page, place) {
        let what = format!("has no such page; it has {}, counted from 0", pages.len());
        return Err(Fault::new(path, what, "give another number"));
    }
    let directory = || match place {
        Some(place) => Page::new(input()?, *place).map(BufReader::new),
        None => Ok(BufReader::new(Page::first(input()?))),
    };
    let decoded = decode(path, directory().map_err(unopened)?, ImageFormat::Tiff);
    let fault = match decoded {
        Ok(image) => return Ok(spread(image, range)),
        Err((fault, Refusal::OfItsKind)) => fault,
        Err((fault, Refusal::Otherwise)) => return Err(fault),
    };
    let damaged = |error| Fault::damaged(path, error);
    match numbers::read(directory().map_err(unopened)?, MAX_DECODED).map_err(damaged)? {
        None => Err(fault),
        Some(numbers) => match numbers.gray(range) {
            Some((image, extremes)) => Ok(Opened { image, extremes }),
            None => {
                let to_do = "say which of them are black and white, as in --range -100-100, or \
                             convert it to PNG";
                Err(Fault::new(path, "holds numbers with signs", to_do))
            }
        },
    }
}

/// The file that holds the picture at `path`, and its page if the path names one.
pub(super) fn page_of(path: &Path) -> (PathBuf, Option<usize>) {
    let numbered = || {
        let name = path.file_name()?.to_str()?.strip_suffix(']')?;
        let (name, page) = name.rsplit_once('[')?;
        Some((path.with_file_name(name), page.parse().ok()?))
    };
    match numbered() {
        // A file that is called so is itself.
        Some((file, page)) if !input::is_file(path) && input::is_file(&file) => (file, Some(page)),
        _ => (path.to_path_buf(), None),
    }
}

/// The paths of the pictures in a file of this format: its own, or those of its pages.
pub(super) fn pictures_in(path: PathBuf, format: ImageFormat) -> Vec<PathBuf> {
    let pages = || match input::open(&path) {
        Ok((file, _)) => tiff::pages(&mut BufReader::new(file)).len(),
        Err(_) => 1,
    };
    let pages = if format == ImageFormat::Tiff { pages() } else { 1 };
    let named = path.file_name().and_then(|name| name.to_str());
    match named {
        Some(name) if pages > 1 => {
            (0..pages).map(|page| path.with_file_name(format!("{name}[{page}]"))).collect()
        }
        _ => vec![path],
    }
}

/// What is said of a file whose format neither its content nor its name tells.
fn nameless(path: &Path, file: &Path) -> Fault {
    match format::of_file(file) {
        Kind::Unread(name) => Fault::unread(path, name),
        Kind::UnreadEnding(ending) => Fault::unread(path, format!("a .{ending} file")),
        _ => {
            let why = format!("it is in none of the formats that are read: {}", format::names());
            Fault::damaged(path, why)
        }
    }
}

/// All bytes of a file of this length, if a JPEG may be as long.
fn all_of(input: Input, length: u64) -> std::io::Result<Vec<u8>> {
    if length > MAX_JPEG {
        let what = format!("it has over {MAX_JPEG} bytes");
        return Err(std::io::Error::new(std::io::ErrorKind::FileTooLarge, what));
    }
    let mut bytes = Vec::with_capacity(length as usize);
    input.take(MAX_JPEG).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Why a decoder refuses a picture.
enum Refusal {
    /// It is of a kind that the decoder does not know.
    OfItsKind,
    Otherwise,
}

/// Decodes a picture in this format.
fn decode<R: BufRead + Seek>(
    path: &Path,
    input: R,
    format: ImageFormat,
) -> Result<DynamicImage, (Fault, Refusal)> {
    let mut size = (0, 0);
    decode_within(input, format, &mut size).map_err(|error| match error {
        ImageError::Limits(_) => {
            let mebibytes = MAX_DECODED >> 20;
            let size = match size {
                (0, 0) => String::new(),
                (width, height) => format!(" with its {width}x{height} pixels"),
            };
            let what = format!("is larger than {mebibytes} MiB in memory{size}");
            (Fault::new(path, what, "shrink, cut or remove it"), Refusal::Otherwise)
        }
        ImageError::Unsupported(_) => (Fault::decoding(path, &error), Refusal::OfItsKind),
        error => (Fault::decoding(path, &error), Refusal::Otherwise),
    })
}

/// Decodes a picture, whose `size` is known before its pixels are.
fn decode_within<R: BufRead + Seek>(
    input: R,
    format: ImageFormat,
    size: &mut (u32, u32),
) -> image::ImageResult<DynamicImage> {
    // It is pixels that take memory, whatever the sides are.
    let mut limits = Limits::default();
    limits.max_image_width = None;
    limits.max_image_height = None;
    limits.max_alloc = Some(MAX_DECODED);
    let mut reader = ImageReader::with_format(input, format);
    reader.limits(limits.clone());
    let mut decoder = reader.into_decoder()?;
    *size = decoder.dimensions();
    limits.reserve(decoder.total_bytes())?;
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut image = DynamicImage::from_decoder(decoder)?;
    image.apply_orientation(orientation);
    Ok(image)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_in_brackets_is_a_page_unless_the_file_is_called_so() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("a.tif"), "").expect("the folder is ours");
        assert_eq!(page_of(&path("a.tif[3]")), (path("a.tif"), Some(3)));
        assert_eq!(page_of(&path("a.tif[x]")), (path("a.tif[x]"), None));
        assert_eq!(page_of(&path("b.tif[3]")), (path("b.tif[3]"), None));
        std::fs::write(path("a.tif[3]"), "").expect("the folder is ours");
        assert_eq!(page_of(&path("a.tif[3]")), (path("a.tif[3]"), None));
    }
}
