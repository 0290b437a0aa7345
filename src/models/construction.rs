//! From options to a model: which each variant takes, what its recipe adds, and what they come to.

use super::architecture::{Architecture, CodeForm};
use super::choices::Choices;
use super::kind::Kind;
use super::model::Model;
use super::network::Network;
use super::recipe::{LATENT, PLAIN_WIDTH, Recipe, WIDTH};
use super::variant::{Contractive, Iwae, Quantiser, Sparse, Sparsity, Vae, Variant, VqVae};
use super::{contractive, conv, cvae, denoising, dense, iwae, quantiser, sparse, vae, vqvae};
use crate::data::ImageShape;
use crate::error::{Error, Result};
use crate::nn::{Loss, Output, Start};
use crate::ops::{Amount, CorruptionKind};

/// Places of a quantised code there.
const DENSE_PLACES: usize = 16;

/// Options that every variant takes.
const COMMON: [&str; 10] = [
    "arch",
    "activation",
    "block",
    "downsample",
    "norm",
    "downsample-kernel",
    "upsample-kernel",
    "noise",
    "test-noise",
    "missing",
];

impl Kind {
    /// The options it takes besides those that all take.
    fn options(self) -> &'static [&'static str] {
        match self {
            Self::Dense | Self::Conv => &PLAIN[1..],
            Self::Denoising => &PLAIN,
            Self::Sparse => &sparse::OPTIONS,
            Self::Contractive => &contractive::OPTIONS,
            Self::Vae | Self::Cvae => &vae::OPTIONS,
            Self::Iwae => &iwae::OPTIONS,
            Self::Vqvae => &vqvae::OPTIONS,
        }
    }

    /// The recipe with what was `given` in its place; on MNIST, the one whose result is documented.
    pub fn recipe(self, given: &Choices, is_mnist: bool) -> Recipe {
        let recipe = self.own_recipe(given, is_mnist);
        let mut choices = given.clone().or(recipe.choices);
        if let Some(Architecture::Dense(sizes)) = &choices.arch {
            if !sizes.is_mirrored() {
                choices.tied = given.tied;
            }
            if self.is_plain() && sizes.encoder.is_empty() && sizes.decoder.is_empty() {
                // There is nothing but the code for an activation to follow, and that is linear unless
                // one is asked for.
                choices.activation = given.activation;
            }
            // What a convolutional recipe says of stages and maps says nothing of dense layers.
            choices.block = given.block;
            choices.downsample = given.downsample;
            choices.norm = given.norm;
            choices.downsample_kernel = given.downsample_kernel;
            choices.upsample_kernel = given.upsample_kernel;
            let places =
                choices.code_dim.map_or(LATENT, |width| width.saturating_mul(DENSE_PLACES));
            choices.latent = match (given.latent, choices.latent) {
                (None, Some(CodeForm::Features | CodeForm::Map(_))) => {
                    Some(CodeForm::Vector(places))
                }
                (_, latent) => latent,
            };
        } else {
            // Weights are tied in dense layers alone.
            choices.tied = given.tied;
        }
        Recipe { choices, ..recipe }
    }

    fn own_recipe(self, given: &Choices, is_mnist: bool) -> Recipe {
        let recipe = match self {
            Self::Dense => dense::recipe(given),
            Self::Conv => conv::recipe(given, is_mnist),
            Self::Sparse => sparse::recipe(given),
            Self::Contractive => contractive::recipe(given),
            Self::Denoising => denoising::recipe(given),
            Self::Vae => vae::recipe(),
            Self::Cvae => cvae::recipe(),
            Self::Iwae => iwae::recipe(),
            Self::Vqvae => vqvae::recipe(given),
        };
        if self.is_plain() || given.arch.is_none() {
            return recipe;
        }
        // Codes of these are what they are by their activation.
        let is_of_code = self == Self::Contractive || recipe.choices.sparsity == Some(Sparsity::L1);
        recipe.of_named_layers(is_of_code)
    }

    /// Refuses options that would do nothing.
    ///
    /// # Errors
    /// When `given` has one.
    pub fn check(self, given: &Choices) -> Result<()> {
        let known = |name: &&str| COMMON.contains(name) || self.options().contains(name);
        match given.given().into_iter().find(|name| !known(name)) {
            None => Ok(()),
            Some(name) => {
                let mut list: Vec<String> =
                    self.options().iter().map(|name| format!("--{name}")).collect();
                list.sort();
                let what = format!(
                    "has no effect on the {} model; its own options are {}",
                    self.name(),
                    list.join(", ")
                );
                Err(Error::option(format!("--{name}"), what))
            }
        }
    }

    /// The model by this recipe with what was `given`, and the recipe.
    ///
    /// # Errors
    /// When choices do not go together, or one has no effect.
    pub fn build(
        self,
        images: ImageShape,
        classes: usize,
        given: &Choices,
        is_mnist: bool,
    ) -> Result<(Model, Recipe)> {
        self.check(given)?;
        let recipe = self.recipe(given, is_mnist);
        check_stages(given, &recipe.choices)?;
        let model = self.model(images, classes, &recipe.choices)?;
        check_activation(given, &model)?;
        Ok((model, recipe))
    }

    /// The model of `choices`, which are complete, for these images, with labels of `classes`.
    ///
    /// # Errors
    /// When choices do not go together.
    pub fn model(self, images: ImageShape, classes: usize, choices: &Choices) -> Result<Model> {
        let mut network = network(images, choices)?;
        network.width = Some(WIDTH);
        if matches!(self, Self::Vae | Self::Cvae | Self::Iwae) {
            // A posterior that hardly depends on the image is near the prior.
            network.start = Start::Small;
        }
        let variant = match self {
            Self::Dense => Variant::Dense,
            Self::Conv => Variant::Conv,
            Self::Denoising => Variant::Denoising,
            Self::Sparse => Variant::Sparse(Sparse::new(choices)?),
            Self::Contractive => Variant::Contractive(Contractive::new(choices)?),
            Self::Vae => Variant::Vae(Vae::new(choices)?),
            Self::Cvae => {
                network.classes = cvae::classes(classes)?;
                Variant::Cvae(Vae::new(choices)?)
            }
            Self::Iwae => Variant::Iwae(Iwae::new(choices)?),
            Self::Vqvae => {
                let (vqvae, code) = VqVae::new(choices, &network)?;
                network.code = code;
                Variant::Vqvae(vqvae)
            }
        };
        let loss = choices.loss.unwrap_or(Loss::Mse);
        let variance = (loss == Loss::Gaussian).then(|| choices.variance.unwrap_or_default());
        if variance.is_none() && choices.variance.is_some() {
            let what = "has no effect without --loss gaussian";
            return Err(Error::option("--variance", what));
        }
        let quantiser = Quantiser::new(choices, loss)?;
        let residual = choices.residual.unwrap_or(false);
        network.correction = residual;
        // A squared error behind a sigmoid has no gradient where the sigmoid is most wrong. The other
        // variants have learned behind one, as their papers have it, and their figures with it.
        let output = match self.is_plain() && loss != Loss::Bce {
            true => Output::Clamp,
            false => Output::Sigmoid,
        };
        let is_rectified = !network.has_hidden_layers() && choices.activation.is_some();
        if self.is_plain() && !residual && !is_rectified {
            network.begin_linear();
            network.width = Some(PLAIN_WIDTH);
        }
        // Noise of any strength is better removed by who knows how strong it is.
        let is_any =
            choices.noise.and_then(|noise| noise.deviation()).is_some_and(Amount::is_range);
        let noise_level =
            residual && is_any && matches!(network.architecture, Architecture::Flat(_));
        let corrupts =
            |by: fn(CorruptionKind) -> bool| choices.noise.is_some_and(|noise| by(noise.kind));
        // Dense layers have no room for what stands around a pixel.
        let sees_around = residual && !matches!(network.architecture, Architecture::Dense(_));
        let fills = sees_around && corrupts(CorruptionKind::makes_holes);
        let transmission = sees_around && corrupts(|kind| kind == CorruptionKind::Haze);
        let model = Model {
            network,
            loss,
            variance,
            variant,
            quantiser,
            residual,
            output,
            noise_level,
            fills,
            knows_holes: fills && corrupts(CorruptionKind::makes_missing),
            transmission,
        };
        model.check()?;
        Ok(model)
    }
}

