//! Images as they are decoded: kept in memory, or once they are more than may be, in a file of the cache, or nowhere.

use std::collections::HashMap;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use super::anew::{Anew, Place};
use super::load_options::LoadOptions;
use super::partition::Member;
use super::parts::widen;
use super::picture::Picture;
use super::pixel_cache::{Claim, Key, PixelCache, free_bytes};
use super::pixel_file::{Index, PixelFile, PixelWriter};
use super::stored::{Rows, Stored};
use super::storing::{MemorySize, in_words};
use crate::error::{Error, Result};
use crate::shape::{ImageShape, MAX_BYTES};

/// Where images go as they are decoded.
pub(super) struct Gathering<'a> {
    folder: &'a Path,
    members: &'a [&'a Member],
    options: &'a LoadOptions,
    /// By what each picture is known.
    identities: Vec<String>,
    key: Key,
    kept: Kept,
    /// That of all so far.
    shape: Option<ImageShape>,
    /// How many are of each picture so far.
    counts: Vec<u32>,
    count: usize,
}

/// What there is of the images so far.
enum Kept {
    Memory(Vec<u8>),
    File {
        writer: PixelWriter,
        cache: PixelCache,
        claim: Claim,
    },
    Nowhere,
    /// All of them, since another process has decoded them meanwhile.
    Found(PixelFile, Box<Index>),
}

/// By what a picture is known: its bytes, those of its partner, and what decides where parts are cut from it.
fn identity(member: &Member, options: &LoadOptions) -> String {
    let mut words = member.file.md5.clone();
    if let Some(clean) = &member.file.clean {
        words = format!("{words} {clean}");
    }
    match options.patches {
        Some(_) => format!("{words} {}", member.number),
        None => words,
    }
}

