//! The linear path from images to codes and back, beside the layers: what a linear autoencoder would
//! do, which at its best is principal component analysis (Baldi and Hornik, "Neural networks and
//! principal component analysis", 1989). Layers add to it what is not linear, and begin by adding
//! nothing.
//!
//! Of a code that is a vector it takes whole images; of one that is a map, the block of the image
//! that lies behind each of its places, with half a block around it: windows overlap, so that there
//! need be no edges between blocks (Malvar and Staelin, "The LOT: transform coding without blocking
//! effects", 1989). They begin at 0 around their blocks.

use super::conv;
use super::structure::{Network, Scope};
use crate::data::ImageShape;
use crate::error::Result;
use crate::graph::Graph;
use crate::models::architecture::CodeForm;
use crate::nn::{self, Layer};
use crate::ops::{self, Builder, ConvGeometry, NodeId};

/// The layer from images to codes.
pub const ENCODER: &str = "encoder.linear";
/// The layer back.
pub const DECODER: &str = "decoder.linear";

/// How much finer the steps of windows are than those of other layers: a block's last components are hundredths of a
/// pixel, and a step of Adam is to move less than that. The weights on a window's pixels step the same way wherever a
/// batch is a little brighter than the last, so that what they see of its brightness moves by their sum.
const FINER: usize = 16;

/// What the path takes at once, in pixels: an image, or a block of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Section {
    /// Blocks down and across an image; of a whole image, 1 and 1.
    pub blocks: [usize; 2],
    /// The size of each.
    pub shape: ImageShape,
    /// Pixels by which the window that the path sees, and makes, is larger to each side.
    pub overlap: usize,
}

impl Section {
    /// How many there are in an image.
    pub fn count(&self) -> usize {
        self.blocks.iter().product()
    }

    /// The size of a window.
    pub fn window(&self) -> ImageShape {
        let ImageShape { channels, height, width } = self.shape;
        ImageShape { channels, height: height + 2 * self.overlap, width: width + 2 * self.overlap }
    }

    /// The convolution whose windows those are.
    fn geometry(&self) -> ConvGeometry {
        let (block, window) = (self.shape, self.window());
        ConvGeometry::symmetric(
            [window.height, window.width],
            [block.height, block.width],
            [self.overlap; 2],
        )
    }

    /// The place in its window of each pixel of a section.
    pub fn places(&self) -> impl Iterator<Item = usize> + use<> {
        let (Section { shape, overlap, .. }, window) = (*self, self.window());
        (0..shape.elements()).map(move |pixel| {
            let (row, column) = (pixel / shape.width, pixel % shape.width);
            let (channel, row) = (row / shape.height, row % shape.height);
            (channel * window.height + row + overlap) * window.width + column + overlap
        })
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
        match (self.architecture.halvings(), self.innermost(), self.code) {
            (None, ..) | (_, None, _) | (.., CodeForm::Vector(_)) => {
                Section { blocks: [1, 1], shape: self.images, overlap: 0 }
            }
            (Some(halvings), Some([_, rows, columns]), _) => {
                let side = 1 << halvings;
                let shape = ImageShape { height: side, width: side, ..self.images };
                Section { blocks: [rows, columns], shape, overlap: side / 2 }
            }
        }
    }

    /// Numbers of the code of one section.
    pub fn components(&self) -> usize {
        self.code_shape().first().copied().unwrap_or(0)
    }

    /// What the products of the path's two layers are multiplied by.
    pub fn path_scales(&self) -> [f32; 2] {
        let decoder = match self.is_vector() {
            true => self.components(),
            // At a pixel, windows of four places meet.
            false => 4 * (self.components() + 1),
        };
        let [from, to] = self.path_layers();
        [from.scale(self.section().window().elements()), to.scale(decoder)]
    }

    /// The linear part of the code of `images`, shaped like the code.
    pub(super) fn linear_code(&self, scope: &mut Scope, images: NodeId) -> Result<NodeId> {
        let (graph, width, layer) = (&mut *scope.graph, self.components(), self.path_layers()[0]);
        if self.is_vector() {
            let x = ops::flatten(graph, images)?;
            return nn::dense(graph, ENCODER, x, width, layer);
        }
        let x = conv::padded(self, graph, images)?;
        nn::conv2d(graph, ENCODER, x, width, self.section().geometry(), layer)
    }

    /// The linear part of the images that `code` stands for.
    pub(super) fn linear_image(&self, scope: &mut Scope, code: NodeId) -> Result<NodeId> {
        let (graph, layer) = (&mut *scope.graph, self.path_layers()[1]);
        let (batch, pixels) = (graph.shape(code)[0], self.images.elements());
        let ImageShape { channels, height, width } = self.images;
        let size = [batch, channels, height, width];
        if !self.is_vector() {
            let x = overlapping(graph, code, &self.section(), layer)?;
            return ops::slice(graph, x, &[0; 4], &size);
        }
        let x = match self.tied {
            true => nn::dense_tied(graph, DECODER, ENCODER, code, pixels, layer)?,
            false => nn::dense(graph, DECODER, code, pixels, layer)?,
        };
        // In two steps: of one, plans of a training step have two dispatches more.
        let x = ops::reshape(graph, x, [batch, 1, 1, channels, height, width])?;
        ops::reshape(graph, x, size)
    }

    /// What the path's two layers are made of.
    fn path_layers(&self) -> [Layer; 2] {
        let layer = self.layer(None);
        let fine = Layer { width: layer.width.map(|width| (width / FINER).max(1)), ..layer };
        match (self.is_vector(), self.finer_windows) {
            (true, _) => [layer; 2],
            (false, true) => [fine; 2],
            (false, false) => [layer, fine],
        }
    }

    pub(super) fn is_vector(&self) -> bool {
        matches!(self.code, CodeForm::Vector(_))
    }
}

/// The sum of the windows that the places of `code` stand for. A number more of the code, which is 1 at
/// all places, stands for what all images have: the mean of a section has a value for each pixel, where
/// a bias would have one for each channel.
fn overlapping(graph: &mut Graph, code: NodeId, section: &Section, layer: Layer) -> Result<NodeId> {
    let (channels, layer) = (section.shape.channels, Layer { bias: false, ..layer });
    let code = ops::pad(graph, code, &[0; 4], &[0, 1, 0, 0], 1.0)?;
    nn::conv_transpose2d(graph, DECODER, code, channels, section.geometry(), layer)
}

#[cfg(test)]
mod tests {
    use crate::data::ImageShape;
    use crate::models::{Architecture, Choices, CodeForm, Kind};

    #[test]
    fn models_of_earlier_versions_keep_their_scales() {
        let images = ImageShape { channels: 3, height: 16, width: 16 };
        let arch: Architecture = "conv:8,8,8".parse().expect("an architecture");
        let choices =
            Choices { arch: Some(arch), latent: Some(CodeForm::Map(6)), ..Choices::default() };
        let (model, _) = Kind::Conv.build(images, 0, &choices, false).expect("fits");
        // A window has 16 x 16 pixels of three channels, and 7 numbers of four windows make a pixel.
        assert_eq!(model.network.path_scales(), [16.0 / 768.0, 16.0 / 28.0]);
        let mut stored = serde_json::to_value(&model).expect("can be written");
        stored["network"].as_object_mut().expect("a network").remove("finer_windows");
        let earlier: crate::models::Model = serde_json::from_value(stored).expect("can be read");
        assert_eq!(earlier.network.path_scales(), [256.0 / 768.0, 16.0 / 28.0]);
    }
}
