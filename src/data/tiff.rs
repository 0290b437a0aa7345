//! The pages of a TIFF, of which the decoder knows the first alone.
//!
//! A TIFF is a chain of directories, each of a picture. The place of the first is in the file's head,
//! so that any other is decoded as soon as the head names it.

use std::collections::HashSet;
use std::io::{self, Read, Seek, SeekFrom};

/// Pages that are looked for in one file.
const MOST_PAGES: usize = 1 << 16;
/// Entries that a directory may have; those of pictures have some dozens.
const MOST_ENTRIES: u64 = 1 << 12;

/// What kind of picture a directory is of: a bit set of thumbnails, pages and masks.
const NEW_SUBFILE_TYPE: u64 = 254;
/// The same as older files say it.
const SUBFILE_TYPE: u64 = 255;

/// The numbers of a TIFF, as its head says they are stored.
#[derive(Clone, Copy)]
struct Numbers {
    is_little: bool,
    /// Whether places in the file have 8 bytes, as in a BigTIFF.
    is_big: bool,
}

impl Numbers {
    /// A whole number of the bytes at hand.
    fn whole(self, bytes: &[u8]) -> u64 {
        let digits = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
        match self.is_little {
            true => bytes.iter().rev().fold(0, digits),
            false => bytes.iter().fold(0, digits),
        }
    }

    fn read(self, input: &mut impl Read, bytes: usize) -> io::Result<u64> {
        let mut number = [0; 8];
        input.read_exact(&mut number[..bytes])?;
        Ok(self.whole(&number[..bytes]))
    }

    /// Bytes of a place in the file.
    fn place(self) -> usize {
        if self.is_big { 8 } else { 4 }
    }
}

/// The head of a TIFF with the place of its first directory.
fn head(input: &mut (impl Read + Seek)) -> io::Result<(Numbers, u64)> {
    input.rewind()?;
    let mut start = [0; 4];
    input.read_exact(&mut start)?;
    let is_little = start[0] == b'I';
    let is_big = Numbers { is_little, is_big: false }.whole(&start[2..]) == 43;
    let numbers = Numbers { is_little, is_big };
    if is_big {
        numbers.read(input, 4)?;
    }
    let first = numbers.read(input, numbers.place())?;
    Ok((numbers, first))
}

/// Where the directories of whole pictures are, of thumbnails and masks none. Of a file that is
/// damaged, those before the damage.
pub(super) fn pages(input: &mut (impl Read + Seek)) -> Vec<u64> {
    let Ok((numbers, mut place)) = head(input) else { return vec![] };
    let (mut pages, mut seen) = (vec![], HashSet::new());
    // A damaged chain may bite its own tail.
    while place != 0 && seen.len() < MOST_PAGES && seen.insert(place) {
        let Ok((kind, next)) = directory(input, numbers, place) else { break };
        const THUMBNAIL_OR_MASK: u64 = 1 | 4;
        if kind & THUMBNAIL_OR_MASK == 0 {
            pages.push(place);
        }
        place = next;
    }
    pages
}

/// What kind of picture the directory at `place` is of, and where the next directory is.
fn directory(
    input: &mut (impl Read + Seek),
    numbers: Numbers,
    place: u64,
) -> io::Result<(u64, u64)> {
    input.seek(SeekFrom::Start(place))?;
    let entries = numbers.read(input, if numbers.is_big { 8 } else { 2 })?;
    if entries > MOST_ENTRIES {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut kind = 0;
    for _ in 0..entries {
        let mut entry = [0; 20];
        let entry = &mut entry[..4 + 2 * numbers.place()];
        input.read_exact(entry)?;
        // The value stands in the entry's last bytes, from the left.
        let value = |bytes| numbers.whole(&entry[4 + numbers.place()..][..bytes]);
        match numbers.whole(&entry[..2]) {
            NEW_SUBFILE_TYPE => kind |= value(4),
            SUBFILE_TYPE if value(2) == 2 => kind |= 1,
            _ => {}
        }
    }
    Ok((kind, numbers.read(input, numbers.place())?))
}

/// A TIFF whose head names another directory as the first.
pub(super) struct Page<R> {
    inner: R,
    place: u64,
    head: Vec<u8>,
}

impl<R: Read + Seek> Page<R> {
    /// The file as it is.
    pub fn first(inner: R) -> Self {
        Self { inner, place: 0, head: vec![] }
    }

    /// The file with the directory at `page` as its first.
    pub fn new(mut inner: R, page: u64) -> io::Result<Self> {
        let (numbers, _) = head(&mut inner)?;
        inner.rewind()?;
        let mut head = vec![0; 2 * numbers.place()];
        inner.read_exact(&mut head)?;
        let bytes = if numbers.is_little { page.to_le_bytes() } else { page.to_be_bytes() };
        let within = if numbers.is_little { 0 } else { 8 - numbers.place() };
        head[numbers.place()..].copy_from_slice(&bytes[within..][..numbers.place()]);
        inner.rewind()?;
        Ok(Self { inner, place: 0, head })
    }
}

impl<R: Read + Seek> Read for Page<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let head = usize::try_from(self.place).ok().and_then(|place| self.head.get(place..));
        if let Some(head) = head.filter(|head| !head.is_empty()) {
            let count = head.len().min(buffer.len());
            buffer[..count].copy_from_slice(&head[..count]);
            self.seek(SeekFrom::Start(self.place + count as u64))?;
            return Ok(count);
        }
        let count = self.inner.read(buffer)?;
        self.place += count as u64;
        Ok(count)
    }
}

