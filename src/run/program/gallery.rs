//! The pictures of a run.

use image::RgbImage;

use crate::data::Dataset;
use crate::error::Result;
use crate::evaluate::{Assessment, principal_components};
use crate::graph::State;
use crate::inference::latent::{latent_grid, latent_grid_between, linear, spherical};
use crate::inference::{Inference, PlaceSampler, Sampler, tensor};
use crate::models::Model;
use crate::plot;
use crate::rng::Seed;
use crate::run::folder::{RunFile, RunFolder};
use crate::run::terminal::say;
use crate::shape::Shape;
use crate::tensor::Tensor;
use crate::train::Config;

/// Images in `reconstructions.png` and `restored.png`.
const SHOWN: usize = 20;
/// Images side by side in `samples.png`.
const COLUMNS: usize = 10;
/// Rows of `samples.png` where there are no classes.
const SAMPLE_ROWS: usize = 8;
/// Rows and columns of `interpolation.png`.
const INTERPOLATIONS: usize = 6;
const STEPS: usize = 10;
/// Images along each side of `latent_grid.png`.
const GRID: usize = 20;
/// The most classes with a row of samples each.
const CLASS_ROWS: usize = 20;

/// What the pictures are of.
pub(super) struct Gallery<'a, 'b> {
    pub config: &'a Config,
    pub dataset: &'a Dataset,
    pub assessment: &'a Assessment,
    pub inference: &'a mut Inference<'b>,
    pub folder: &'a RunFolder,
    /// The state of the model.
    pub state: &'a State,
    /// What draws codes from a prior of places, where one was trained.
    pub places: Option<PlaceSampler>,
}

impl Gallery<'_, '_> {
    /// Draws every picture that the model has. Vectors are none.
    pub fn draw(&mut self) -> Result<()> {
        if !self.dataset.is_of_vectors() {
            self.reconstructions()?;
            self.restored()?;
        }
        match self.model().residual {
            // It makes no images of codes alone.
            true => self.folder.remove(RunFile::Samples)?,
            false => {
                self.samples()?;
                if !self.dataset.is_of_vectors() {
                    self.interpolations()?;
                    self.latent_grid()?;
                }
            }
        }
        self.codes()?;
        let Assessment { uses, divergences, .. } = self.assessment;
        if !uses.is_empty() {
            let perplexity = self.assessment.test.get("perplexity").copied().unwrap_or(f64::NAN);
            self.save(RunFile::CodeUse, &plot::code_use(uses, perplexity)?)?;
        }
        if !divergences.is_empty() {
            self.save(RunFile::Divergences, &plot::kl_bars(divergences)?)?;
        }
        Ok(())
    }

    fn model(&self) -> &Model {
        &self.config.model
    }

    fn save(&self, file: RunFile, picture: &RgbImage) -> Result<()> {
        plot::save_png(&self.folder.file(file), picture)
    }

    /// Images as pixels: standardised numbers between black and white.
    fn visible(&self, images: Tensor) -> Tensor {
        match self.dataset.scaling {
            Some(_) => plot::standardised(images),
            None => images,
        }
    }

    /// The first `count` held-out images and their labels.
    fn first(&self, count: usize) -> Result<(Tensor, Option<Tensor>, Option<Vec<u32>>)> {
        let part = 0..count.min(self.dataset.test.count);
        let labels = self.dataset.test.labels.as_ref().map(|labels| labels[part.clone()].to_vec());
        let (images, seen) = tensor(self.dataset, &self.dataset.test, part)?;
        Ok((images, seen, labels))
    }

    fn reconstructions(&mut self) -> Result<()> {
        let (originals, seen, labels) = self.first(SHOWN)?;
        let made = self.inference.reconstruct(&originals, labels.as_deref())?;
        let [originals, made] = [originals, made].map(|images| self.visible(images));
        let shown = match seen {
            Some(seen) => gray_where_missing(originals, &seen)?,
            None => originals,
        };
        self.save(RunFile::Reconstructions, &plot::reconstructions(&shown, &made)?)
    }

    fn restored(&mut self) -> Result<()> {
        let (images, noise) = (&self.dataset.test, self.config.noise(false));
        let part = 0..SHOWN.min(images.count);
        let made = self.inference.restore_dataset(self.dataset, images, part, noise)?;
        let Some((made, clean)) = made else { return Ok(()) };
        let [clean, corrupted, restored] =
            [clean, made.corrupted, made.restored].map(|images| self.visible(images));
        let picture = plot::compare(&[&corrupted, &restored, &clean])?;
        self.save(RunFile::Restored, &picture)
    }

