//! Pixels of many pictures in one file, image after image, which are read from it in any order.
//!
//! The file is the images, each of as many bytes; then an index of the pictures that they are of, as JSON; then a footer:
//! a word that names the format, where the index begins, how long it is, and its MD5. A file whose writer was stopped
//! has no footer, and one that was cut off has none at its end.
//!
//! It is read and not mapped into memory: what is read lies in memory only as long as it is used, and a disk that fails
//! is an error and no signal that ends the program.

use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use md5::{Digest, Md5};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use crate::error::{Error, Result};
use crate::file;
use crate::shape::ImageShape;

/// What the footer begins with.
const FORMAT: &[u8; 16] = b"diabolo pixels 1";
const FOOTER: u64 = 48;
/// The most bytes of an index, which has some dozens a picture.
const MOST_INDEX: u64 = 1 << 34;
/// Bytes that are rewritten at a time.
const PIECE: usize = 1 << 20;

/// What a file of pixels holds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Index {
    /// Where the pictures were, and how they were read, for people.
    pub source: String,
    /// The shape of each image.
    pub shape: ImageShape,
    /// By what each picture is known, in the order of their images.
    pub pictures: Vec<String>,
    /// How many images are of each picture; empty where one is of each.
    pub images: Vec<u32>,
    /// What was said of the pictures when they were decoded.
    pub remarks: Vec<String>,
}

impl Index {
    /// How many images there are.
    pub fn count(&self) -> usize {
        match self.images.is_empty() {
            true => self.pictures.len(),
            false => self.images.iter().map(|images| *images as usize).sum(),
        }
    }

    /// How many are of the picture of this number.
    pub fn images_of(&self, picture: usize) -> u32 {
        self.images.get(picture).copied().unwrap_or(1)
    }

    fn bytes(&self) -> Option<u64> {
        let image = u64::try_from(self.shape.elements()).ok()?;
        image.checked_mul(self.count() as u64)
    }
}

/// A file of pixels that is there as a whole. While it is open, [its lock](File::lock_shared) says so.
#[derive(Debug)]
pub(super) struct PixelFile {
    file: File,
    path: PathBuf,
    image_bytes: usize,
}

impl PixelFile {
    /// Opens the file, and reads what it holds; nothing where there is none.
    ///
    /// # Errors
    /// When there is a file that is none of these, or not whole, or cannot be read.
    pub fn open(path: &Path) -> io::Result<Option<(Self, Index)>> {
        let (file, length) = match file::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        // Where there are no locks, nobody is kept from removing it, which harms nothing on most systems.
        let _ = file.try_lock_shared();
        let index = read_index(&file, length)?;
        let image_bytes = index.shape.elements();
        Ok(Some((Self { file, path: path.to_path_buf(), image_bytes }, index)))
    }

    /// Bytes of an image.
    pub fn image_bytes(&self) -> usize {
        self.image_bytes
    }

    /// Reads the images of these numbers.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn read(&self, images: &[u32], into: &mut [u8]) -> Result<()> {
        let each = into.par_chunks_exact_mut(self.image_bytes).zip(images);
        let done = each.try_for_each(|(image, number)| {
            read_at(&self.file, image, u64::from(*number) * self.image_bytes as u64)
        });
        done.map_err(|error| {
            let what = format!(
                "cannot be read: {error}; if that stays so, remove it by `diabolo cache --clear`, and the \
                 pictures are decoded again"
            );
            Error::file(&self.path, what)
        })
    }

    /// Has the system bring these images to memory meanwhile, as far as it likes.
    #[cfg(target_os = "linux")]
    pub fn expect(&self, images: &[u32]) {
        use rustix::fs::{Advice, fadvise};
        let length = std::num::NonZeroU64::new(self.image_bytes as u64);
        for number in images {
            let start = u64::from(*number) * self.image_bytes as u64;
            // Advice: without it, they are read when they are needed.
            let _ = fadvise(&self.file, start, length, Advice::WillNeed);
        }
    }

    /// Has the system bring these images to memory meanwhile, where it can be told.
    #[cfg(not(target_os = "linux"))]
    pub fn expect(&self, _images: &[u32]) {}
}

/// What a file holds without its pixels being read.
///
/// # Errors
/// As [`PixelFile::open`].
fn read_index(mut file: &File, length: u64) -> io::Result<Index> {
    let wrong = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    let end = length.checked_sub(FOOTER).ok_or_else(|| wrong("it is too short"))?;
    let mut footer = [0; FOOTER as usize];
    file.seek(SeekFrom::Start(end))?;
    file.read_exact(&mut footer)?;
    let (format, rest) = footer.split_at(FORMAT.len());
    if format != FORMAT {
        return Err(wrong("it is no file of pixels, or of another version, or was cut off"));
    }
    let number = |at: usize| {
        let bytes = rest[at..][..8].try_into().expect("eight bytes are eight");
        u64::from_le_bytes(bytes)
    };
    let (start, size) = (number(0), number(8));
    if start.checked_add(size) != Some(end) || size > MOST_INDEX {
        return Err(wrong("its parts do not make up its length"));
    }
    file.seek(SeekFrom::Start(start))?;
    let mut text = vec![];
    file.take(size).read_to_end(&mut text)?;
    if Md5::digest(&text)[..] != rest[16..] {
        return Err(wrong("its index is damaged"));
    }
    let index: Index = serde_json::from_slice(&text).map_err(|_| wrong("its index is damaged"))?;
    let fits = index.images.is_empty() || index.images.len() == index.pictures.len();
    // Images are numbered by 32 bits, wherever they come from.
    let fits = fits && u32::try_from(index.count()).is_ok();
    if !fits || index.shape.elements() == 0 || index.bytes() != Some(start) {
        return Err(wrong("its index does not say as many images as there are"));
    }
    Ok(index)
}