impl<'a> Gathering<'a> {
    /// For these pictures of a folder.
    pub fn new(folder: &'a Path, members: &'a [&'a Member], options: &'a LoadOptions) -> Self {
        let identities: Vec<String> =
            members.iter().map(|member| identity(member, options)).collect();
        let key = Key::of(&identities, options);
        let kept = Kept::Memory(vec![]);
        let (shape, counts) = (None, Vec::with_capacity(members.len()));
        Self { folder, members, options, identities, key, kept, shape, counts, count: 0 }
    }

    /// All of their images, where the cache has them.
    ///
    /// # Errors
    /// When its file lacks some.
    pub fn known(&self) -> Result<Option<Gathered>> {
        // Whether the user has a folder matters once it is needed.
        let Ok(Some(folder)) = self.options.storing.cache.folder() else { return Ok(None) };
        let found = PixelCache { folder }.find(&self.key);
        let of_file = |(file, index)| Gathered::of_file(file, &index, &self.identities);
        found.map(of_file).transpose()
    }

    /// The shape of those so far.
    pub fn shape(&self) -> Option<ImageShape> {
        self.shape
    }

    /// How many there are so far.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Whether none need be decoded any more.
    pub fn is_found(&self) -> bool {
        matches!(self.kept, Kept::Found(..))
    }

    /// Adds the images of the next picture.
    ///
    /// # Errors
    /// When the disk is full or fails, or there is no room for so many.
    pub fn push(&mut self, parts: &[Picture]) -> Result<()> {
        let Some(given) = parts.first().map(|part| part.shape) else { return Ok(()) };
        let shape = match self.shape {
            Some(so_far) if given.channels > so_far.channels => {
                self.repeat_planes(so_far, given.channels / so_far.channels)?;
                ImageShape { channels: given.channels, ..so_far }
            }
            so_far => so_far.unwrap_or(given),
        };
        self.shape = Some(shape);
        self.counts.push(parts.len() as u32);
        self.count += parts.len();
        self.make_room()?;
        let mut done = Ok(());
        for part in parts {
            match &mut self.kept {
                Kept::Memory(pixels) => {
                    widen(part, shape.channels, |plane| pixels.extend_from_slice(plane));
                }
                Kept::File { writer, .. } => widen(part, shape.channels, |plane| {
                    if done.is_ok() {
                        done = writer.push(plane);
                    }
                }),
                Kept::Nowhere | Kept::Found(..) => {}
            }
        }
        match (done, &self.kept) {
            (Err(error), Kept::File { cache, .. }) => Err(self.room(&cache.folder).lacking(&error)),
            _ => Ok(()),
        }
    }

    /// Leaves the memory where that is not for so many.
    fn make_room(&mut self) -> Result<()> {
        let expected = self.room(self.folder).bytes();
        let limit = self.options.storing.memory.0.min(MAX_BYTES);
        let Kept::Memory(pixels) = &mut self.kept else { return Ok(()) };
        if expected <= limit {
            if self.options.patches.is_none() && pixels.is_empty() {
                pixels.reserve_exact(usize::try_from(expected).unwrap_or(0));
            }
            return Ok(());
        }
        let pixels = std::mem::take(pixels);
        self.kept = match self.options.storing.cache.folder()? {
            None => Kept::Nowhere,
            Some(folder) => self.file_in(PixelCache { folder }, &pixels)?,
        };
        Ok(())
    }

    /// A file that begins with these pixels.
    fn file_in(&self, cache: PixelCache, pixels: &[u8]) -> Result<Kept> {
        let claim = cache.claim(&self.key)?;
        if let Some((file, index)) = cache.find(&self.key) {
            return Ok(Kept::Found(file, Box::new(index)));
        }
        let room = self.room(&cache.folder);
        if let Some(free) = free_bytes(&cache.folder).filter(|free| *free < room.bytes()) {
            return Err(room.lacking(&format!("there are {} free", in_words(free))));
        }
        let path = cache.path(&self.key);
        log::info!("{} of pixels go to {}", in_words(room.bytes()), path.display());
        let writer = PixelWriter::new(&cache.folder).and_then(|mut writer| {
            writer.push(pixels)?;
            Ok(writer)
        });
        let writer = writer.map_err(|error| room.lacking(&error))?;
        Ok(Kept::File { writer, cache, claim })
    }

    /// Makes gray images of so far ones in colour.
    fn repeat_planes(&mut self, shape: ImageShape, times: usize) -> Result<()> {
        let plane = shape.height * shape.width;
        let kept = std::mem::replace(&mut self.kept, Kept::Nowhere);
        self.kept = match kept {
            Kept::Memory(pixels) => {
                Kept::Memory(pixels.chunks(plane).flat_map(|plane| plane.repeat(times)).collect())
            }
            Kept::File { writer, cache, claim } => {
                let writer = writer.with_planes_repeated(&cache.folder, plane, times);
                let writer = writer.map_err(|error| self.room(&cache.folder).lacking(&error))?;
                Kept::File { writer, cache, claim }
            }
            other => other,
        };
        Ok(())
    }

    /// What all images take in a cache folder, as far as it is known how many there will be.
    fn room<'b>(&self, cache: &'b Path) -> Room<'b> {
        let count = self.count.max(self.members.len());
        Room { cache, count, shape: self.shape.unwrap_or_default() }
    }

    /// Ends it, when all pictures have been added, of which this was said.
    ///
    /// # Errors
    /// When the disk is full or fails, or there are no images.
    pub fn finish(self, remarks: Vec<String>) -> Result<Gathered> {
        let Self { identities, shape, counts, kept, key, .. } = self;
        if let Kept::Found(file, index) = kept {
            return Gathered::of_file(file, &index, &identities);
        }
        let none = || Error::option("--data", "there are no images; give a folder that has some");
        let gathered = Gathered::in_order(shape.ok_or_else(none)?, counts, remarks);
        Ok(match kept {
            Kept::Memory(pixels) => Gathered { pixels, ..gathered },
            Kept::File { writer, cache, claim } => {
                let index = gathered.index(self.folder, identities);
                let room = Room { cache: &cache.folder, count: index.count(), shape: index.shape };
                let file = named(writer, &index, &cache.path(&key));
                let file = file.map_err(|error| room.lacking(&error))?;
                // Who waited finds it there.
                drop(claim);
                Gathered { rows: Some(Arc::new(Rows::File(file))), ..gathered }
            }
            Kept::Nowhere | Kept::Found(..) => {
                let pictures = anew(self.members, &gathered, self.options);
                Gathered { rows: Some(Arc::new(Rows::Pictures(Box::new(pictures)))), ..gathered }
            }
        })
    }
}

/// Ends a file, which then has this name.
fn named(writer: PixelWriter, index: &Index, path: &Path) -> io::Result<PixelFile> {
    writer.finish(index, path)?;
    let (file, _) = PixelFile::open(path)?.ok_or(io::ErrorKind::NotFound)?;
    Ok(file)
}

/// What images take in a cache folder.
struct Room<'a> {
    cache: &'a Path,
    count: usize,
    shape: ImageShape,
}

