//! Where a task writes to that makes one file of each: one that was named, a folder, or beside each.

use std::path::{Path, PathBuf};

use image::DynamicImage;

use super::outputs::{Output, begin, format_of, is_folder, make_folder};
use crate::error::{Error, Result};
use crate::file::{FileId, PictureFormat, is_standard_output, write_whole};
use crate::tasks::files::{Input, Outputs, is_read};

/// What the user asked for.
#[derive(Clone, Copy)]
pub(super) enum Destinations<'a> {
    /// One file, of one input.
    File(&'a Path),
    /// A folder.
    Folder(&'a Path),
    /// The folder of each input.
    Beside,
}

/// Files that can be written.
pub(super) enum Places {
    /// One, and the format of a picture there.
    One(Output, PictureFormat),
    /// One of each.
    Many(Outputs),
}

impl<'a> Destinations<'a> {
    /// What `--out` means for these inputs.
    ///
    /// # Errors
    /// When it is one file for several inputs.
    pub fn choose(inputs: &[PathBuf], out: Option<&'a Path>) -> Result<Self> {
        let Some(out) = out else { return Ok(Self::Beside) };
        let is_one = inputs.len() == 1 && !inputs[0].is_dir();
        // A name without an ending is a folder's where there are several, else a file's.
        let is_new_file = is_one && !out.exists() && !out.to_string_lossy().ends_with('/');
        if is_one && (is_new_file || !is_folder(out)) {
            return Ok(Self::File(out));
        }
        if is_standard_output(out) || (out.exists() && !out.is_dir()) {
            let what = format!(
                "is {}, one file for several; name a folder, or leave it out for files beside those",
                out.display()
            );
            return Err(Error::option("--out", what));
        }
        Ok(Self::Folder(out))
    }

    /// The folder that was named.
    pub fn folder(&self) -> Option<&'a Path> {
        match self {
            Self::Folder(folder) => Some(folder),
            Self::File(_) | Self::Beside => None,
        }
    }

    /// Makes sure of all files: that they can be written, are none of what is read, and that those which
    /// are there may be replaced, as `is_replaceable` says by the file and by whether the user named it,
    /// or `overwrite`.
    ///
    /// # Errors
    /// When one is not so.
    pub fn prepare(
        self,
        inputs: &[Input],
        ending: &'static str,
        read: &[PathBuf],
        overwrite: bool,
        is_replaceable: impl Fn(&Path, bool) -> bool,
    ) -> Result<Places> {
        let check = |path: &Path, is_asked_for: bool| {
            if overwrite || !path.is_file() || is_replaceable(path, is_asked_for) {
                return Ok(());
            }
            let what = "is there, and would be written over; choose another place with --out, or \
                        give --overwrite";
            Err(Error::file(path, what))
        };
        let outputs = match self {
            Self::File(path) => {
                let own = inputs.iter().map(|input| input.path.clone());
                let own: Vec<PathBuf> = own.filter(|_| !overwrite).collect();
                let format = match ending {
                    "png" => format_of(path)?,
                    _ => PictureFormat::Png,
                };
                let id = FileId::of(path);
                if id.is_some() && own.iter().any(|own| FileId::of(own) == id) {
                    return Err(is_read(path, true));
                }
                let file = Output::prepare(path, read)?;
                file.path().map_or(Ok(()), |path| check(path, true))?;
                return Ok(Places::One(file, format));
            }
            Self::Folder(folder) => Outputs::place(inputs, folder, &[String::new()], ending),
            Self::Beside => Outputs::beside(inputs, ending),
        };
        let read: Vec<&Path> = read.iter().map(PathBuf::as_path).collect();
        begin(&outputs, inputs, &read, overwrite)?;
        outputs.all().try_for_each(|(_, path)| check(&path, false))?;
        Ok(Places::Many(outputs))
    }
}

impl Places {
    /// Inputs of which nothing is there.
    pub fn missing(&self) -> Vec<usize> {
        match self {
            Self::One(file, _) if file.path().is_some_and(Path::is_file) => vec![],
            Self::One(..) => vec![0],
            Self::Many(outputs) => outputs.missing(),
        }
    }

    /// Writes what is made of the input of this number, and says where.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, number: usize, bytes: &[u8]) -> Result<String> {
        match self {
            Self::One(file, _) => file.write(|out| out.write_all(bytes)).map(|()| file.to_string()),
            Self::Many(outputs) => {
                let path = outputs.path(number, 0);
                path.parent().map_or(Ok(()), make_folder)?;
                write_whole(&path, |out| out.write_all(bytes))?;
                Ok(path.display().to_string())
            }
        }
    }

    /// Writes a picture that is made of the input of this number, and says where.
    ///
    /// # Errors
    /// When it is too large for its format, or cannot be written.
    pub fn write_picture(&self, number: usize, picture: &DynamicImage) -> Result<String> {
        let (format, name) = match self {
            Self::One(file, format) => (*format, PathBuf::from(file.to_string())),
            Self::Many(outputs) => (PictureFormat::Png, outputs.path(number, 0)),
        };
        self.write(number, &format.encode(picture, &name)?)
    }
}