    /// New images; of a model that is told labels, a row of each.
    fn samples(&mut self) -> Result<()> {
        let classes = self.model().network.classes;
        let rows = if classes > 0 { classes.min(CLASS_ROWS) } else { SAMPLE_ROWS };
        let labels: Vec<u32> = (0..rows * COLUMNS).map(|index| (index / COLUMNS) as u32).collect();
        let labels = (classes > 0).then_some(&labels[..]);
        let mut sampler = match self.places.take() {
            Some(places) => Sampler::Learned(Box::new(places)),
            None => {
                let known = self.inference.known_codes(self.dataset)?;
                let sampler = Sampler::new(&self.config.model, known);
                sampler.save(self.folder, self.state)?;
                sampler
            }
        };
        if let Some(remark) = sampler.remark() {
            say(format_args!("note: {remark}"));
        }
        let seed = Seed(self.config.seed);
        let drawn = sampler.draw(self.inference, rows * COLUMNS, labels, seed)?;
        if self.dataset.is_of_vectors() {
            return Ok(());
        }
        self.save(RunFile::Samples, &plot::grid(&self.visible(drawn), COLUMNS)?)
    }

    /// Ways from one held-out image to another, straight, or along a sphere where codes are
    /// normally distributed.
    fn interpolations(&mut self) -> Result<()> {
        let codes = &self.assessment.codes;
        let pairs = INTERPOLATIONS.min(codes.count() / 2);
        let between = if self.model().is_variational() { spherical } else { linear };
        let mut rows = vec![];
        for pair in 0..pairs {
            let (a, b) = (codes.row(2 * pair), codes.row(2 * pair + 1));
            let way = (0..STEPS).flat_map(|step| between(a, b, step as f32 / (STEPS - 1) as f32));
            let way: Vec<f32> = way.collect();
            let label =
                self.dataset.test.labels.as_ref().map(|labels| vec![labels[2 * pair]; STEPS]);
            let made = self.inference.decode(&way, label.as_deref())?;
            rows.push(self.visible(made));
        }
        if rows.is_empty() {
            return Ok(());
        }
        self.save(RunFile::Interpolation, &plot::strips(&rows)?)
    }

    /// The plane of a two-dimensional code.
    fn latent_grid(&mut self) -> Result<()> {
        if self.model().network.code_shape() != [2] {
            return Ok(());
        }
        let codes = &self.assessment.codes;
        let grid = match self.model().is_variational() {
            true => latent_grid(GRID),
            false => {
                let (low, high) = range(&codes.values);
                latent_grid_between(low, high, GRID)
            }
        };
        let flat: Vec<f32> = grid.into_iter().flatten().collect();
        let labels = vec![0; GRID * GRID];
        let drawn = self.inference.decode(&flat, Some(&labels))?;
        self.save(RunFile::LatentGrid, &plot::grid(&self.visible(drawn), GRID)?)
    }

    /// The codes of the held-out images in two dimensions.
    fn codes(&mut self) -> Result<()> {
        let codes = &self.assessment.codes;
        let projected = principal_components(&codes.values, codes.width);
        let labels = self.dataset.test.labels.as_ref().map(|labels| &labels[..codes.count()]);
        let axes = match codes.width {
            2 => ["first number of the code".to_owned(), "second number of the code".to_owned()],
            _ => [0, 1].map(|axis| {
                let share = 100.0 * projected.explained[axis];
                format!("principal component {} ({share:.1}% of the variance)", axis + 1)
            }),
        };
        let axes = [axes[0].as_str(), axes[1].as_str()];
        let picture = plot::code_map(&projected.points, labels, &self.dataset.classes, axes)?;
        self.save(RunFile::Codes, &picture)
    }
}

/// The range of each of two numbers.
fn range(codes: &[f32]) -> ([f32; 2], [f32; 2]) {
    let (mut low, mut high) = ([f32::MAX; 2], [f32::MIN; 2]);
    for code in codes.chunks(2) {
        for axis in 0..2 {
            low[axis] = low[axis].min(code[axis]);
            high[axis] = high[axis].max(code[axis]);
        }
    }
    (low, high)
}

/// `images` with a middle gray where a pixel is missing.
fn gray_where_missing(images: Tensor, seen: &Tensor) -> Result<Tensor> {
    let shape: Shape = images.shape().clone();
    let plane: usize = shape[2..].iter().product();
    let image = shape[1] * plane;
    let mut values = images.data().to_vec();
    for (index, value) in values.iter_mut().enumerate() {
        let (number, pixel) = (index / image, index % plane);
        if seen.data()[number * plane + pixel] == 0.0 {
            *value = 0.5;
        }
    }
    Tensor::new(shape, values)
}
