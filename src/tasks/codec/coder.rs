//! A trained model as an image codec.

use std::path::Path;

use super::code_map::{CodeMap, LARGEST};
use super::container::{self, Header, Writer};
use super::entropy::Damage;
use super::integers;
use super::passes::{Passes, Slopes};
use super::prior::{Prior, fingerprint};
use super::quality::Quality;
use crate::data::ImageShape;
use crate::error::{Error, Result};
use crate::gpu::DeviceChoice;
use crate::inference::Task;
use crate::models::Model;
use crate::tasks::raster::Raster;
use crate::tasks::trained::Trained;
use crate::tasks::windows::Window;

/// A trained model as an image codec.
pub struct Codec {
    passes: Passes,
    prior: Prior,
    writer: Writer,
    quality: Quality,
    effort: usize,
}

/// The whole numbers that stand for a picture, and the bytes that stand for these.
#[derive(Clone)]
pub(super) struct Coded {
    pub map: CodeMap,
    /// Channels that bytes are of.
    pub told: usize,
    pub payload: Vec<u8>,
}

impl Codec {
    /// The codec that the model of the run in `folder` is, on the device that `choice` comes to.
    ///
    /// # Errors
    /// When there is no finished run, its codes are no whole numbers, or the device fails.
    pub fn load(folder: &Path, choice: &DeviceChoice) -> Result<Self> {
        Self::new(Trained::load(folder, choice)?)
    }

    /// The codec that a model is.
    ///
    /// # Errors
    /// When its codes are no whole numbers, or the device fails.
    pub fn new(mut trained: Trained) -> Result<Self> {
        let state = trained.executor().state()?;
        let model = trained.model();
        let channels = model.images().channels;
        if !matches!(channels, 1 | 3) {
            let what = format!("takes images of {channels} channels; pictures have 1 or 3");
            return Err(Error::option("--model", what));
        }
        let prior = Prior::new(model, &state)?;
        let writer = match trained.built_in() {
            Some(model) => Writer::BuiltIn(model),
            None => Writer::Own(fingerprint(model, &state)),
        };
        let (passes, quality) = (Passes::new(trained), Quality::TRAINED);
        Ok(Self { passes, prior, writer, quality, effort: 0 })
    }

    /// The model.
    pub fn model(&self) -> &Model {
        self.passes.trained.model()
    }

    /// The same, making files of this quality from here on.
    ///
    /// # Errors
    /// When the model's codes are those of a codebook, which have one.
    pub fn with_quality(mut self, quality: Quality) -> Result<Self> {
        if matches!(self.prior, Prior::Codebook { .. }) && quality != Quality::TRAINED {
            let what = "is for models trained with --quantise; the codes of a codebook have one";
            return Err(Error::option("--quality", what));
        }
        self.quality = quality;
        Ok(self)
    }

    /// The same, fitting codes to their picture in so many rounds from here on: better pictures of about as many bytes. A
    /// round takes as long as a decoder's training step of a picture.
    ///
    /// # Errors
    /// When the model's codes are those of a codebook, of which there are no others nearby.
    pub fn with_effort(mut self, rounds: usize) -> Result<Self> {
        if matches!(self.prior, Prior::Codebook { .. }) && rounds > 0 {
            let what = "is for models trained with --quantise; codes of a codebook are as they are";
            return Err(Error::option("--effort", what));
        }
        self.effort = rounds;
        Ok(self)
    }

    /// The qualities that its files may have: all, or of the codes of a codebook, one.
    pub fn qualities(&self) -> Vec<Quality> {
        match self.prior {
            Prior::Numbers { .. } => Quality::all().collect(),
            Prior::Codebook { .. } => vec![Quality::TRAINED],
        }
    }

    /// A file that stands for `picture`, which is to be gray for a model of gray images.
    ///
    /// # Errors
    /// When the picture is too large, the model makes numbers that are none, or the device fails.
    pub fn compress(&mut self, picture: &Raster) -> Result<Vec<u8>> {
        let mut header = self.header(picture.shape, self.quality)?;
        let Coded { told, payload, .. } = self.coded(picture)?;
        header.code[0] = told;
        Ok(container::write(&header, &payload))
    }

    /// The picture that a file, which came from `path`, stands for.
    ///
    /// # Errors
    /// When the file is damaged or needs another model, or the device fails.
    pub fn decompress(&mut self, bytes: &[u8], path: &Path) -> Result<Raster> {
        let (header, codes) = self.read(bytes, path)?;
        self.render(&codes, header.image)
    }

    /// The header and the whole numbers of a file, which came from `path`. They do not depend on the
    /// device.
    ///
    /// # Errors
    /// When the file is damaged or needs another model.
    pub fn read(&self, bytes: &[u8], path: &Path) -> Result<(Header, CodeMap)> {
        let damaged = |damage| damaged(path, &damage);
        let (header, payload) = container::read(bytes).map_err(damaged)?;
        if header.writer != self.writer {
            let what = match header.writer {
                Writer::BuiltIn(model) => {
                    format!("was written with the built-in model {}; leave out --model", model.name)
                }
                Writer::Own(_) => format!(
                    "was written with another model ({}, and {} is {}); name that one's run with --model",
                    header.writer,
                    self.passes.trained.folder().path().display(),
                    self.writer
                ),
            };
            return Err(Error::file(path, what));
        }
        let whole = self.header(header.image, header.quality)?;
        let told = header.code[0];
        if (Header { code: [told, whole.code[1], whole.code[2]], ..whole }) != header
            || told > whole.code[0]
        {
            let damage = Damage("its code has another size than the model's".into());
            return Err(damaged(damage));
        }
        let prior = self.prior.at(header.quality);
        let codes = integers::decode(&prior, header.quality, whole.code, told, payload);
        Ok((header, codes.map_err(damaged)?))
    }

