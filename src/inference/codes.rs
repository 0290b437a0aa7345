//! What a trained model gives: codes of images, and images without noise.

use crate::tensor::Tensor;

/// The codes of some images.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Codes {
    /// Numbers of one code.
    pub width: usize,
    /// The codes, row by row: for variational models, the means.
    pub values: Vec<f32>,
    /// The logarithms of their variances, of variational models.
    pub log_variances: Option<Vec<f32>>,
    /// The logarithms of the scales of their distributions, in steps, of models with a hyperprior.
    pub log_scales: Option<Vec<f32>>,
    /// The numbers of the codebook's codes, place by place and image by image, of VQ-VAE.
    pub indices: Option<Vec<u32>>,
}

impl Codes {
    /// How many codes there are.
    pub fn count(&self) -> usize {
        self.values.len() / self.width.max(1)
    }

    /// Adds the codes of other images of the same model behind these.
    pub fn append(&mut self, more: Codes) {
        /// What some images have, or none.
        fn join<T>(all: &mut Option<Vec<T>>, more: Option<Vec<T>>) {
            match (all, more) {
                (Some(all), Some(more)) => all.extend(more),
                (all, more) => *all = all.take().or(more),
            }
        }
        self.width = more.width;
        self.values.extend(more.values);
        join(&mut self.log_variances, more.log_variances);
        join(&mut self.log_scales, more.log_scales);
        join(&mut self.indices, more.indices);
    }

    /// Leaves out all but the first `count` codes.
    pub fn truncate(&mut self, count: usize) {
        let places = self.indices.as_ref().map_or(0, Vec::len) / self.count().max(1);
        self.values.truncate(count * self.width);
        let beside = [&mut self.log_variances, &mut self.log_scales];
        beside.into_iter().flatten().for_each(|numbers| numbers.truncate(count * self.width));
        self.indices.iter_mut().for_each(|indices| indices.truncate(count * places));
    }

    /// The code of image `index`.
    ///
    /// # Panics
    /// When there is no such image.
    pub fn row(&self, index: usize) -> &[f32] {
        &self.values[index * self.width..][..self.width]
    }
}

/// Images that were corrupted, and what the model made of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Restored {
    /// What the encoder saw.
    pub corrupted: Tensor,
    /// What came out.
    pub restored: Tensor,
}
