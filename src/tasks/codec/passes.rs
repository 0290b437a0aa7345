//! What a codec's model makes of pictures and of codes of any size, window by window.

use crate::data::ImageShape;
use crate::error::{Error, Result};
use crate::graph::PlanId;
use crate::inference::{self, PlanCache, Task};
use crate::models::Model;
use crate::ops::StepScalars;
use crate::shape::Shape;
use crate::tasks::raster::Raster;
use crate::tasks::trained::Trained;
use crate::tasks::windows::{Grid, Window};
use crate::tensor::Tensor;

/// Numbers that one layer makes at once, by which few tiles are computed at a time where they are
/// large.
const NUMBERS: usize = 1 << 22;
/// The most tiles at a time.
const TILES: usize = 64;

/// A model that is asked for codes of pictures and for pictures of codes.
pub(super) struct Passes {
    pub trained: Trained,
    pub grid: Grid,
    /// By task, the size of an image and images a step.
    plans: PlanCache<(Task, ImageShape, usize)>,
}

/// By how much a picture's error grows with each number of its code.
pub(super) struct Slopes {
    /// What the decoder makes of the code.
    pub made: Raster,
    /// The gradient of the sum of squared errors, shaped like the code.
    pub slopes: Vec<f32>,
}

impl Passes {
    /// Of this model.
    pub fn new(trained: Trained) -> Self {
        let grid = Grid::new(trained.model());
        Self { trained, grid, plans: PlanCache::new() }
    }

    /// The numbers that `task` gives as `output` for `picture`: a code of this shape.
    ///
    /// # Errors
    /// When there are some that are no numbers, or the device fails.
    pub fn encode(
        &mut self,
        (task, output): (Task, &str),
        picture: &Raster,
        shape: [usize; 3],
    ) -> Result<Vec<f32>> {
        let mut made = vec![0.0; shape.iter().product()];
        for windows in self.batches(shape) {
            let images = self.images(picture, &windows)?;
            let [code] = self.run(task, &windows, &[("images", images)], [output])?;
            self.put(&mut made, shape, &windows, code.data());
        }
        if made.iter().any(|number| !number.is_finite()) {
            let what = "the model makes codes of this picture that are no numbers; train it anew";
            return Err(Error::NotFinite(what.into()));
        }
        Ok(made)
    }

    /// The picture of this size that a code of this shape stands for, of which `code` has the part of a window.
    ///
    /// # Errors
    /// When the device fails.
    pub fn decode(
        &mut self,
        code: impl Fn(&[Window; 2]) -> Vec<f32>,
        shape: [usize; 3],
        image: ImageShape,
    ) -> Result<Raster> {
        let mut picture = Raster::black(image);
        for windows in self.batches(shape) {
            let codes = self.codes(&code, &windows)?;
            let [made] =
                self.run(Task::Decode, &windows, &[("code", codes)], ["reconstruction"])?;
            self.draw(&mut picture, &windows, made.data());
        }
        Ok(picture)
    }

    /// By how much the error of `picture` grows with the numbers of a code of this shape, of which `code` has the part of
    /// a window.
    ///
    /// # Errors
    /// When the device fails.
    pub fn slopes(
        &mut self,
        code: impl Fn(&[Window; 2]) -> Vec<f32>,
        shape: [usize; 3],
        picture: &Raster,
    ) -> Result<Slopes> {
        let mut made = Raster::black(picture.shape);
        let mut slopes = vec![0.0; shape.iter().product()];
        for windows in self.batches(shape) {
            let images = self.images(picture, &windows)?;
            let inputs = [("images", images), ("code", self.codes(&code, &windows)?)];
            let outputs = ["reconstruction", "slope"];
            let [pixels, slope] = self.run(Task::Slope, &windows, &inputs, outputs)?;
            self.draw(&mut made, &windows, pixels.data());
            self.put(&mut slopes, shape, &windows, slope.data());
        }
        Ok(Slopes { made, slopes })
    }

    /// Windows of one size, by as many as are computed at a time.
    fn batches(
        &self,
        [_, rows, columns]: [usize; 3],
    ) -> impl Iterator<Item = Vec<[Window; 2]>> + use<> {
        let (down, across) = (self.grid.windows(rows), self.grid.windows(columns));
        let batch = match self.grid.is_of_tiles() {
            true => (NUMBERS / self.trained.model().network.widest().max(1)).clamp(1, TILES),
            false => 1,
        };
        // Made as they are needed, since there may be as many as pixels.
        let count = down.len() * across.len();
        (0..count).step_by(batch).map(move |first| {
            let places = first..count.min(first + batch);
            places.map(|place| [down[place / across.len()], across[place % across.len()]]).collect()
        })
    }

