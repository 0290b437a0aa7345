//! What there is of a run, read from its folder.

use std::fs;
use std::path::Path;

use super::measures;
use crate::error::{Error, Result};
use crate::file;
use crate::run::{MetricsFile, ProfileFile, RunFile, checkpoint, unfinished};
use crate::train::Config;

/// The most bytes of options.
const MOST_OPTIONS: u64 = Config::MOST_BYTES as u64;
/// The most bytes of a picture's file.
const MOST_PICTURE: u64 = 64 << 20;

/// A picture of a run.
pub(super) struct Picture {
    /// Its name in the run folder.
    pub name: String,
    /// What it shows, where that is known.
    pub caption: Option<&'static str>,
    /// The file as it is, a PNG.
    pub bytes: Vec<u8>,
    pub width: u32,
    pub height: u32,
}

/// What there is of a run.
pub(super) struct Contents {
    /// The folder's name.
    pub title: String,
    pub metrics: Option<MetricsFile>,
    /// The options, as `config.toml` has them.
    pub config: Option<String>,
    pub profile: Option<ProfileFile>,
    /// What the model says of itself, and the bytes of its file.
    pub model: Option<(checkpoint::Header, u64)>,
    /// That it was broken off, where it was.
    pub unfinished: Option<String>,
    pub pictures: Vec<Picture>,
}

impl Contents {
    /// Reads the run in `folder`.
    pub fn read(folder: &Path) -> Result<Self> {
        if !folder.is_dir() {
            let what = if folder.exists() { "is a file" } else { "does not exist" };
            return Err(Error::file(folder, format!("{what}; name the folder of a run")));
        }
        let path = |file: RunFile| Some(folder.join(file.name())).filter(|path| path.exists());
        let model = path(RunFile::Model).map(|path| read_model(&path)).transpose()?;
        let this = Self {
            unfinished: model.as_ref().and_then(|(header, _)| {
                let config = Config::from_toml(&header.config, folder).ok()?;
                unfinished(folder, header, &config)
            }),
            title: title(folder),
            metrics: path(RunFile::Metrics).map(|path| MetricsFile::load(&path)).transpose()?,
            config: path(RunFile::Config).map(|path| read_text(&path)).transpose()?,
            profile: path(RunFile::Profile).map(|path| ProfileFile::load(&path)).transpose()?,
            model,
            pictures: pictures(folder)?,
        };
        if this.metrics.is_none() && this.config.is_none() && this.model.is_none() {
            let what = "holds no run; name a folder that training has written to";
            return Err(Error::file(folder, what));
        }
        Ok(this)
    }
}

fn title(folder: &Path) -> String {
    let full = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_path_buf());
    full.file_name().map_or_else(|| "run".into(), |name| name.to_string_lossy().into_owned())
}

fn read(path: &Path, most: u64) -> Result<Vec<u8>> {
    file::read(path, most).map_err(|error| {
        Error::file(path, format!("cannot be read: {error}; make the run anew, or remove it"))
    })
}

fn read_text(path: &Path) -> Result<String> {
    let text = String::from_utf8(read(path, MOST_OPTIONS)?);
    let text =
        text.map_err(|_| Error::file(path, "is no text; make the run anew, or remove it"))?;
    // What is shown as options must be some.
    match toml::from_str::<toml::Table>(&text) {
        Ok(_) => Ok(text),
        Err(error) => Err(Error::file(path, format!("holds no options: {}", error.message()))),
    }
}

fn read_model(path: &Path) -> Result<(checkpoint::Header, u64)> {
    let header = checkpoint::read_header(path)?;
    let bytes = fs::metadata(path).map_or(0, |metadata| metadata.len());
    Ok((header, bytes))
}

/// The pictures of a run: those that training and other tasks write, then whatever other PNG files
/// lie beside them, by name.
fn pictures(folder: &Path) -> Result<Vec<Picture>> {
    let known = RunFile::ALL.map(RunFile::name);
    let known = || known.iter().filter(|name| is_png(Path::new(name)));
    let entries = fs::read_dir(folder)
        .map_err(|error| Error::file(folder, format!("cannot be listed: {error}")))?;
    let mut others: Vec<String> = entries
        .flatten()
        .filter(|entry| is_png(&entry.path()) && entry.path().is_file())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| known().all(|known| known != name))
        .collect();
    others.sort_unstable();
    // The loss is drawn as curves, where there are numbers.
    let has_curves = folder.join(RunFile::Metrics.name()).exists();
    let shown = |name: &str| !(has_curves && name == RunFile::Loss.name());
    let names = known().map(|name| (*name).to_owned()).chain(others);
    // One that is not shown is read as well: a damaged one is to be found.
    let read = names.filter(|name| folder.join(name).exists());
    let read: Result<Vec<Picture>> = read.map(|name| Picture::read(folder, name)).collect();
    Ok(read?.into_iter().filter(|picture| shown(&picture.name)).collect())
}

fn is_png(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("png"))
}

impl Picture {
    /// Reads a picture, and decodes it to know that it is whole.
    fn read(folder: &Path, name: String) -> Result<Self> {
        let path = folder.join(&name);
        let bytes = read(&path, MOST_PICTURE)?;
        let decoded = image::load_from_memory_with_format(&bytes, image::ImageFormat::Png);
        let decoded = decoded.map_err(|error| {
            Error::file(&path, format!("is damaged ({error}); make it anew, or remove it"))
        })?;
        let (width, height) = (decoded.width(), decoded.height());
        Ok(Self { caption: measures::caption(&name), name, bytes, width, height })
    }
}
