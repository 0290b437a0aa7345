//! How good a model's samples are: how far from real images, how various, how new.

use nalgebra::{DMatrix, DVector};

use super::trained::Trained;
use crate::data::{Dataset, Images};
use crate::error::{Error, Result};
use crate::evaluate::{
    Classifier, Coverage, Examples, TrainedClassifier, coverage, frechet_distance, nearest_distance,
};
use crate::gpu;
use crate::graph::Executor;
use crate::inference::{leading_axes, spread, targets};
use crate::rng::Seed;

/// The most images of a kind whose distances from each other are computed.
const MOST_COVERED: usize = 5000;
/// Images whose nearest training image is looked for.
const NEAREST: usize = 1000;
/// Pixels' numbers of the training images that features are learned from, at the most.
const MOST_NUMBERS: usize = 1 << 26;
/// Directions that stand for features where there are no classes.
const DIRECTIONS: usize = 64;
/// The fewest samples that say anything.
const FEWEST: usize = 10;

/// What was measured of a model's samples, as `samples.json` has it.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct SampleMeasures {
    /// The model's variant.
    pub model: String,
    /// How many were drawn, and how many held-out images they are compared with.
    pub samples: usize,
    /// Held-out images.
    pub held_out: usize,
    /// What images are compared by.
    pub features: String,
    /// The Frechet distance of samples from held-out images, in those features, whose mean variance over
    /// training images is 1.
    pub frechet: f64,
    /// The same of training images, as many as there are samples: what a perfect model would have.
    pub frechet_train: f64,
    /// Precision and recall of samples.
    #[serde(flatten)]
    pub coverage: Coverage,
    /// The same of training images.
    pub train: Coverage,
    /// The share of held-out images whose class the classifier names that features are from.
    pub classifier_accuracy: Option<f64>,
    /// The share of samples that bear the label asked for, where the model is told labels.
    pub label_agreement: Option<f64>,
    /// The share of each class; empty where the data have none.
    pub classes: Vec<ClassShare>,
    /// The mean distance of samples from the nearest training image: the root of the mean squared
    /// difference of pixels in [0, 1].
    pub nearest: f64,
    /// The same of held-out images. Samples that come much nearer were learned by heart.
    pub nearest_held_out: f64,
    /// What should be known of how samples were drawn.
    pub remark: Option<String>,
}

/// The share of a class, in [0, 1].
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct ClassShare {
    /// Its name.
    pub class: String,
    /// Among samples, as the classifier names them.
    pub samples: f64,
    /// Among held-out images.
    pub held_out: f64,
}

/// Images as rows of pixels.
struct Rows {
    pixels: Vec<f32>,
    labels: Option<Vec<u32>>,
}

impl Rows {
    /// `most` of a part of a dataset, spread over all.
    fn of(dataset: &Dataset, images: &Images, most: usize) -> Result<Self> {
        let images = spread(images, most);
        let pixels = targets(dataset, &images, 0..images.count)?;
        Ok(Self { pixels: pixels.into_data(), labels: images.labels.clone() })
    }
}

impl Trained {
    /// Draws samples, as many as there are held-out images but `count` at the most, and measures them: by
    /// the last hidden layer of a classifier that learns from the images the model was trained on, or,
    /// where these have no classes, by their principal components.
    ///
    /// # Errors
    /// When the run's images cannot be read or lack pixels, there are too few, the model makes no images of
    /// codes alone, or the device fails.
    pub fn measure_samples(&mut self, count: usize, seed: Seed) -> Result<SampleMeasures> {
        let dataset = self.dataset()?;
        if dataset.masked {
            let what = "images of this run lack pixels, and samples are compared with whole ones";
            return Err(Error::option("RUN", what));
        }
        let count = count.min(dataset.test.count).min(dataset.train.count);
        if count < FEWEST {
            let what = format!("is {count}, of samples or images; at least {FEWEST} are needed");
            return Err(Error::option("--count", what));
        }
        let held_out = Rows::of(&dataset, &dataset.test, count)?;
        let train = Rows::of(&dataset, &dataset.train, count)?;
        let (model, classes) = (self.model().name().to_owned(), self.model().network.classes);
        let asked = held_out.labels.clone().filter(|_| classes > 0);
        let mut sampler = self.sampler()?;
        let remark = sampler.remark().map(str::to_owned);
        let drawn = sampler.draw(&mut self.inference(), count, asked.as_deref(), seed)?.into_data();
        let mut device = gpu::open(self.device())?;
        let mut features = Features::learn(&dataset, device.executor.as_mut(), seed)?;
        let width = features.width();
        let mut known = features.of(&train.pixels)?;
        let scale = common_scale(&known, width);
        let (mut made, mut real) = (features.of(&drawn)?, features.of(&held_out.pixels)?);
        for number in known.iter_mut().chain(&mut made).chain(&mut real) {
            *number *= scale;
        }
        let part = |rows: &[f32]| rows[..count.min(MOST_COVERED) * width].to_vec();
        let (some_made, some_real, some_known) = (part(&made), part(&real), part(&known));
        let elements = dataset.shape.elements();
        let nearest =
            |pixels: &[f32]| nearest_distance(&pixels[..count.min(NEAREST) * elements], &dataset);
        let mut measures = SampleMeasures {
            model,
            samples: count,
            held_out: count,
            features: features.name(),
            frechet: frechet_distance(&made, &real, width)?,
            frechet_train: frechet_distance(&known, &real, width)?,
            coverage: coverage(&some_real, &some_made, width)?,
            train: coverage(&some_real, &some_known, width)?,
            nearest: nearest(&drawn)?,
            nearest_held_out: nearest(&held_out.pixels)?,
            remark,
            ..SampleMeasures::default()
        };
        if let (Some(judge), Some(labels)) = (features.judge(), &held_out.labels) {
            measures.name_classes(judge, &dataset, [&drawn, &held_out.pixels], labels, asked)?;
        }
        Ok(measures)
    }
}