    /// What the header of a file for such an image says, of which all channels are told.
    fn header(&self, image: ImageShape, quality: Quality) -> Result<Header> {
        let [channels, own] = [image.channels, self.model().images().channels];
        if channels > own {
            let what = "the picture has colours, and the model knows gray ones; turn it gray";
            return Err(Error::option("IN", what));
        }
        let cell = self.passes.grid.cell;
        let rows = image.height.div_ceil(cell[0]);
        let columns = image.width.div_ceil(cell[1]);
        let code = [self.channels(), rows, columns];
        let header = Header { writer: self.writer, image, cell, code, quality };
        let too_large = |damage: Damage| Error::option("IN", damage.0);
        header.check().map_err(too_large)?;
        Ok(header)
    }

    /// Whole numbers of one place.
    fn channels(&self) -> usize {
        let latent = self.model().network.latent();
        match &self.prior {
            Prior::Codebook { width, .. } if self.passes.grid.is_of_tiles() => latent / width,
            Prior::Codebook { .. } => 1,
            Prior::Numbers { spreads, .. } => spreads.len(),
        }
    }

    /// The whole numbers that stand for `picture`.
    ///
    /// # Errors
    /// As [`Codec::compress`].
    pub fn quantise(&mut self, picture: &Raster) -> Result<CodeMap> {
        Ok(self.coded(picture)?.map)
    }

    /// The whole numbers that stand for `picture`, and their bytes.
    fn coded(&mut self, picture: &Raster) -> Result<Coded> {
        let shape = self.header(picture.shape, self.quality)?.code;
        // Numbers as they are before they are rounded, since steps may be finer than the model's.
        let (asked, step) = match self.prior {
            Prior::Numbers { step, .. } => ((Task::Linear, "code"), step * self.quality.factor()),
            Prior::Codebook { .. } => ((Task::Encode, "index"), 1.0),
        };
        let mut numbers = self.passes.encode(asked, picture, shape)?;
        numbers.iter_mut().for_each(|number| *number /= step);
        let coded = self.coded_near(&numbers, shape)?;
        match self.effort {
            0 => Ok(coded),
            rounds => self.refined(picture, numbers, coded, rounds),
        }
    }

    /// Whole numbers near these, which are in steps and of this shape.
    pub(super) fn coded_near(&self, numbers: &[f32], shape: [usize; 3]) -> Result<Coded> {
        let [channels, rows, columns] = shape;
        let nearest = |number: &f32| (number.round() as i32).clamp(-LARGEST, LARGEST);
        let values = numbers.iter().map(nearest).collect();
        let mut map = CodeMap { channels, rows, columns, quality: self.quality, values };
        let prior = self.prior.at(self.quality);
        let exact = matches!(prior, Prior::Numbers { .. }).then_some(numbers);
        let (told, payload) = integers::encode(&prior, &mut map, exact).map_err(impossible)?;
        Ok(Coded { map, told, payload })
    }

    /// The picture of this size that `codes` stand for.
    ///
    /// # Errors
    /// When the device fails.
    pub fn render(&mut self, codes: &CodeMap, image: ImageShape) -> Result<Raster> {
        let Self { passes, prior, .. } = self;
        let are_tiles = passes.grid.is_of_tiles();
        passes.decode(|window| numbers(prior, codes, window, are_tiles), codes.shape(), image)
    }

    /// By how much the error of `picture` grows with each of the numbers in `codes`, in squares of white a step.
    pub(super) fn slopes(&mut self, picture: &Raster, codes: &CodeMap) -> Result<Slopes> {
        let Self { passes, prior, .. } = self;
        let are_tiles = passes.grid.is_of_tiles();
        let code = |window: &_| numbers(prior, codes, window, are_tiles);
        let mut slopes = passes.slopes(code, codes.shape(), picture)?;
        if let Prior::Numbers { step, .. } = prior {
            let step = *step * codes.quality.factor();
            slopes.slopes.iter_mut().for_each(|slope| *slope *= step);
        }
        Ok(slopes)
    }
}

/// The code that the decoder takes for a window; `are_tiles` where that is an image of its own.
fn numbers(
    prior: &Prior,
    codes: &CodeMap,
    [row, column]: &[Window; 2],
    are_tiles: bool,
) -> Vec<f32> {
    let mut whole = Vec::with_capacity(codes.channels * row.size * column.size);
    for channel in 0..codes.channels {
        for place in row.start..row.start + row.size {
            let line = &codes.values[(channel * codes.rows + place) * codes.columns..];
            whole.extend_from_slice(&line[column.start..][..column.size]);
        }
    }
    match prior {
        Prior::Numbers { step, .. } => {
            let step = step * codes.quality.factor();
            whole.iter().map(|value| *value as f32 * step).collect()
        }
        Prior::Codebook { codes: book, width, .. } => {
            let row = |value: &i32| &book[*value as usize * width..][..*width];
            match are_tiles {
                true => whole.iter().flat_map(row).copied().collect(),
                false => (0..*width)
                    .flat_map(|channel| whole.iter().map(move |value| row(value)[channel]))
                    .collect(),
            }
        }
    }
}

/// An error about a file that cannot be what it should be.
pub(crate) fn damaged(path: &Path, damage: &Damage) -> Error {
    let what = format!("is damaged or no .dia file: {}; use another copy", damage.0);
    Error::file(path, what)
}

fn impossible(damage: Damage) -> Error {
    Error::Graph(format!("the code cannot be stored: {}", damage.0))
}
