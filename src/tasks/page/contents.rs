//! What a page is made of: plans for any adapter, the model's numbers, and facts of it.

use serde::Serialize;

use super::adapters::add_plans;
use super::codes::{codes, examples, samples, threshold};
use super::facts::{Codebook, Facts, SizedPlan, Tasks};
use super::html::{self, Page};
use super::modules::MODEL;
use super::training::Source;
use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::inference::Task;
use crate::models::{Variant, VqVae};
use crate::nn::Output;
use crate::portable::{Document, PlanFile};
use crate::tasks::trained::Trained;

const BODY: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/web/body.html"));

/// Images a step, where there are several, and numbers that one layer makes of them, at the most.
const BATCH: usize = 16;
const NUMBERS: usize = 1 << 22;

/// What a page is to have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PageOptions {
    /// The model's numbers rounded to f16, which halves them. Such a page does not train.
    pub half: bool,
    /// Whether the page only shows what the model does.
    pub shows_only: bool,
    /// Images of the run that the page takes along to train on.
    pub data: usize,
}

/// What `web/page.js` reads.
#[derive(Serialize)]
struct Contents<'a> {
    plans: &'a Document,
    model: Facts,
}

impl Trained {
    /// The model as a page: one file of HTML that asks for nothing from anywhere.
    ///
    /// Pictures to begin with, the directions of codes and training need the run's images; where they cannot be
    /// read, the page does without, and a warning says so.
    ///
    /// # Errors
    /// When the model is of no pictures, is too large for WebGPU's default limits, or the device fails.
    pub fn page(&mut self, options: &PageOptions) -> Result<String> {
        let model = self.model().clone();
        if model.output == Output::Number || ![1, 3].contains(&model.images().channels) {
            let what = "is of no gray or colour pictures, which is what a page shows";
            return Err(Error::file(self.folder().path(), what));
        }
        let trains = !options.half && !options.shows_only;
        if options.data > 0 && !trains {
            return Err(Error::option(
                "--with-data",
                "has no effect on a page that does not train",
            ));
        }
        let state = self.executor().state()?;
        let mut file = PlanFile::new(&state.layout);
        file.set_state(&state, options.half, trains);
        let mut facts = self.facts(&mut file)?;
        let dataset = self.dataset().map_err(|error| log::warn!("the page does without: {error}"));
        if let Ok(dataset) = &dataset {
            facts.examples = Some(examples(dataset, &mut file)?);
            facts.threshold = threshold(self, dataset)?;
            if !model.residual {
                facts.codes = codes(self, dataset, &mut file)?;
            }
        }
        if !model.residual && !model.is_variational() {
            let drawn = samples(self, &mut file);
            facts.samples = drawn.map_err(|error| log::warn!("no samples: {error}")).ok();
        }
        // Pictures of a visitor have no partners.
        let is_taught = |dataset: &&Dataset| trains && (options.data > 0 || !dataset.paired);
        if let Some(dataset) = dataset.as_ref().ok().filter(is_taught) {
            let training = self.source(dataset, options.data).add_to(&mut file)?;
            facts.training = Some(training);
        }
        file.check_default_limits()?;
        let contents = Contents { plans: file.document(), model: facts };
        let json = serde_json::to_vec(&contents)
            .map_err(|error| Error::Graph(format!("a page has no JSON: {error}")))?;
        let title = format!("{} - Diabolo", contents.model.name);
        html::page(&Page {
            title: &title,
            body: BODY,
            modules: MODEL,
            contents: &json,
            block: file.block(),
        })
    }

    fn source<'a>(&'a self, dataset: &'a Dataset, images: usize) -> Source<'a> {
        let (folder, config, layout) = (self.folder(), self.config(), self.layout());
        Source { folder, config, layout, dataset, images }
    }

    /// The facts that every page has, and the plans of what the model does.
    fn facts(&self, file: &mut PlanFile) -> Result<Facts> {
        let model = self.model();
        let batch = (NUMBERS / model.network.widest().max(1)).clamp(1, BATCH);
        let mut sizes = vec![1, batch];
        sizes.dedup();
        let mut plans = |task: Task, name: &str| {
            let plan = |batch: &usize| {
                let (name, batch) = (format!("{name} {batch}"), *batch);
                add_plans(file, &name, |target| {
                    task.plan(model, self.layout(), batch, Some(target))
                })?;
                Ok(SizedPlan { name, batch })
            };
            sizes.iter().map(plan).collect::<Result<Vec<_>>>()
        };
        let mut tasks = Tasks { encode: plans(Task::Encode, "encode")?, ..Tasks::default() };
        match model.residual {
            true => tasks.reconstruct = plans(Task::Reconstruct, "reconstruct")?,
            false => tasks.decode = plans(Task::Decode, "decode")?,
        }
        let path = self.folder().path();
        let full = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
        let name =
            full.file_name().map_or("run".into(), |name| name.to_string_lossy().into_owned());
        Ok(Facts {
            name,
            variant: model.name(),
            unit: model.unit(),
            images: model.images().into(),
            latent: model.network.latent(),
            parameters: self.layout().parameters(),
            classes: self.classes()?,
            conditional: model.is_conditional(),
            variational: model.is_variational(),
            residual: model.residual,
            fit: self.config().fit.unwrap_or_default(),
            rectifier: model.rectifier(),
            noise_level: model.noise_level,
            codebook: match &model.variant {
                Variant::Vqvae(VqVae { codes, code_dim, .. }) => Some(Codebook {
                    codes: *codes,
                    dim: *code_dim,
                    is_map: model.network.code_shape().len() == 3,
                }),
                _ => None,
            },
            threshold: None,
            tasks,
            examples: None,
            codes: None,
            samples: None,
            training: None,
        })
    }
}
