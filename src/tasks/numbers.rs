//! Numbers that a user hands over, as `--data npy:` takes them: brought to a model, and back.

use std::path::{Path, PathBuf};

use super::trained::Trained;
use crate::data::{ImageShape, Scaling, StoredRange, arrays, class_of};
use crate::error::{Error, Result};
use crate::nn::Output;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// The endings of files of numbers.
const ENDINGS: [&str; 2] = ["npy", "npz"];

/// How numbers of a user's become those of a model, and back.
#[derive(Clone, Debug)]
pub struct Units {
    shape: ImageShape,
    range: Option<StoredRange>,
    scaling: Option<Scaling>,
}

/// Samples, brought to a model.
#[derive(Clone, Debug)]
pub struct Samples {
    /// What each is called: its file, or the file of all of them with its number, `x.npy#3`.
    pub names: Vec<String>,
    /// The class of each, where all have one: the label in an archive, or the sub-folder of a file.
    pub labels: Option<Vec<String>>,
    /// `[count, channels, height, width]`; 0 where a number is missing.
    pub images: Tensor,
    /// `[count, 1, height, width]`: 0 where a number is missing, else 1.
    pub seen: Option<Tensor>,
}

impl Samples {
    /// How many there are.
    pub fn count(&self) -> usize {
        self.names.len()
    }

    /// Those of these numbers.
    ///
    /// # Errors
    /// Never for numbers below [`Samples::count`].
    pub fn select(&self, numbers: &[u32]) -> Result<Self> {
        let rows = |tensor: &Tensor| {
            let width = tensor.data().len() / self.count().max(1);
            let shape = [&[numbers.len()][..], &tensor.shape()[1..]].concat();
            let row = |number: &u32| &tensor.data()[*number as usize * width..][..width];
            Tensor::new(shape, numbers.iter().flat_map(row).copied().collect())
        };
        let label =
            |labels: &Vec<String>| numbers.iter().map(|at| labels[*at as usize].clone()).collect();
        Ok(Self {
            names: numbers.iter().map(|at| self.names[*at as usize].clone()).collect(),
            labels: self.labels.as_ref().map(label),
            images: rows(&self.images)?,
            seen: self.seen.as_ref().map(rows).transpose()?,
        })
    }
}

/// Whether a path names a file of numbers, by its ending, or a folder of such files and no pictures.
pub fn holds_numbers(path: &Path) -> bool {
    is_of_numbers(path) || arrays::is_folder_of_arrays(path)
}

/// Whether a path names a file of numbers, by its ending.
pub fn is_of_numbers(path: &Path) -> bool {
    let is = |ending: &str| path.extension().is_some_and(|own| own.eq_ignore_ascii_case(ending));
    ENDINGS.iter().any(|ending| is(ending))
}

/// Whether a path names a file of one array, by its ending.
pub fn is_of_one_array(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case(ENDINGS[0]))
}

impl Trained {
    /// Whether what is handed over is numbers: files of these, or folders of such files.
    ///
    /// # Errors
    /// When some are and others are pictures, or the model learned numbers without bounds and these are
    /// pictures.
    pub fn are_numbers(&self, inputs: &[PathBuf]) -> Result<bool> {
        let count = inputs.iter().filter(|path| holds_numbers(path)).count();
        if count > 0 && count < inputs.len() {
            let what = "are files of numbers and pictures; give one kind at a time";
            return Err(Error::option("IN", what));
        }
        if count == 0 {
            self.check_pixels()?;
        }
        Ok(count > 0)
    }

    /// Refuses a model that knows no pixels.
    ///
    /// # Errors
    /// When it learned numbers without bounds.
    pub fn check_pixels(&self) -> Result<()> {
        if self.model().output != Output::Number {
            return Ok(());
        }
        let what = format!(
            "learned standardised numbers (--data {}), and this takes or makes pictures; encode, decode, \
             reconstruct, sample, anomaly and probe take numbers, in .npy and .npz files",
            self.config().data
        );
        Err(Error::file(self.folder().path(), what))
    }