    /// The image that the model sees of such a window.
    fn image_of(&self, [row, column]: [Window; 2]) -> ImageShape {
        let cell = self.grid.cell;
        let channels = self.trained.model().images().channels;
        ImageShape { channels, height: row.size * cell[0], width: column.size * cell[1] }
    }

    /// What the model sees of a picture, `[windows, channels, height, width]`.
    fn images(&self, picture: &Raster, windows: &[[Window; 2]]) -> Result<Tensor> {
        let (image, cell) = (self.image_of(windows[0]), self.grid.cell);
        let mut images = Vec::with_capacity(windows.len() * image.elements());
        for [row, column] in windows {
            images.extend(picture.part([row.start * cell[0], column.start * cell[1]], image));
        }
        Tensor::new([windows.len(), image.channels, image.height, image.width], images)
    }

    /// What the decoder takes of a code, `[windows, ...]`.
    fn codes(
        &self,
        code: impl Fn(&[Window; 2]) -> Vec<f32>,
        windows: &[[Window; 2]],
    ) -> Result<Tensor> {
        let of_one = self.resized(self.image_of(windows[0])).network.code_shape();
        let shape = Shape::new([&[windows.len()][..], &of_one].concat());
        Tensor::new(shape, windows.iter().flat_map(code).collect::<Vec<_>>())
    }

    /// Takes what is kept of windows' numbers, `[windows, channels, rows, columns]`, to their places in a code of this
    /// shape.
    fn put(
        &self,
        code: &mut [f32],
        [channels, rows, columns]: [usize; 3],
        windows: &[[Window; 2]],
        numbers: &[f32],
    ) {
        let each = (numbers.len() / windows.len()).max(1);
        for ([row, column], numbers) in windows.iter().zip(numbers.chunks(each)) {
            let plane = row.size * column.size;
            for channel in 0..channels {
                for place in row.first..row.first + row.count {
                    let from = channel * plane + (place - row.start) * column.size;
                    let from = from + column.first - column.start;
                    let to = (channel * rows + place) * columns + column.first;
                    let kept = &numbers[from..from + column.count];
                    code[to..to + column.count].copy_from_slice(kept);
                }
            }
        }
    }

    /// Takes what is kept of windows' pixels to their places.
    fn draw(&self, picture: &mut Raster, windows: &[[Window; 2]], pixels: &[f32]) {
        let (part, cell) = (self.image_of(windows[0]), self.grid.cell);
        for ([row, column], values) in windows.iter().zip(pixels.chunks(part.elements())) {
            let to = [row.first * cell[0], column.first * cell[1]];
            let size = [row.count * cell[0], column.count * cell[1]];
            let from = [(row.first - row.start) * cell[0], (column.first - column.start) * cell[1]];
            picture.take(to, size, values, part, from);
        }
    }

    /// The model for images of another size.
    fn resized(&self, image: ImageShape) -> Model {
        let mut model = self.trained.model().clone();
        model.network.images = image;
        model
    }

    /// What a task makes of these inputs, which are of `windows` of one size.
    fn run<const OUTPUTS: usize>(
        &mut self,
        task: Task,
        windows: &[[Window; 2]],
        inputs: &[(&str, Tensor)],
        outputs: [&str; OUTPUTS],
    ) -> Result<[Tensor; OUTPUTS]> {
        let (image, batch) = (self.image_of(windows[0]), windows.len());
        let plan = match self.plans.find(&(task, image, batch)) {
            Some(plan) => plan,
            None => self.add_plan(task, image, batch)?,
        };
        let executor = self.trained.executor();
        for (name, input) in inputs {
            executor.write_input(plan, name, input)?;
        }
        executor.run(plan, &[StepScalars::default()])?;
        let mut made = outputs.map(|_| Tensor::zeros(Shape::scalar()));
        for (made, output) in made.iter_mut().zip(outputs) {
            *made = executor.read_output(plan, output)?;
        }
        Ok(made)
    }

    fn add_plan(&mut self, task: Task, image: ImageShape, batch: usize) -> Result<PlanId> {
        let model = self.resized(image);
        model.check()?;
        let layout = inference::layout(&model)?;
        if layout != *self.trained.layout() {
            let what = format!("this model has other weights for images of {image}");
            return Err(Error::Graph(what));
        }
        let executor = self.trained.executor();
        let plan = task.plan(&model, &layout, batch, executor.target())?;
        self.plans.add(executor, (task, image, batch), plan)
    }
}