impl<R: Read + Seek> Seek for Page<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.place = self.inner.seek(to)?;
        Ok(self.place)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;

    use super::*;

    /// A TIFF of pictures of a pixel each, the value of which is its page's number, and with a directory
    /// of this kind for each.
    fn stack(is_little: bool, is_big: bool, kinds: &[u32]) -> Vec<u8> {
        let whole = |number: u64, bytes: usize| match is_little {
            true => number.to_le_bytes()[..bytes].to_vec(),
            false => number.to_be_bytes()[8 - bytes..].to_vec(),
        };
        let place = if is_big { 8 } else { 4 };
        let mut bytes = if is_little { b"II".to_vec() } else { b"MM".to_vec() };
        bytes.extend(whole(if is_big { 43 } else { 42 }, 2));
        if is_big {
            bytes.extend([whole(8, 2), whole(0, 2)].concat());
        }
        for (page, kind) in kinds.iter().enumerate() {
            // The directory comes behind its place and the one pixel.
            let pixel = bytes.len() + place;
            bytes.extend(whole(pixel as u64 + 1, place));
            bytes.push(page as u8);
            const TAGS: [(u64, u64); 8] =
                [(254, 0), (256, 1), (257, 1), (258, 8), (259, 1), (262, 1), (273, 0), (279, 1)];
            bytes.extend(whole(TAGS.len() as u64, if is_big { 8 } else { 2 }));
            for (tag, value) in TAGS {
                let value = match tag {
                    254 => u64::from(*kind),
                    273 => pixel as u64,
                    _ => value,
                };
                let mut entry =
                    [whole(tag, 2), whole(4, 2), whole(1, place), whole(value, 4)].concat();
                entry.resize(4 + 2 * place, 0);
                bytes.extend(entry);
            }
        }
        bytes.extend(whole(0, place));
        bytes
    }

    fn value(bytes: &[u8], page: u64) -> u8 {
        let page = Page::new(Cursor::new(bytes), page).expect("has a head");
        let reader =
            image::ImageReader::with_format(io::BufReader::new(page), image::ImageFormat::Tiff);
        reader.decode().expect("a page").into_luma8()[(0, 0)][0]
    }

    #[test]
    fn every_page_is_read_in_each_kind_of_tiff() {
        for (is_little, is_big) in [(true, false), (false, false), (true, true), (false, true)] {
            let bytes = stack(is_little, is_big, &[0, 2, 1, 4, 2]);
            let pages = pages(&mut Cursor::new(&bytes));
            let values: Vec<u8> = pages.iter().map(|page| value(&bytes, *page)).collect();
            assert_eq!(values, [0, 1, 4], "thumbnail and mask are none");
        }
    }

    proptest! {
        /// Whatever its directories say, a page is a picture or none, and no place beyond the file is read.
        #[test]
        fn no_damage_is_too_strange(
            is_little in any::<bool>(),
            is_big in any::<bool>(),
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
            cut in any::<prop::sample::Index>(),
        ) {
            let mut bytes = stack(is_little, is_big, &[0, 2]);
            for (place, byte) in changes {
                let place = place.index(bytes.len());
                bytes[place] = byte;
            }
            for bytes in [&bytes[..], &bytes[..cut.index(bytes.len())]] {
                for page in pages(&mut Cursor::new(bytes)) {
                    prop_assert!(page < bytes.len() as u64);
                    let page = Page::new(Cursor::new(bytes), page).expect("has a head");
                    let format = image::ImageFormat::Tiff;
                    let _ = image::ImageReader::with_format(io::BufReader::new(page), format).decode();
                }
            }
        }
    }

    #[test]
    fn damaged_chains_end() {
        let bytes = stack(true, false, &[0; 3]);
        for length in 0..bytes.len() {
            assert!(pages(&mut Cursor::new(&bytes[..length])).len() <= 3);
        }
        let mut circle = bytes.clone();
        let end = circle.len() - 4;
        circle.copy_within(4..8, end);
        assert_eq!(pages(&mut Cursor::new(&circle)).len(), 3);
    }
}