    /// How numbers are brought to the model.
    ///
    /// # Errors
    /// When what the run's numbers were standardised by is not there, or damaged.
    pub fn units(&self) -> Result<Units> {
        let (shape, range) = (self.model().images(), self.config().range);
        let scaling = self.manifest()?.and_then(|manifest| manifest.scaling);
        let refuse = |what: String| Error::file(self.folder().path(), what);
        match (&scaling, self.model().output == Output::Number) {
            (Some(scaling), true) => {
                scaling.check(&shape).map_err(|error| refuse(error.to_string()))?
            }
            (None, true) => {
                let what = "its manifest.json, which says what numbers were standardised by, is missing; \
                            bring it back";
                return Err(refuse(what.into()));
            }
            (_, false) => return Ok(Units { shape, range, scaling: None }),
        }
        Ok(Units { shape, range, scaling })
    }
}

impl Units {
    /// Reads the samples of files and folders.
    ///
    /// # Errors
    /// When one cannot be read, or its samples are not of the model's shape.
    pub fn read(&self, inputs: &[PathBuf]) -> Result<Samples> {
        let (mut names, mut numbers) = (vec![], vec![]);
        let mut labels = Some(vec![]);
        for path in inputs {
            let given = arrays::given(path)?;
            if given.samples.shape != self.shape {
                let what = format!(
                    "has samples of {}; this model takes {}",
                    in_words(given.samples.shape),
                    in_words(self.shape)
                );
                return Err(Error::file(path, what));
            }
            let own: Option<Vec<String>> = match given.files.is_empty() {
                true => {
                    let name = |number| format!("{}#{number}", path.display());
                    names.extend((0..given.samples.count).map(name));
                    given.labels.map(|labels| labels.iter().map(ToString::to_string).collect())
                }
                false => {
                    names.extend(given.files.iter().map(|file| file.display().to_string()));
                    given.files.iter().map(|file| class_of(path, file)).collect()
                }
            };
            labels = labels.zip(own).map(|(all, own)| [all, own].concat());
            numbers.extend(given.samples.numbers);
        }
        arrays::scale(&mut numbers, &self.shape, self.range, self.scaling.as_ref());
        let ImageShape { channels, height, width } = self.shape;
        let count = names.len();
        let mut seen = None;
        if numbers.iter().any(|number| number.is_nan()) {
            let (own, plane) = (self.shape.elements(), height * width);
            let all = arrays::with_gaps(numbers, &self.shape);
            let rows = || all.chunks(own + plane);
            let mask: Vec<f32> = rows().flat_map(|row| &row[own..]).copied().collect();
            seen = Some(Tensor::new([count, 1, height, width], mask)?);
            numbers = rows().flat_map(|row| &row[..own]).copied().collect();
        }
        let images = Tensor::new([count, channels, height, width], numbers)?;
        Ok(Samples { names, labels, images, seen })
    }

    /// What a model made, in the user's units and axes: `[N, D]`, `[N, H, W]` or `[N, C, H, W]`.
    ///
    /// # Errors
    /// When it is not of the model's shape.
    pub fn back(&self, made: Tensor) -> Result<Tensor> {
        let ImageShape { channels, height, width } = self.shape;
        let mut numbers = made.into_data();
        match (self.range, &self.scaling) {
            (Some(range), _) => {
                numbers.iter_mut().for_each(|number| *number = range.stored(*number, 1.0));
            }
            (None, Some(scaling)) => scaling.invert(&mut numbers, &self.shape),
            (None, None) => numbers.iter_mut().for_each(|number| *number *= 255.0),
        }
        let count = numbers.len() / self.shape.elements().max(1);
        let axes = match (channels, height) {
            (1, 1) => vec![count, width],
            (1, _) => vec![count, height, width],
            _ => vec![count, channels, height, width],
        };
        Tensor::new(Shape::new(axes), numbers)
    }
}

/// A sample in words.
fn in_words(shape: ImageShape) -> String {
    let ImageShape { channels, height, width } = shape;
    match (channels, height) {
        (1, 1) => format!("[{width}]"),
        (1, _) => format!("[{height}, {width}]"),
        _ => format!("[{channels}, {height}, {width}]"),
    }
}
