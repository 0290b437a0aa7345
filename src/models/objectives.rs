//! What a model is trained by, by the variant.

use super::haze::with_darkness;
use super::holes::{Filled, MISSING, filled, lost};
use super::model::{Batch, Model, Objective};
use super::network::Scope;
use super::variant::Variant;
use super::weight_rule::{Adapting, WeightRule};
use super::{autoencoder, vae};
use crate::error::{Error, Result};
use crate::nn::Output;
use crate::ops::{self, Builder, Corruption, NodeId, Noisy, UnaryKind};
use crate::shape::Shape;

impl Model {
    /// The objective over a batch.
    ///
    /// # Errors
    /// When the images are not of the model's size, or labels are missing.
    pub fn objective(&self, scope: &mut Scope, batch: &Batch) -> Result<Objective> {
        match &self.variant {
            Variant::Dense | Variant::Conv | Variant::Denoising => {
                autoencoder::objective(self, scope, batch)
            }
            Variant::Sparse(sparse) => sparse.objective(self, scope, batch),
            Variant::Contractive(contractive) => contractive.objective(self, scope, batch),
            Variant::Vae(vae) | Variant::Cvae(vae) => vae.objective(self, scope, batch),
            Variant::Iwae(iwae) => iwae.objective(self, scope, batch),
            Variant::Vqvae(vqvae) => vqvae.objective(self, scope, batch),
        }
    }

    /// `images`, corrupted as `noise` says; others at every step; and what a model is told of that: the deviations of
    /// the noise, or, where they are more than black or white, which pixels are lost.
    ///
    /// # Errors
    /// When its amount is out of its range, or it is not for what the model takes.
    pub fn corrupt(
        &self,
        builder: &mut dyn Builder,
        images: NodeId,
        noise: Corruption,
    ) -> Result<(NodeId, Option<NodeId>)> {
        let is_number = self.output == Output::Number;
        if self.noise_level {
            let Noisy { images, deviations } = ops::noisy(builder, images, noise)?;
            let pixels = UnaryKind::Clamp { low: 0.0, high: 1.0 };
            let images = if is_number { images } else { ops::unary(builder, images, pixels)? };
            return Ok((images, Some(deviations)));
        }
        let corrupted = match is_number {
            true => ops::corrupt_numbers(builder, images, noise),
            false => ops::corrupt(builder, images, noise),
        };
        let corrupted = corrupted?;
        let lost = match self.fills && noise.kind.makes_missing() {
            true => Some(lost(builder, images, corrupted)?),
            false => None,
        };
        Ok((corrupted, lost))
    }

    /// `images` without the pixels that are not `seen`, `[batch, 1, height, width]`.
    ///
    /// # Errors
    /// When the shapes do not fit.
    pub fn leave_out(
        &self,
        builder: &mut dyn Builder,
        images: NodeId,
        seen: NodeId,
    ) -> Result<NodeId> {
        let images = ops::mul(builder, images, seen)?;
        if !self.fills {
            return Ok(images);
        }
        let missing = ops::affine(builder, seen, -MISSING, MISSING)?;
        ops::add(builder, images, missing)
    }

    /// What the encoder sees of `images`: these, and for a model that is told it, the deviation of each
    /// one's noise, of `[batch, 1, 1, 1]`, as a plane. For one that fills holes, these without holes, and a plane
    /// that is 1 where they were; which may be `told`, `[batch, 1, height, width]`, or are found. For one that undoes
    /// haze, how dark it is around.
    ///
    /// # Errors
    /// When the model is told deviations and there are none.
    pub fn input(
        &self,
        builder: &mut dyn Builder,
        images: NodeId,
        told: Option<NodeId>,
    ) -> Result<NodeId> {
        if self.fills {
            let Filled { images, holes } = filled(builder, images, told, !self.knows_holes)?;
            return ops::concat(builder, &[images, holes], 1);
        }
        if self.transmission {
            return with_darkness(builder, images);
        }
        if !self.noise_level {
            return Ok(images);
        }
        let what = "this model has to be told how strong the noise is";
        let deviations = told.ok_or_else(|| Error::Graph(what.into()))?;
        let mut plane = builder.shape(images).to_vec();
        plane[1] = 1;
        let plane = ops::expand(builder, deviations, &Shape::new(plane))?;
        ops::concat(builder, &[images, plane], 1)
    }

    /// The evidence lower bound of each image of a batch, one code drawn, in nats: `[batch]` (Kingma
    /// and Welling, 2014). Under [`Loss::Mse`](crate::nn::Loss::Mse) it lacks a constant.
    ///
    /// # Errors
    /// When the model is not variational.
    pub fn evidence_bound(&self, scope: &mut Scope, batch: &Batch) -> Result<NodeId> {
        match self.is_variational() {
            true => vae::bound_by_image(self, scope, batch),
            false => Err(Error::Graph(format!("a {} model has no evidence bound", self.name()))),
        }
    }

    /// The weight that stands in each step's scalars, `epochs` epochs into the training, where the
    /// model has `adapted` it to its activity.
    pub fn weight(&self, epochs: f32, adapted: Option<f32>) -> f32 {
        adapted.unwrap_or_else(|| self.weight_rule().at(epochs))
    }

    /// How that weight goes over a training of a model that has not adapted it.
    pub fn weight_rule(&self) -> WeightRule {
        let constant = |value| WeightRule::Constant { value };
        match &self.variant {
            Variant::Dense | Variant::Conv | Variant::Denoising => {
                constant(self.quantiser.map_or(0.0, |quantiser| quantiser.rate))
            }
            Variant::Sparse(sparse) => sparse.weight(),
            Variant::Contractive(contractive) => constant(contractive.penalty),
            Variant::Vae(vae) | Variant::Cvae(vae) => vae.weight(),
            Variant::Iwae(_) => constant(1.0),
            Variant::Vqvae(vqvae) => constant(vqvae.penalty),
        }
    }

    /// The weight for the next epoch after one at `weight` in which this share of units was active.
    pub fn adapted(&self, weight: f32, activity: f32) -> Option<f32> {
        self.adapting().map(|adapting| adapting.next(weight, activity))
    }

    /// How it adapts that weight, if it does.
    pub fn adapting(&self) -> Option<Adapting> {
        match &self.variant {
            Variant::Sparse(sparse) => sparse.adapting(),
            _ => None,
        }
    }
}
