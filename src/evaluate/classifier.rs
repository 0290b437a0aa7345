//! A softmax classifier of rows of numbers, trained by this crate's own engine. Without hidden
//! layers it is the linear probe: what a code tells of classes to the simplest reader. With them it
//! is the judge of images that were made to order.

use super::convolutions::Convolutions;
use super::examples::{Examples, Standardisation, check_features};
use crate::data::{ImageShape, permutation};
use crate::error::{Error, Result};
use crate::graph::{
    Executor, Graph, METRIC_ROWS, MetricRow, Plan, PlanId, PlanRequest, State, Training,
};
use crate::models::Schedule;
use crate::nn;
use crate::ops::{self, Activation, Builder, GpuTarget, NodeId, Optimiser, StepScalars};
use crate::rng::{Seed, stream};
use crate::tensor::Tensor;

/// Numbers that an evaluation takes at once, and rows at the most.
const NUMBERS_AT_ONCE: usize = 1 << 21;
const ROWS_AT_ONCE: usize = 2048;

/// Where examples are few, batches are made smaller, down to this many examples, until an epoch has
/// that many steps.
const SMALL_BATCH: usize = 32;
const STEPS_AN_EPOCH: usize = 100;

/// Sides of images below which convolutions see too little.
const LEAST_SIDE: usize = 16;
/// Units of the layer that images are compared by.
const FEATURES: usize = 64;

/// How a classifier is built and trained: by AdamW on softmax cross-entropy, the learning rate
/// falling to 0 along half a cosine.
#[derive(Clone, Debug, PartialEq)]
pub struct Classifier {
    /// What comes before the hidden layers, where features are images.
    pub convolutions: Option<Convolutions>,
    /// Units of each hidden, rectified layer; none for a linear probe.
    pub hidden: Vec<usize>,
    /// Passes over the training examples.
    pub epochs: u32,
    /// Examples a step at the most. Batches above 32 shrink where an epoch would have less than a
    /// hundred steps, so that a few hundred examples are learned as well.
    pub batch: usize,
    /// The learning rate of the first step.
    pub learning_rate: f32,
    /// The share of a parameter, times the rate, that each step takes away.
    pub weight_decay: f32,
    /// Decides first weights and the order of examples.
    pub seed: Seed,
}

impl Classifier {
    /// A linear probe: multinomial logistic regression.
    pub fn probe() -> Self {
        Self {
            convolutions: None,
            hidden: vec![],
            epochs: 20,
            batch: 256,
            learning_rate: 0.005,
            weight_decay: 0.3,
            seed: Seed(0),
        }
    }

    /// One hidden layer of 256 units.
    pub fn dense() -> Self {
        Self { hidden: vec![256], epochs: 8, batch: 128, learning_rate: 0.002, ..Self::probe() }
    }

    /// A classifier of images whose last hidden layer, of 64 units, other images are compared by. From
    /// 16 pixels a side on it is of convolutions, below of dense layers.
    pub fn of_images(images: ImageShape) -> Self {
        let side = images.height.min(images.width);
        if side < LEAST_SIDE {
            return Self { hidden: vec![256, FEATURES], ..Self::dense() };
        }
        // Large images are halved more often, so that the layer behind does not grow with them.
        let halvings = side.ilog2() - 2;
        let channels = (0..halvings).map(|stage| (16 << stage).min(64)).collect();
        Self {
            convolutions: Some(Convolutions { images, channels }),
            hidden: vec![FEATURES],
            epochs: 4,
            batch: 64,
            learning_rate: 0.002,
            weight_decay: 0.03,
            seed: Seed(0),
        }
    }
}

/// A plan for each of a pass's two batch sizes: of whole batches, and of what is left.
struct BatchPlans(Vec<(usize, PlanId)>);

impl BatchPlans {
    fn new(
        executor: &mut dyn Executor,
        batch: usize,
        count: usize,
        plan: impl Fn(usize, Option<&GpuTarget>) -> Result<Plan>,
    ) -> Result<Self> {
        let mut plans = vec![];
        for size in [batch.min(count), count % batch] {
            if size > 0 && plans.iter().all(|(known, _)| *known != size) {
                let plan = plan(size, executor.target())?;
                plans.push((size, executor.add_plan(plan, None)?));
            }
        }
        Ok(Self(plans))
    }

    fn of(&self, batch: usize) -> Result<PlanId> {
        let found = self.0.iter().find(|(size, _)| *size == batch);
        found.map(|(_, plan)| *plan).ok_or_else(|| Error::Graph(format!("no plan takes {batch}")))
    }

    /// Gives their memory back.
    fn remove(self, executor: &mut dyn Executor) -> Result<()> {
        self.0.into_iter().try_for_each(|(_, plan)| executor.remove_plan(plan))
    }

    /// Examples of a whole batch.
    fn batch(&self) -> usize {
        self.0[0].0
    }
}

/// A classifier that has been trained, in host memory: it predicts on any executor.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainedClassifier {
    settings: Classifier,
    classes: usize,
    standardisation: Standardisation,
    state: State,
}