impl SampleMeasures {
    /// What a classifier makes of samples and of held-out images, whose labels are known. Samples of a
    /// model that is told labels were `asked` for some.
    fn name_classes(
        &mut self,
        (judge, executor): (&TrainedClassifier, &mut dyn Executor),
        dataset: &Dataset,
        [drawn, held_out]: [&[f32]; 2],
        labels: &[u32],
        asked: Option<Vec<u32>>,
    ) -> Result<()> {
        let elements = dataset.shape.elements();
        let share = |a: &[u32], b: &[u32]| {
            a.iter().zip(b).filter(|(a, b)| a == b).count() as f64 / a.len().max(1) as f64
        };
        let named = judge.predict(executor, held_out, elements)?;
        self.classifier_accuracy = Some(share(&named, labels));
        let named = judge.predict(executor, drawn, elements)?;
        self.label_agreement = asked.map(|asked| share(&named, &asked));
        let of = |all: &[u32], class: u32| {
            all.iter().filter(|own| **own == class).count() as f64 / all.len().max(1) as f64
        };
        let classes = dataset.classes.iter().zip(0..);
        self.classes = classes
            .map(|(name, class)| ClassShare {
                class: name.clone(),
                samples: of(&named, class),
                held_out: of(labels, class),
            })
            .collect();
        Ok(())
    }
}

/// What images are compared by.
enum Features<'a> {
    /// The last hidden layer of a classifier, on the device it was trained on.
    Classifier { judge: Box<TrainedClassifier>, executor: &'a mut dyn Executor, elements: usize },
    /// Parts along directions of most variance.
    Components { mean: DVector<f64>, across: DMatrix<f64> },
}

impl<'a> Features<'a> {
    fn learn(dataset: &Dataset, executor: &'a mut dyn Executor, seed: Seed) -> Result<Self> {
        let (elements, classes) = (dataset.shape.elements(), dataset.classes.len());
        let most = (MOST_NUMBERS / elements.max(1)).max(1);
        if let (Some(_), true) = (&dataset.train.labels, classes > 1) {
            let train = Rows::of(dataset, &dataset.train, most)?;
            let labels = train.labels.unwrap_or_default();
            let examples = Examples { features: &train.pixels, width: elements, labels: &labels };
            let settings = Classifier { seed, ..Classifier::of_images(dataset.shape) };
            let judge = Box::new(settings.train(executor, &examples, classes)?);
            return Ok(Self::Classifier { judge, executor, elements });
        }
        let train = Rows::of(dataset, &dataset.train, (most / 8).max(1))?;
        let rows = columns(&train.pixels, elements);
        let mean = rows.column_sum() / rows.ncols().max(1) as f64;
        let across = leading_axes(&rows, &mean, DIRECTIONS).transpose();
        Ok(Self::Components { mean, across })
    }

    fn name(&self) -> String {
        match self {
            Self::Classifier { .. } => {
                let units = self.width();
                format!(
                    "{units} units of a classifier's last hidden layer, trained on the run's data"
                )
            }
            Self::Components { .. } => {
                format!(
                    "{} principal components of pixels, since there are no classes",
                    self.width()
                )
            }
        }
    }

    fn width(&self) -> usize {
        match self {
            Self::Classifier { judge, .. } => judge.units(),
            Self::Components { across, .. } => across.nrows(),
        }
    }

    /// The features of images, row by row.
    fn of(&mut self, pixels: &[f32]) -> Result<Vec<f32>> {
        match self {
            Self::Classifier { judge, executor, elements } => {
                judge.hidden(*executor, pixels, *elements)
            }
            Self::Components { mean, across } => {
                let mut rows = columns(pixels, mean.len());
                rows.column_iter_mut().for_each(|mut row| row -= &*mean);
                Ok((&*across * rows).iter().map(|part| *part as f32).collect())
            }
        }
    }

    fn judge(&mut self) -> Option<(&TrainedClassifier, &mut dyn Executor)> {
        match self {
            Self::Classifier { judge, executor, .. } => Some((judge, *executor)),
            Self::Components { .. } => None,
        }
    }
}

/// What brings the mean variance of features to 1, so that distances do not depend on their scale.
fn common_scale(features: &[f32], width: usize) -> f32 {
    let rows = columns(features, width);
    let count = rows.ncols().max(1) as f64;
    let mean = rows.column_sum() / count;
    let squares: f64 = rows.column_iter().map(|row| (row - &mean).norm_squared()).sum();
    match squares > 0.0 {
        true => (count * width as f64 / squares).sqrt() as f32,
        false => 1.0,
    }
}

fn columns(pixels: &[f32], elements: usize) -> DMatrix<f64> {
    let count = pixels.len() / elements.max(1);
    DMatrix::from_iterator(elements, count, pixels.iter().map(|pixel| f64::from(*pixel)))
}