#[cfg(unix)]
fn read_at(file: &File, into: &mut [u8], start: u64) -> io::Result<()> {
    use std::os::unix::fs::FileExt;
    file.read_exact_at(into, start)
}

#[cfg(windows)]
fn read_at(file: &File, mut into: &mut [u8], mut start: u64) -> io::Result<()> {
    use std::os::windows::fs::FileExt;
    while !into.is_empty() {
        match file.seek_read(into, start)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => {
                into = &mut into[count..];
                start += count as u64;
            }
        }
    }
    Ok(())
}

/// A file of pixels that is being written, which has no name until it is whole.
pub(super) struct PixelWriter {
    file: NamedTempFile,
    /// The same file.
    writer: BufWriter<File>,
}

impl PixelWriter {
    /// A file in `folder`.
    ///
    /// # Errors
    /// When there can be none.
    pub fn new(folder: &Path) -> io::Result<Self> {
        let file = file::temporary_file(folder)?;
        let writer = BufWriter::with_capacity(PIECE, file.as_file().try_clone()?);
        Ok(Self { file, writer })
    }

    /// Adds bytes of images.
    ///
    /// # Errors
    /// When the disk is full or fails.
    pub fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.writer.write_all(bytes)
    }

    /// The same file with each plane of so many bytes as often as `times` says: images so far are gray, and others
    /// have colours.
    ///
    /// # Errors
    /// When the disk is full or fails.
    pub fn with_planes_repeated(
        mut self,
        folder: &Path,
        plane: usize,
        times: usize,
    ) -> io::Result<Self> {
        self.writer.flush()?;
        let mut old = io::BufReader::with_capacity(PIECE, self.file.as_file());
        old.rewind()?;
        let mut new = Self::new(folder)?;
        let mut buffer = vec![0; plane];
        loop {
            match old.read_exact(&mut buffer) {
                Ok(()) => (0..times).try_for_each(|_| new.push(&buffer))?,
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(new),
                Err(error) => return Err(error),
            }
        }
    }

    /// Ends the file, and gives it its name once it is on the disk.
    ///
    /// # Errors
    /// When the disk is full or fails.
    pub fn finish(mut self, index: &Index, path: &Path) -> io::Result<()> {
        let start = index.bytes().ok_or(io::ErrorKind::FileTooLarge)?;
        let text = serde_json::to_vec(index)?;
        self.writer.write_all(&text)?;
        self.writer.write_all(FORMAT)?;
        self.writer.write_all(&start.to_le_bytes())?;
        self.writer.write_all(&(text.len() as u64).to_le_bytes())?;
        self.writer.write_all(&Md5::digest(&text))?;
        self.writer.flush()?;
        self.file.as_file().sync_all()?;
        self.file.persist(path).map_err(|error| error.error)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn written(folder: &Path) -> (PathBuf, Index) {
        let path = folder.join("a.pixels");
        let index = Index {
            source: "images:a".into(),
            shape: ImageShape { channels: 1, height: 2, width: 3 },
            pictures: vec!["aa".into(), "bb".into()],
            images: vec![1, 2],
            remarks: vec!["gray".into()],
        };
        let mut writer = PixelWriter::new(folder).expect("writable");
        writer.push(&(0..18).collect::<Vec<u8>>()).expect("writable");
        writer.finish(&index, &path).expect("writable");
        (path, index)
    }

    #[test]
    fn images_are_read_in_any_order() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, index) = written(folder.path());
        let (file, read) = PixelFile::open(&path).expect("whole").expect("there");
        assert_eq!((read.count(), &read), (3, &index));
        let mut pixels = [0; 12];
        file.expect(&[2, 0]);
        file.read(&[2, 0], &mut pixels).expect("readable");
        assert_eq!(pixels, [12, 13, 14, 15, 16, 17, 0, 1, 2, 3, 4, 5]);
        assert!(PixelFile::open(&folder.path().join("none")).expect("no error").is_none());
    }

    #[test]
    fn whatever_is_cut_off_or_changed_behind_the_pixels_is_noticed() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, _) = written(folder.path());
        let whole = fs::read(&path).expect("readable");
        for length in 0..whole.len() {
            fs::write(&path, &whole[..length]).expect("writable");
            PixelFile::open(&path).expect_err("is not whole");
        }
        for at in 18..whole.len() {
            let mut other = whole.clone();
            other[at] ^= 4;
            fs::write(&path, &other).expect("writable");
            PixelFile::open(&path).expect_err("is damaged");
        }
        fs::write(&path, [&whole[..18], &[0; 6], &whole[18..]].concat()).expect("writable");
        PixelFile::open(&path).expect_err("is longer");
    }

    #[test]
    fn gray_images_become_three_channels() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut writer = PixelWriter::new(folder.path()).expect("writable");
        writer.push(&[1, 2, 3, 4]).expect("writable");
        let mut writer =
            writer.with_planes_repeated(folder.path(), 2, 3).expect("readable and writable");
        writer.push(&[5; 6]).expect("writable");
        let shape = ImageShape { channels: 3, height: 1, width: 2 };
        let pictures = ["a", "b", "c"].map(String::from).to_vec();
        let path = folder.path().join("b.pixels");
        writer.finish(&Index { shape, pictures, ..Index::default() }, &path).expect("writable");
        let (file, _) = PixelFile::open(&path).expect("whole").expect("there");
        let mut pixels = [0; 18];
        file.read(&[0, 1, 2], &mut pixels).expect("readable");
        assert_eq!(pixels, [1, 2, 1, 2, 1, 2, 3, 4, 3, 4, 3, 4, 5, 5, 5, 5, 5, 5]);
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1, "nothing is left");
    }
}