impl Classifier {
    /// Trains on `train`, whose labels lie below `classes`. `executor` is a fresh one, since it
    /// holds one state: it may be used for this classifier's predictions afterwards. The same seed
    /// on the same device gives the same bits.
    ///
    /// # Errors
    /// When there are no examples, labels or features do not fit, a setting makes no sense, the loss
    /// becomes no finite number, or the device fails.
    pub fn train(
        &self,
        executor: &mut dyn Executor,
        train: &Examples,
        classes: usize,
    ) -> Result<TrainedClassifier> {
        self.check()?;
        train.check(classes)?;
        let standardisation = match self.convolutions {
            Some(_) => Standardisation::common(train.features, train.width),
            None => Standardisation::of(train.features, train.width),
        };
        let mut graph = Graph::new();
        self.network(&mut graph, 1, train.width, classes)?;
        let layout = graph.layout();
        let optimiser = Optimiser::adam_w(self.weight_decay);
        executor.set_state(&State::initial(&layout, self.seed, optimiser.moments()))?;
        let count = train.labels.len();
        let plans = BatchPlans::new(executor, self.batch_for(count), count, |batch, target| {
            let mut graph = Graph::new();
            let [_, logits] = self.network(&mut graph, batch, train.width, classes)?;
            let loss = cross_entropy(&mut graph, logits)?;
            Plan::new(&PlanRequest {
                metrics: vec![("loss".into(), loss)],
                training: Some(Training { loss, optimiser, clip_norm: None }),
                ..PlanRequest::new(&graph, &layout, target)
            })
        })?;
        self.take_steps(executor, &plans, train, &standardisation)?;
        let state = executor.state()?;
        plans.remove(executor)?;
        Ok(TrainedClassifier { settings: self.clone(), classes, standardisation, state })
    }

    fn batch_for(&self, count: usize) -> usize {
        self.batch.min((count / STEPS_AN_EPOCH).max(SMALL_BATCH))
    }

    fn take_steps(
        &self,
        executor: &mut dyn Executor,
        plans: &BatchPlans,
        train: &Examples,
        standardisation: &Standardisation,
    ) -> Result<()> {
        let count = train.labels.len();
        let steps = count.div_ceil(plans.batch()) as u64 * u64::from(self.epochs);
        let steps = u32::try_from(steps).map_err(|_| {
            Error::option("epochs", format!("{steps} steps are too many; ask for fewer"))
        })?;
        let mut step = 0;
        for epoch in 0..self.epochs {
            let order = permutation(self.seed, stream::SHUFFLE, epoch, count as u32);
            for rows in order.chunks(plans.batch()) {
                let plan = plans.of(rows.len())?;
                let features = standardisation.rows(train.features, rows)?;
                executor.write_input(plan, "features", &features)?;
                let labels = rows.iter().map(|row| train.labels[*row as usize] as f32).collect();
                executor.write_input(plan, "labels", &Tensor::new([rows.len()], labels)?)?;
                executor.run(plan, &[self.scalars(step, steps)])?;
                check_finite(&executor.take_metrics(false)?)?;
                step += 1;
            }
        }
        check_finite(&executor.take_metrics(true)?)
    }

    fn scalars(&self, step: u32, steps: u32) -> StepScalars {
        let rate = self.learning_rate * Schedule::Cosine.factor(step.into(), steps.into());
        StepScalars {
            step,
            row: step % METRIC_ROWS as u32,
            seed: self.seed.key(),
            learning_rate: rate,
            corrections: Optimiser::adam_w(self.weight_decay).corrections(step),
            ..StepScalars::default()
        }
    }

    /// Of input `features`, `[batch, width]`, the last hidden layer and the logits `[batch, classes]`.
    fn network(
        &self,
        graph: &mut Graph,
        batch: usize,
        width: usize,
        classes: usize,
    ) -> Result<[NodeId; 2]> {
        let mut x = graph.input("features", [batch, width]);
        if let Some(convolutions) = &self.convolutions {
            x = convolutions.apply(graph, x)?;
        }
        for (layer, units) in (1..).zip(&self.hidden) {
            x = nn::dense(graph, &format!("dense{layer}"), x, *units, Some(Activation::Relu))?;
        }
        Ok([x, nn::dense(graph, "output", x, classes, None)?])
    }

    fn check(&self) -> Result<()> {
        let refuse = |setting: &str, what: &str| Err(Error::option(setting, what));
        if self.hidden.contains(&0) {
            return refuse("hidden", "a layer needs at least one unit");
        }
        if self.epochs == 0 {
            return refuse("epochs", "there must be at least one");
        }
        if self.batch == 0 {
            return refuse("batch", "a step needs at least one example");
        }
        if !(self.learning_rate.is_finite() && self.learning_rate > 0.0) {
            return refuse("learning_rate", "must be a number above 0, such as 0.001");
        }
        if !(self.weight_decay.is_finite() && self.weight_decay >= 0.0) {
            return refuse("weight_decay", "must be 0 or above, such as 0.01");
        }
        Ok(())
    }
}

