//! The linear path from images to codes and back, beside the layers: what a linear autoencoder would
//! do, which at its best is principal component analysis (Baldi and Hornik, "Neural networks and
//! principal component analysis", 1989). Layers add to it what is not linear, and begin by adding
//! nothing.
//!
//! Of a code that is a vector it takes whole images; of one that is a map, the block of the image
//! that lies behind each of its places.

use super::conv;
use super::structure::{Network, Scope};
use crate::data::ImageShape;
use crate::error::Result;
use crate::models::architecture::{Architecture, CodeForm};
use crate::nn;
use crate::ops::{self, Builder, NodeId};

/// The layer from images to codes.
pub const ENCODER: &str = "encoder.linear";
/// The layer back.
pub const DECODER: &str = "decoder.linear";

/// What the path takes at once, in pixels: an image, or a block of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Section {
    /// Blocks down and across an image; of a whole image, 1 and 1.
    pub blocks: [usize; 2],
    /// The size of each.
    pub shape: ImageShape,
}

impl Section {
    /// How many there are in an image.
    pub fn count(&self) -> usize {
        self.blocks.iter().product()
    }

    /// Pixels of section `number` of an image of this shape: their places in the section, and in the
    /// image. What lies beyond the image, where it is padded below and to the right, has none.
    pub fn pixels(
        &self,
        image: ImageShape,
        number: usize,
    ) -> impl Iterator<Item = (usize, usize)> + use<> {
        let ImageShape { channels, height, width } = self.shape;
        let [_, columns] = self.blocks;
        let (top, left) = (number / columns * height, number % columns * width);
        let rows = image.height.saturating_sub(top).min(height);
        let across = image.width.saturating_sub(left).min(width);
        (0..channels * rows * across).map(move |index| {
            let (channel, row, column) =
                (index / (rows * across), index / across % rows, index % across);
            let inside = (channel * height + row) * width + column;
            (inside, (channel * image.height + top + row) * image.width + left + column)
        })
    }
}

impl Network {
    /// The sections of an image, each of which has numbers of the code of its own.
    pub fn section(&self) -> Section {
        match (&self.architecture, self.code) {
            (Architecture::Dense(_), _) | (_, CodeForm::Vector(_)) => {
                Section { blocks: [1, 1], shape: self.images }
            }
            (Architecture::Conv(sizes), _) => {
                let [_, rows, columns] = conv::innermost(self, sizes);
                let side = 1 << sizes.encoder.len();
                let shape = ImageShape { height: side, width: side, ..self.images };
                Section { blocks: [rows, columns], shape }
            }
        }
    }

    /// Numbers of the code of one section.
    pub fn components(&self) -> usize {
        self.code_shape().first().copied().unwrap_or(0)
    }

    /// What the products of the path's two layers are multiplied by.
    pub fn path_scales(&self) -> [f32; 2] {
        [self.section().shape.elements(), self.components()].map(|inputs| self.scale(inputs))
    }

    /// The linear part of the code of `images`, shaped like the code.
    pub(super) fn linear_code(&self, scope: &mut Scope, images: NodeId) -> Result<NodeId> {
        let graph = &mut *scope.graph;
        let Section { blocks: [rows, columns], shape } = self.section();
        let [batch, inputs, width] = [graph.shape(images)[0], shape.elements(), self.components()];
        let mut x = images;
        if let (Architecture::Conv(sizes), false) = (&self.architecture, self.is_vector()) {
            x = conv::padded(self, graph, x, sizes.encoder.len())?;
            let ImageShape { channels, height, width } = shape;
            x = ops::reshape(graph, x, [batch, channels, rows, height, columns, width])?;
            x = ops::permute(graph, x, &[0, 2, 4, 1, 3, 5])?;
        }
        x = ops::reshape(graph, x, [batch * rows * columns, inputs])?;
        x = nn::dense(graph, ENCODER, x, width, self.layer(None))?;
        if self.is_vector() {
            return Ok(x);
        }
        x = ops::reshape(graph, x, [batch, rows, columns, width])?;
        ops::permute(graph, x, &[0, 3, 1, 2])
    }

    /// The linear part of the images that `code` stands for.
    pub(super) fn linear_image(&self, scope: &mut Scope, code: NodeId) -> Result<NodeId> {
        let graph = &mut *scope.graph;
        let Section { blocks: [rows, columns], shape } = self.section();
        let [batch, width] = [graph.shape(code)[0], self.components()];
        let ImageShape { channels, height, width: across } = shape;
        let mut x = code;
        if !self.is_vector() {
            x = ops::permute(graph, x, &[0, 2, 3, 1])?;
            x = ops::reshape(graph, x, [batch * rows * columns, width])?;
        }
        let pixels = shape.elements();
        x = match self.tied {
            true => nn::dense_tied(graph, DECODER, ENCODER, x, pixels, self.layer(None))?,
            false => nn::dense(graph, DECODER, x, pixels, self.layer(None))?,
        };
        x = ops::reshape(graph, x, [batch, rows, columns, channels, height, across])?;
        x = ops::permute(graph, x, &[0, 3, 1, 4, 2, 5])?;
        x = ops::reshape(graph, x, [batch, channels, rows * height, columns * across])?;
        let ImageShape { channels, height, width } = self.images;
        ops::slice(graph, x, &[0; 4], &[batch, channels, height, width])
    }

    fn is_vector(&self) -> bool {
        matches!(self.code, CodeForm::Vector(_))
    }
}
