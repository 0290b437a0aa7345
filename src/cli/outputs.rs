//! What a task writes to: looked at before the work, so that none is done in vain.

use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::path::{MAIN_SEPARATOR, Path, PathBuf};

use crate::data::ImageShape;
use crate::error::{Error, Result};
use crate::file::{
    FileId, PictureFormat, check_writable, is_standard_output, nearest, write_atomically,
};
use crate::plot;
use crate::run::{LOCK_FILE, RunFile, note, say_on_standard_error};
use crate::tasks::files::{Input, Outputs, is_read};
use crate::tasks::{DeepRaster, Raster};
use crate::tensor::Tensor;

/// Names that are told where pictures are numbered; of more, how many.
const TOLD: usize = 10;

/// Writes each of `images` to a file of its own, of which the first has the number `first`.
///
/// # Errors
/// When one cannot be written.
pub(super) fn save_all(
    images: &Tensor,
    shape: ImageShape,
    outputs: &Outputs,
    first: usize,
) -> Result<()> {
    for (number, image) in images.data().chunks(shape.elements()).enumerate() {
        save(&Raster::of_numbers(image, shape), &outputs.path(first + number, 0))?;
    }
    Ok(())
}

/// Writes a picture; its folder is made where it is missing.
///
/// # Errors
/// When it cannot be written.
pub(super) fn save(picture: &Raster, path: &Path) -> Result<()> {
    path.parent().map_or(Ok(()), make_folder)?;
    picture.save(path)
}

/// Writes what was made of `picture` in the form that it has; its folder is made where it is missing.
///
/// # Errors
/// When it cannot be written.
pub(super) fn save_as(picture: &DeepRaster, made: &Tensor, path: &Path) -> Result<()> {
    path.parent().map_or(Ok(()), make_folder)?;
    picture.save(made, path)
}

/// Makes `folder`, with those around it, where it is missing.
///
/// # Errors
/// When it cannot be made.
pub(super) fn make_folder(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).map_err(|error| {
        let what = format!("cannot be made: {error}; choose another folder with --out");
        Error::file(folder, what)
    })
}

/// Makes sure that files of `inputs` can be written and are none of what is read, `others` among it, and
/// says which have other names than their pictures.
///
/// # Errors
/// When one is read as well, or cannot be written.
pub(super) fn begin(
    outputs: &Outputs,
    inputs: &[Input],
    others: &[&Path],
    overwrite: bool,
) -> Result<()> {
    outputs.check(inputs, others, overwrite)?;
    for input in outputs.numbered().iter().take(TOLD) {
        let (from, to) = (inputs[*input].path.display(), outputs.path(*input, 0));
        note(format_args!("{from} becomes {}, since another has its name", to.display()));
    }
    match outputs.numbered().len().saturating_sub(TOLD) {
        0 => {}
        more => note(format_args!("{more} more are numbered, since others have their names")),
    }
    Ok(())
}

/// Of so many inputs, those that are `missing`, after saying how many are not.
pub(super) fn still_to_do(missing: Vec<usize>, inputs: usize) -> Vec<usize> {
    match inputs - missing.len() {
        0 => {}
        done => note(format_args!("{done} of {inputs} are there already, and left as they are")),
    }
    missing
}

/// Refuses what is no folder for files, and a folder that pictures are read from, where what is written
/// would be read the next time.
///
/// # Errors
/// When `out` is standard output, or one of the folders among `inputs`.
pub(super) fn check_apart(inputs: &[PathBuf], out: &Path, overwrite: bool) -> Result<()> {
    if is_standard_output(out) {
        let what = "takes a folder, since there may be several files; - is for a single one";
        return Err(Error::option("--out", what));
    }
    let own = FileId::of(out);
    let is_same = |input: &&PathBuf| input.is_dir() && own.is_some() && FileId::of(input) == own;
    match inputs.iter().find(is_same) {
        Some(_) if !overwrite => {
            let what = "is the folder of the pictures themselves; choose another folder with --out, \
                        or give --overwrite";
            Err(Error::file(out, what))
        }
        _ => Ok(()),
    }
}

/// Whether `--out` names a folder, there or not, by what is there or by its name: `x/`, or a name
/// without an ending.
pub(super) fn is_folder(out: &Path) -> bool {
    let ends_as_one = out.as_os_str().to_string_lossy().ends_with(['/', MAIN_SEPARATOR]);
    let is_new = !out.exists() && !out.is_symlink();
    let has_no_ending = out.extension().is_none() && is_new && !is_standard_output(out);
    ends_as_one || out.is_dir() || has_no_ending
}