/// The mean over the batch of `-ln softmax(logits)[label]`, in nats, with the class numbers of input
/// `labels`, `[batch]`.
fn cross_entropy(graph: &mut Graph, logits: NodeId) -> Result<NodeId> {
    let [batch, classes] = graph.shape(logits)[..] else {
        return Err(Error::shape("cross_entropy", "takes a matrix", &[graph.shape(logits)]));
    };
    let labels = graph.input("labels", [batch]);
    let chosen = ops::one_hot(graph, labels, classes)?;
    let logarithm = ops::log_softmax(graph, logits)?;
    let product = ops::mul(graph, chosen, logarithm)?;
    let sum = ops::sum_all(graph, product)?;
    ops::affine(graph, sum, -1.0 / batch as f32, 0.0)
}

fn check_finite(rows: &[MetricRow]) -> Result<()> {
    match rows.iter().find(|row| !row.values[0].is_finite()) {
        None => Ok(()),
        Some(row) => Err(Error::NotFinite(format!(
            "the classifier's loss became {} at step {}; use a lower learning rate",
            row.values[0], row.scalars.step
        ))),
    }
}

/// What is read off a classifier.
#[derive(Clone, Copy, Debug)]
enum Output {
    Class,
    Hidden,
}

impl TrainedClassifier {
    /// The class of each row of `features`, `[count, width]`. `executor` is a fresh one, or one that
    /// this classifier was trained or predicted on.
    ///
    /// # Errors
    /// When there are no features, they are not finite or not of the width that was trained on, or
    /// the device fails.
    pub fn predict(
        &self,
        executor: &mut dyn Executor,
        features: &[f32],
        width: usize,
    ) -> Result<Vec<u32>> {
        let classes = self.read(executor, features, width, Output::Class)?;
        Ok(classes.iter().map(|class| *class as u32).collect())
    }

    /// Units of the last hidden layer, or features where there is none.
    pub fn units(&self) -> usize {
        self.settings.hidden.last().copied().unwrap_or(self.standardisation.width())
    }

    /// The last hidden layer's units for each row of `features`, `[count, width]`, by which rows can be
    /// compared; the features themselves, standardised, where there is none.
    ///
    /// # Errors
    /// As [`TrainedClassifier::predict`].
    pub fn hidden(
        &self,
        executor: &mut dyn Executor,
        features: &[f32],
        width: usize,
    ) -> Result<Vec<f32>> {
        self.read(executor, features, width, Output::Hidden)
    }

    fn read(
        &self,
        executor: &mut dyn Executor,
        features: &[f32],
        width: usize,
        output: Output,
    ) -> Result<Vec<f32>> {
        let trained = self.standardisation.width();
        if width != trained {
            let what = format!("have {width} numbers a row, but {trained} were trained on");
            return Err(Error::option("features", what));
        }
        let count = check_features(features, width)?;
        let count = u32::try_from(count)
            .map_err(|_| Error::option("features", format!("{count} rows are too many")))?;
        executor.set_state(&self.state)?;
        let batch = (NUMBERS_AT_ONCE / width).clamp(1, ROWS_AT_ONCE);
        let plans = BatchPlans::new(executor, batch, count as usize, |batch, target| {
            self.prediction_plan(batch, target, output)
        })?;
        let order: Vec<u32> = (0..count).collect();
        let mut read = vec![];
        for rows in order.chunks(plans.batch()) {
            let plan = plans.of(rows.len())?;
            let features = self.standardisation.rows(features, rows)?;
            executor.write_input(plan, "features", &features)?;
            executor.run(plan, &[StepScalars::default()])?;
            read.extend_from_slice(executor.read_output(plan, "output")?.data());
        }
        plans.remove(executor)?;
        Ok(read)
    }

    fn prediction_plan(
        &self,
        batch: usize,
        target: Option<&GpuTarget>,
        output: Output,
    ) -> Result<Plan> {
        let mut graph = Graph::new();
        let width = self.standardisation.width();
        let [hidden, logits] = self.settings.network(&mut graph, batch, width, self.classes)?;
        let output = match output {
            Output::Class => ops::argmax(&mut graph, logits)?,
            Output::Hidden => hidden,
        };
        Plan::new(&PlanRequest {
            outputs: vec![("output".into(), output)],
            ..PlanRequest::new(&graph, &self.state.layout, target)
        })
    }

    /// The share of `examples` whose class is predicted right, in [0, 1].
    ///
    /// # Errors
    /// When labels or features do not fit, and as [`TrainedClassifier::predict`].
    pub fn accuracy(&self, executor: &mut dyn Executor, examples: &Examples) -> Result<f64> {
        examples.check(self.classes)?;
        let predicted = self.predict(executor, examples.features, examples.width)?;
        let right = predicted.iter().zip(examples.labels).filter(|(a, b)| a == b).count();
        Ok(right as f64 / predicted.len() as f64)
    }
}
