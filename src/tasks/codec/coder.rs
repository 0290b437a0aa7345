//! A trained model as an image codec.

use std::path::Path;

use super::container::{self, Header};
use super::entropy::Damage;
use super::integers::{self, CodeMap, LARGEST};
use super::prior::{FINGERPRINT, Prior, fingerprint};
use super::quality::Quality;
use crate::data::ImageShape;
use crate::error::{Error, Result};
use crate::gpu::DeviceChoice;
use crate::graph::PlanId;
use crate::inference::{self, PlanCache, Task};
use crate::models::Model;
use crate::ops::StepScalars;
use crate::shape::Shape;
use crate::tasks::raster::Raster;
use crate::tasks::trained::Trained;
use crate::tasks::windows::{Grid, Window};
use crate::tensor::Tensor;

/// Numbers that one layer makes at once, by which few tiles are computed at a time where they are
/// large.
const NUMBERS: usize = 1 << 22;
/// The most tiles at a time.
const TILES: usize = 64;

/// A trained model as an image codec.
pub struct Codec {
    trained: Trained,
    prior: Prior,
    fingerprint: [u8; FINGERPRINT],
    grid: Grid,
    quality: Quality,
    /// By task, the size of an image and images a step.
    plans: PlanCache<(Task, ImageShape, usize)>,
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
        let (fingerprint, grid) = (fingerprint(model, &state), Grid::new(model));
        let quality = Quality::TRAINED;
        Ok(Self { trained, prior, fingerprint, grid, quality, plans: PlanCache::new() })
    }

    /// The model.
    pub fn model(&self) -> &Model {
        self.trained.model()
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
        let header = self.header(picture.shape, self.quality)?;
        let codes = self.quantise(picture)?;
        let prior = self.prior.at(self.quality);
        let payload = integers::encode(&prior, &codes).map_err(impossible)?;
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
        if header.model != self.fingerprint {
            let what = format!(
                "was written with another model ({}, and {} is {}); name that one's run with --model",
                hexadecimal(&header.model),
                self.trained.folder().path().display(),
                hexadecimal(&self.fingerprint)
            );
            return Err(Error::file(path, what));
        }
        if self.header(header.image, header.quality)? != header {
            let damage = Damage("its code has another size than the model's".into());
            return Err(damaged(damage));
        }
        let (prior, quality) = (self.prior.at(header.quality), header.quality);
        let codes = integers::decode(&prior, quality, header.code, payload).map_err(damaged)?;
        Ok((header, codes))
    }

    /// What the header of a file for such an image says.
    fn header(&self, image: ImageShape, quality: Quality) -> Result<Header> {
        let [channels, own] = [image.channels, self.model().images().channels];
        if channels > own {
            let what = "the picture has colours, and the model knows gray ones; turn it gray";
            return Err(Error::option("IN", what));
        }
        let cell = self.grid.cell;
        let rows = image.height.div_ceil(cell[0]);
        let columns = image.width.div_ceil(cell[1]);
        let code = [self.channels(), rows, columns];
        let header = Header { model: self.fingerprint, image, cell, code, quality };
        let too_large = |damage: Damage| Error::option("IN", damage.0);
        header.check().map_err(too_large)?;
        Ok(header)
    }

    /// Whole numbers of one place.
    fn channels(&self) -> usize {
        let latent = self.model().network.latent();
        match &self.prior {
            Prior::Codebook { width, .. } if self.grid.is_of_tiles() => latent / width,
            Prior::Codebook { .. } => 1,
            Prior::Numbers { spreads, .. } => spreads.len(),
        }
    }

    /// The whole numbers that stand for `picture`.
    ///
    /// # Errors
    /// As [`Codec::compress`].
    pub fn quantise(&mut self, picture: &Raster) -> Result<CodeMap> {
        let quality = self.quality;
        let [channels, rows, columns] = self.header(picture.shape, quality)?.code;
        let values = vec![0; channels * rows * columns];
        let mut codes = CodeMap { channels, rows, columns, quality, values };
        for windows in self.batches(rows, columns) {
            let image = self.image_of(windows[0]);
            let mut images = Vec::with_capacity(windows.len() * image.elements());
            for [row, column] in &windows {
                let corner = [row.start * self.grid.cell[0], column.start * self.grid.cell[1]];
                images.extend(picture.part(corner, image));
            }
            let numbers = self.encoded(image, windows.len(), images)?;
            let each = numbers.len() / windows.len();
            for (window, numbers) in windows.iter().zip(numbers.chunks(each.max(1))) {
                take(&mut codes, window, numbers);
            }
        }
        Ok(codes)
    }

    /// The picture of this size that `codes` stand for.
    ///
    /// # Errors
    /// When the device fails.
    pub fn render(&mut self, codes: &CodeMap, image: ImageShape) -> Result<Raster> {
        let mut picture = Raster::black(image);
        let cell = self.grid.cell;
        for windows in self.batches(codes.rows, codes.columns) {
            let part = self.image_of(windows[0]);
            let mut numbers = vec![];
            for window in &windows {
                numbers.extend(self.numbers(codes, window));
            }
            let decoded = self.decoded(part, windows.len(), numbers)?;
            for ([row, column], values) in windows.iter().zip(decoded.chunks(part.elements())) {
                let to = [row.first * cell[0], column.first * cell[1]];
                let size = [row.count * cell[0], column.count * cell[1]];
                let from =
                    [(row.first - row.start) * cell[0], (column.first - column.start) * cell[1]];
                picture.take(to, size, values, part, from);
            }
        }
        Ok(picture)
    }

    /// Windows of one size, by as many as are computed at a time.
    fn batches(
        &self,
        rows: usize,
        columns: usize,
    ) -> impl Iterator<Item = Vec<[Window; 2]>> + use<> {
        let (down, across) = (self.grid.windows(rows), self.grid.windows(columns));
        let batch = match self.grid.is_of_tiles() {
            true => (NUMBERS / self.model().network.widest().max(1)).clamp(1, TILES),
            false => 1,
        };
        // Made as they are needed, since there may be as many as pixels.
        let count = down.len() * across.len();
        (0..count).step_by(batch).map(move |first| {
            let places = first..count.min(first + batch);
            places.map(|place| [down[place / across.len()], across[place % across.len()]]).collect()
        })
    }

    /// The image that the model sees of such a window.
    fn image_of(&self, [row, column]: [Window; 2]) -> ImageShape {
        let cell = self.grid.cell;
        let channels = self.model().images().channels;
        ImageShape { channels, height: row.size * cell[0], width: column.size * cell[1] }
    }

    /// The whole numbers of `batch` images, `[batch, channels, places]`.
    fn encoded(&mut self, image: ImageShape, batch: usize, images: Vec<f32>) -> Result<Vec<i32>> {
        let shape = [batch, image.channels, image.height, image.width];
        let input = ("images", Tensor::new(shape, images)?);
        // Numbers as they are before they are rounded, since steps may be finer than the model's.
        let (task, output) = match self.prior {
            Prior::Numbers { .. } => (Task::Linear, "code"),
            Prior::Codebook { .. } => (Task::Encode, "index"),
        };
        let made = self.run(task, image, batch, input, output)?;
        if made.data().iter().any(|number| !number.is_finite()) {
            let what = "the model makes codes of this picture that are no numbers; train it anew";
            return Err(Error::NotFinite(what.into()));
        }
        let whole = |number: &f32| match self.prior {
            Prior::Numbers { step, .. } => {
                let step = step * self.quality.factor();
                ((number / step).round() as i32).clamp(-LARGEST, LARGEST)
            }
            Prior::Codebook { .. } => *number as i32,
        };
        Ok(made.data().iter().map(whole).collect())
    }

    /// The code that the decoder takes for a window.
    fn numbers(&self, codes: &CodeMap, [row, column]: &[Window; 2]) -> Vec<f32> {
        let mut whole = Vec::with_capacity(codes.channels * row.size * column.size);
        for channel in 0..codes.channels {
            for place in row.start..row.start + row.size {
                let line = &codes.values[(channel * codes.rows + place) * codes.columns..];
                whole.extend_from_slice(&line[column.start..][..column.size]);
            }
        }
        match &self.prior {
            Prior::Numbers { step, .. } => {
                let step = step * codes.quality.factor();
                whole.iter().map(|value| *value as f32 * step).collect()
            }
            Prior::Codebook { codes: book, width, .. } => {
                let row = |value: &i32| &book[*value as usize * width..][..*width];
                match self.grid.is_of_tiles() {
                    true => whole.iter().flat_map(row).copied().collect(),
                    false => (0..*width)
                        .flat_map(|channel| whole.iter().map(move |value| row(value)[channel]))
                        .collect(),
                }
            }
        }
    }

    /// The images in [0, 1] that `batch` codes stand for.
    fn decoded(&mut self, image: ImageShape, batch: usize, codes: Vec<f32>) -> Result<Vec<f32>> {
        let code = self.resized(image).network.code_shape();
        let input = ("code", Tensor::new(Shape::new([&[batch][..], &code].concat()), codes)?);
        Ok(self.run(Task::Decode, image, batch, input, "reconstruction")?.into_data())
    }

    /// The model for images of another size.
    fn resized(&self, image: ImageShape) -> Model {
        let mut model = self.model().clone();
        model.network.images = image;
        model
    }

    fn run(
        &mut self,
        task: Task,
        image: ImageShape,
        batch: usize,
        (name, input): (&str, Tensor),
        output: &str,
    ) -> Result<Tensor> {
        let plan = match self.plans.find(&(task, image, batch)) {
            Some(plan) => plan,
            None => self.add_plan(task, image, batch)?,
        };
        let executor = self.trained.executor();
        executor.write_input(plan, name, &input)?;
        executor.run(plan, &[StepScalars::default()])?;
        executor.read_output(plan, output)
    }

    fn add_plan(&mut self, task: Task, image: ImageShape, batch: usize) -> Result<PlanId> {
        let model = self.resized(image);
        model.check()?;
        let layout = inference::layout(&model)?;
        if layout != *self.trained.layout() {
            let what = format!("this model has other weights for images of {image}");
            return Err(Error::Graph(what));
        }
        let executor = self.trained.executor();
        let plan = task.plan(&model, &layout, batch, executor.target())?;
        self.plans.add(executor, (task, image, batch), plan)
    }
}

/// Takes what is kept of a window's numbers, `[channels, rows, columns]`, to their places.
fn take(codes: &mut CodeMap, [row, column]: &[Window; 2], numbers: &[i32]) {
    let plane = row.size * column.size;
    for channel in 0..codes.channels {
        for place in row.first..row.first + row.count {
            let from = channel * plane + (place - row.start) * column.size;
            let from = from + column.first - column.start;
            let to = (channel * codes.rows + place) * codes.columns + column.first;
            let kept = &numbers[from..from + column.count];
            codes.values[to..to + column.count].copy_from_slice(kept);
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

/// A fingerprint as people read it.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