/// The files of a run that must not be lost.
pub(super) fn files_of_run(folder: &Path) -> Vec<PathBuf> {
    let files = [RunFile::Model, RunFile::Best, RunFile::Config, RunFile::Metrics, RunFile::Prior];
    let names = files.map(RunFile::name).into_iter().chain([LOCK_FILE]);
    names.map(|name| folder.join(name)).collect()
}

/// The format of a picture of this name; PNG for standard output and for devices, whose names say none.
///
/// # Errors
/// When a file's ending is none of a picture.
pub(super) fn format_of(path: &Path) -> Result<PictureFormat> {
    let is_file = !is_standard_output(path) && (path.is_file() || !path.exists());
    match PictureFormat::of(path, "--out") {
        Err(error) if is_file => Err(error),
        found => Ok(found.unwrap_or(PictureFormat::Png)),
    }
}

/// One file to be written, or standard output.
pub(super) struct Output {
    path: PathBuf,
    is_standard: bool,
}

impl Output {
    /// A file that can be written and is none of what is `read`. Its folder is made where it is missing;
    /// what else is printed goes to standard error where `-` stands for standard output.
    ///
    /// # Errors
    /// When it is a folder, is read as well, or cannot be written.
    pub fn prepare(path: &Path, read: &[PathBuf]) -> Result<Self> {
        let is_standard = is_standard_output(path);
        if is_standard {
            say_on_standard_error();
            return Ok(Self { path: path.to_path_buf(), is_standard });
        }
        if path.is_dir() || path.as_os_str().to_string_lossy().ends_with(['/', MAIN_SEPARATOR]) {
            return Err(Error::file(path, "is a folder; name a file in it"));
        }
        let id = FileId::of(path);
        if id.is_some() && read.iter().any(|read| FileId::of(read) == id) {
            return Err(is_read(path, false));
        }
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            let around = nearest(folder);
            if !around.is_dir() {
                let what = "is a file where a folder is needed; choose another one with --out";
                return Err(Error::file(around, what));
            }
            make_folder(folder)?;
        }
        check_writable(path)?;
        Ok(Self { path: path.to_path_buf(), is_standard })
    }

    /// Writes it, whole or not at all. A reader of standard output that has gone away is no failure.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
        if !self.is_standard {
            return write_atomically(&self.path, write);
        }
        let mut bytes = vec![];
        let written = write(&mut bytes).and_then(|()| {
            let mut out = io::stdout().lock();
            out.write_all(&bytes).and_then(|()| out.flush())
        });
        match written {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(Error::file("standard output", format!("cannot be written: {error}")))
            }
            _ => Ok(()),
        }
    }

    /// Its name, for what goes beside it; `None` for standard output.
    pub fn path(&self) -> Option<&Path> {
        (!self.is_standard).then_some(&self.path)
    }
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.is_standard {
            true => f.write_str("standard output"),
            false => write!(f, "{}", self.path.display()),
        }
    }
}

/// One picture to be written, in the format that its name says.
pub(super) struct PictureFile {
    file: Output,
    format: PictureFormat,
}

impl PictureFile {
    /// A file that can be written, and is none of what is `read`.
    ///
    /// # Errors
    /// When its ending is none of a picture, and as [`Output::prepare`].
    pub fn prepare(path: &Path, read: &[PathBuf]) -> Result<Self> {
        let format = format_of(path)?;
        Ok(Self { file: Output::prepare(path, read)?, format })
    }

    /// Makes sure that the format can hold the sheet of so many images.
    ///
    /// # Errors
    /// When it cannot.
    pub fn check_sheet(&self, image: ImageShape, count: usize, columns: usize) -> Result<()> {
        let singly = "write single files into a folder, as with --out samples/";
        let (width, height) = plot::sheet_size(image, count, columns)
            .map_err(|error| Error::option("--out", format!("{error}; {singly}")))?;
        let most = self.format.longest_side();
        if width.max(height) <= most {
            return Ok(());
        }
        let name = self.format.name();
        let what = format!("would be {width}x{height}, and a {name} has {most} pixels a side");
        Err(Error::option("--out", format!("{what} at the most; name it .png, or {singly}")))
    }

    /// Writes images in rows of so many, each at its own size or enlarged.
    ///
    /// # Errors
    /// When there are too many, or the file cannot be written.
    pub fn write_sheet(&self, images: &Tensor, columns: usize) -> Result<()> {
        self.write(&plot::sheet(images, columns)?.into())
    }

    /// Writes a picture.
    ///
    /// # Errors
    /// When it is too large for the format, or the file cannot be written.
    pub fn write(&self, picture: &image::DynamicImage) -> Result<()> {
        let bytes = self.format.encode(picture, &self.file.path)?;
        self.file.write(|out| out.write_all(&bytes))
    }

    /// The file.
    pub fn file(&self) -> &Output {
        &self.file
    }
}