/// What variants take that are nothing but a reconstruction; the first, denoising ones alone.
const PLAIN: [&str; 9] = [
    "residual",
    "latent",
    "loss",
    "variance",
    "dropout",
    "tied",
    quantiser::OPTIONS[0],
    quantiser::OPTIONS[1],
    quantiser::OPTIONS[2],
];

/// Refuses options of convolutional stages where there are none.
fn check_stages(given: &Choices, complete: &Choices) -> Result<()> {
    const STAGES: [&str; 5] =
        ["norm", "block", "downsample", "downsample-kernel", "upsample-kernel"];
    let (none, layers) = match complete.arch {
        Some(Architecture::Dense(_)) => (&STAGES[..], "dense"),
        Some(Architecture::Flat(_)) => (&STAGES[2..], "flat"),
        Some(Architecture::Conv(_)) | None => (&[][..], ""),
    };
    if let Some(name) = given.given().into_iter().find(|name| none.contains(name)) {
        let what =
            format!("has no effect on {layers} layers; leave it out or give --arch conv:32,64");
        return Err(Error::option(format!("--{name}"), what));
    }
    Ok(())
}

/// Refuses options of hidden layers where there are none.
fn check_activation(given: &Choices, model: &Model) -> Result<()> {
    if !model.network.has_hidden_layers() {
        let is_linear = model.code_activation() != Some(model.network.activation);
        if is_linear && given.activation.is_some() {
            let what = "has no effect without hidden layers on this code; give --arch dense:400";
            return Err(Error::option("--activation", what));
        }
        if model.is_variational() && given.dropout.is_some() {
            let what = "has no effect without hidden layers; give --arch dense:400";
            return Err(Error::option("--dropout", what));
        }
    }
    Ok(())
}

fn network(images: ImageShape, choices: &Choices) -> Result<Network> {
    let missing = |option: &str| Error::option(option, "is needed here");
    let code = choices.latent.ok_or_else(|| missing("--latent"))?;
    let architecture = choices.arch.clone().unwrap_or_else(|| conv::architecture(images, code));
    let mut network = Network::new(images, architecture, code);
    let stages = &mut network.stages;
    stages.block = choices.block.unwrap_or_default();
    stages.downsample = choices.downsample.unwrap_or(stages.downsample);
    stages.norm = choices.norm.unwrap_or_default();
    stages.downsample_kernel = choices.downsample_kernel.unwrap_or(stages.downsample_kernel);
    stages.upsample_kernel = choices.upsample_kernel.unwrap_or(stages.upsample_kernel);
    network.activation = choices.activation.unwrap_or(network.activation);
    network.dropout = choices.dropout.unwrap_or(0.0);
    network.tied = choices.tied.unwrap_or(false);
    Ok(network)
}
