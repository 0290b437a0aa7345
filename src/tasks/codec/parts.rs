//! A picture in parts of a model's size, and together again.

use crate::arithmetic::byte::number_of_byte;
use crate::data::ImageShape;
use crate::tasks::raster::Raster;

impl Raster {
    /// A black picture.
    pub(super) fn black(shape: ImageShape) -> Self {
        Self { shape, pixels: vec![0; shape.elements()] }
    }

    /// The part of `part.height` by `part.width` pixels from row `top` and column `left` on, in [0, 1]
    /// and `[part.channels, ...]`: a gray picture is repeated in all channels. Beyond the edges, the
    /// pixels there go on.
    pub(super) fn part(&self, [top, left]: [usize; 2], part: ImageShape) -> Vec<f32> {
        let ImageShape { channels, height, width } = self.shape;
        let mut values = Vec::with_capacity(part.elements());
        for channel in 0..part.channels {
            let plane = &self.pixels[channel.min(channels - 1) * height * width..];
            for row in top..top + part.height {
                let row = &plane[row.min(height - 1) * width..][..width];
                let columns = (left..left + part.width).map(|column| row[column.min(width - 1)]);
                values.extend(columns.map(number_of_byte));
            }
        }
        values
    }

    /// Takes what lies at `from` within `values`, of size `part`, to the pixels from `to` on, `size`
    /// rows and columns of it or as far as the picture goes. A gray picture takes the mean of the
    /// channels.
    pub(super) fn take(
        &mut self,
        to: [usize; 2],
        size: [usize; 2],
        values: &[f32],
        part: ImageShape,
        from: [usize; 2],
    ) {
        let ImageShape { channels, height, width } = self.shape;
        let rows = size[0].min(height.saturating_sub(to[0]));
        let columns = size[1].min(width.saturating_sub(to[1]));
        let plane = part.height * part.width;
        let merged = if channels == 1 { part.channels } else { 1 };
        for channel in 0..channels {
            for row in 0..rows {
                for column in 0..columns {
                    let place = (from[0] + row) * part.width + from[1] + column;
                    let sum: f32 =
                        (channel..channel + merged).map(|c| values[c * plane + place]).sum();
                    let byte = (sum / merged as f32 * 255.0 + 0.5).clamp(0.0, 255.0) as u8;
                    let target = (channel * height + to[0] + row) * width + to[1] + column;
                    self.pixels[target] = byte;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_go_on_beyond_the_edges_and_come_back() {
        let shape = ImageShape { channels: 1, height: 2, width: 3 };
        let raster = Raster { shape, pixels: vec![0, 51, 102, 153, 204, 255] };
        let part = ImageShape { channels: 3, height: 2, width: 3 };
        let values = raster.part([1, 1], part);
        let row = [204, 255, 255].map(number_of_byte);
        assert_eq!(values, [row; 6].concat());
        let mut back = Raster::black(shape);
        back.take([0, 0], [9, 9], &raster.part([0, 0], part), part, [0, 0]);
        assert_eq!(back, raster);
    }
}