impl Room<'_> {
    fn bytes(&self) -> u64 {
        (self.count as u64).saturating_mul(self.shape.elements() as u64)
    }

    /// What is said where there is none for all of them.
    fn lacking(&self, why: &dyn std::fmt::Display) -> Error {
        let bytes = self.bytes();
        let in_memory = MemorySize(((bytes >> 20) + 1) << 20);
        let what = format!(
            "cannot be written: {why}; {} decoded images take {} there: make room, give another folder by \
             --cache DIR, --memory {in_memory} to keep them in memory, or --cache none to decode them anew \
             each time",
            self.count,
            in_words(bytes),
        );
        Error::file(self.cache, what)
    }
}

/// The pictures themselves, to be decoded whenever their images are asked for.
fn anew(members: &[&Member], gathered: &Gathered, options: &LoadOptions) -> Anew {
    let place = |member: &&Member| Place {
        path: member.path.clone(),
        partner: member.partner.clone(),
        number: member.number,
    };
    let places = members.iter().map(place).collect();
    Anew::new(places, &gathered.counts, gathered.shape, options.clone())
}

/// What is said of more images than can be numbered.
pub(super) fn too_many(shape: &ImageShape, count: usize) -> Error {
    let what = format!(
        "{count} images of {shape} are more than can be numbered or stored; give a smaller --size, or --limit"
    );
    Error::option("--data", what)
}

/// All images of some pictures.
pub(super) struct Gathered {
    /// The shape of each.
    pub shape: ImageShape,
    /// What was said of the pictures when they were decoded.
    pub remarks: Vec<String>,
    /// The first image of each picture, and how many it has.
    firsts: Vec<u32>,
    counts: Vec<u32>,
    /// In this order, where they are in memory.
    pixels: Vec<u8>,
    rows: Option<Arc<Rows>>,
}

/// The images of some of the pictures.
pub(super) struct Portion {
    /// How many are of each picture.
    pub counts: Vec<u32>,
    /// In memory.
    pub pixels: Vec<u8>,
    /// Or not.
    pub stored: Option<Stored>,
}

impl Gathered {
    /// So many images of each picture, one after the other.
    fn in_order(shape: ImageShape, counts: Vec<u32>, remarks: Vec<String>) -> Self {
        let starts = counts.iter().scan(0, |end, count| {
            *end += count;
            Some(*end - count)
        });
        let firsts = starts.collect();
        Self { shape, remarks, firsts, counts, pixels: vec![], rows: None }
    }

    /// What a file of them holds.
    fn index(&self, folder: &Path, pictures: Vec<String>) -> Index {
        let are_single = self.counts.iter().all(|count| *count == 1);
        let images = if are_single { vec![] } else { self.counts.clone() };
        let (shape, remarks) = (self.shape, self.remarks.clone());
        Index { source: folder.display().to_string(), shape, pictures, images, remarks }
    }

    /// Those of the pictures that are known by these words, from a file that has all of them.
    fn of_file(file: PixelFile, index: &Index, identities: &[String]) -> Result<Self> {
        let mut places: HashMap<&str, (u32, u32)> = HashMap::with_capacity(index.pictures.len());
        let mut first = 0;
        for (number, picture) in index.pictures.iter().enumerate() {
            let count = index.images_of(number);
            places.insert(picture, (first, count));
            first += count;
        }
        let found = identities.iter().map(|identity| places.get(identity.as_str()).copied());
        let found: Option<Vec<(u32, u32)>> = found.collect();
        let what = "a file of the cache lacks pictures that it is named for; clear it by `diabolo cache --clear`";
        let (firsts, counts) = found.ok_or_else(|| Error::Graph(what.into()))?.into_iter().unzip();
        let (shape, remarks) = (index.shape, index.remarks.clone());
        let rows = Some(Arc::new(Rows::File(file)));
        Ok(Self { shape, remarks, firsts, counts, pixels: vec![], rows })
    }

    /// The images of the first `count` pictures, and those of the others.
    pub fn split(mut self, count: usize) -> [Portion; 2] {
        let [first, second] = [0..count, count..self.counts.len()];
        let bytes = self.counts[..count].iter().map(|count| *count as usize).sum::<usize>()
            * self.shape.elements();
        let rest = if self.rows.is_some() { vec![] } else { self.pixels.split_off(bytes) };
        let pixels = std::mem::take(&mut self.pixels);
        [self.portion(first, pixels), self.portion(second, rest)]
    }

    fn portion(&self, pictures: Range<usize>, pixels: Vec<u8>) -> Portion {
        let counts = self.counts[pictures.clone()].to_vec();
        let stored = self.rows.as_ref().map(|rows| {
            let images = pictures.flat_map(|at| self.firsts[at]..self.firsts[at] + self.counts[at]);
            Stored::new(rows.clone(), images.collect(), self.shape)
        });
        Portion { counts, pixels, stored }
    }
}
