//! Buffers: the state's, the datasets', the plans'.

use super::device::GpuDevice;
use crate::error::{Error, Result};
use crate::graph::{Area, Bytes, Data, METRIC_ROWS, Plan, Role, StateLayout, buffer_bytes};

/// A buffer of zeros that kernels read and write and the host writes and reads back.
pub(super) fn storage(device: &GpuDevice, label: &str, words: usize) -> Result<wgpu::Buffer> {
    use wgpu::BufferUsages;
    let usage = BufferUsages::STORAGE | BufferUsages::COPY_DST | BufferUsages::COPY_SRC;
    buffer(device, label, buffer_bytes(words), usage)
}

/// A buffer of zeros.
///
/// # Errors
/// When it is above the adapter's limit or no memory is left.
pub(super) fn buffer(
    device: &GpuDevice,
    label: &str,
    size: u64,
    usage: wgpu::BufferUsages,
) -> Result<wgpu::Buffer> {
    if size > device.limits.max_buffer_size {
        return Err(Error::Memory(format!(
            "{label} takes {}, but this adapter's buffers hold at most {}; use a smaller batch, \
             image or dataset",
            Bytes(size),
            Bytes(device.limits.max_buffer_size),
        )));
    }
    let description =
        wgpu::BufferDescriptor { label: Some(label), size, usage, mapped_at_creation: false };
    device.scoped(
        || format!("{label}, {}", Bytes(size)),
        || device.device.create_buffer(&description),
    )
}

/// Copies `bytes`, a multiple of four of them, to a buffer, ahead of whatever is submitted next.
///
/// wgpu keeps a copy until that submission is done, so large ones go in pieces.
pub(super) fn upload(device: &GpuDevice, buffer: &wgpu::Buffer, offset: u64, bytes: &[u8]) {
    const PIECE: usize = 64 << 20;
    let mut at = offset;
    for piece in bytes.chunks(PIECE) {
        device.queue.write_buffer(buffer, at, piece);
        at += piece.len() as u64;
        if piece.len() == PIECE {
            device.queue.submit([]);
        }
    }
}

/// Parameters, gradients, moments and buffers, shared by all plans.
#[derive(Debug)]
pub(super) struct StateMemory {
    pub layout: StateLayout,
    pub parameters: wgpu::Buffer,
    pub buffers: wgpu::Buffer,
    pub moments: Vec<wgpu::Buffer>,
    /// Made with the first plan that stores them.
    gradients: Option<wgpu::Buffer>,
    /// The stack of their sums, as high as plans need it.
    pub sums: Vec<wgpu::Buffer>,
}

impl StateMemory {
    pub fn new(device: &GpuDevice, layout: &StateLayout, moments: usize) -> Result<Self> {
        let words = layout.words(Role::Parameter);
        Ok(Self {
            layout: layout.clone(),
            parameters: storage(device, "parameters", words)?,
            buffers: storage(device, "state buffers", layout.words(Role::Buffer))?,
            moments: (0..moments)
                .map(|moment| storage(device, &format!("moment {moment}"), words))
                .collect::<Result<_>>()?,
            gradients: None,
            sums: vec![],
        })
    }

    /// Makes room for gradients and so many sums of them.
    pub fn ensure_gradients(&mut self, device: &GpuDevice, sums: usize) -> Result<()> {
        let words = self.layout.words(Role::Parameter);
        if self.gradients.is_none() {
            self.gradients = Some(storage(device, "gradients", words)?);
        }
        for sum in self.sums.len()..sums {
            self.sums.push(storage(device, &format!("sum {sum} of gradients"), words)?);
        }
        Ok(())
    }
}

impl StateMemory {
    /// Bytes of all buffers.
    pub fn bytes(&self) -> u64 {
        let buffers = [&self.parameters, &self.buffers].into_iter();
        let gradients = self.gradients.iter().chain(&self.sums);
        buffers.chain(&self.moments).chain(gradients).map(wgpu::Buffer::size).sum()
    }
}

/// A dataset, or a window of one.
#[derive(Debug)]
pub(super) struct DataMemory {
    pub images: usize,
    pub bytes: usize,
    pub pixels: wgpu::Buffer,
    pub labels: wgpu::Buffer,
    pub order: wgpu::Buffer,
}

impl DataMemory {
    pub fn new(device: &GpuDevice, images: usize, bytes: usize) -> Result<Self> {
        let total = images.checked_mul(bytes).ok_or_else(|| {
            Error::Memory(format!("a dataset of {images} images of {bytes} bytes is too large"))
        })?;
        Ok(Self {
            images,
            bytes,
            pixels: storage(device, "dataset", total.div_ceil(4))?,
            labels: storage(device, "labels", images)?,
            order: storage(device, "order of images", images)?,
        })
    }

    /// Bytes of all buffers.
    pub fn total(&self) -> u64 {
        [&self.pixels, &self.labels, &self.order].into_iter().map(wgpu::Buffer::size).sum()
    }

    /// Writes the first images. Up to three bytes after them, in their last word, become zero.
    pub fn write_pixels(&self, device: &GpuDevice, pixels: &[u8]) {
        let (whole, rest) = pixels.split_at(pixels.len() & !3);
        upload(device, &self.pixels, 0, whole);
        if !rest.is_empty() {
            let mut word = [0; 4];
            word[..rest.len()].copy_from_slice(rest);
            upload(device, &self.pixels, whole.len() as u64, &word);
        }
    }
}

/// What a plan has for itself.
#[derive(Debug)]
pub(super) struct PlanMemory {
    pub slots: Vec<wgpu::Buffer>,
    pub inputs: Vec<wgpu::Buffer>,
    pub constants: Vec<wgpu::Buffer>,
    pub metrics: wgpu::Buffer,
}

impl PlanMemory {
    pub fn new(device: &GpuDevice, plan: &Plan) -> Result<Self> {
        let slots = plan.slots.iter().enumerate();
        let inputs = plan.inputs.iter();
        let constants = plan.constants.iter().map(|value| {
            let buffer = storage(device, "constant", value.data().len())?;
            upload(device, &buffer, 0, bytemuck::cast_slice(value.data()));
            Ok(buffer)
        });
        Ok(Self {
            slots: slots
                .map(|(slot, words)| storage(device, &format!("slot {slot}"), *words))
                .collect::<Result<_>>()?,
            inputs: inputs
                .map(|(name, shape)| storage(device, &format!("input {name}"), shape.elements()))
                .collect::<Result<_>>()?,
            constants: constants.collect::<Result<_>>()?,
            metrics: storage(device, "metrics log", METRIC_ROWS * plan.metrics.len())?,
        })
    }
}

impl PlanMemory {
    /// Bytes of all buffers.
    pub fn bytes(&self) -> u64 {
        let buffers = self.slots.iter().chain(&self.inputs).chain(&self.constants);
        buffers.chain([&self.metrics]).map(wgpu::Buffer::size).sum()
    }
}

/// All memory that one plan sees.
#[derive(Clone, Copy, Debug)]
pub(super) struct Memory<'a> {
    pub plan: &'a PlanMemory,
    pub state: Option<&'a StateMemory>,
    pub data: Option<&'a DataMemory>,
}

impl<'a> Memory<'a> {
    /// The buffer of an area.
    ///
    /// # Errors
    /// When the plan names memory that was not set up.
    pub fn buffer(&self, area: Area) -> Result<&'a wgpu::Buffer> {
        let found = match area {
            Area::Slot(slot) => self.plan.slots.get(slot),
            Area::Input(input) => self.plan.inputs.get(input),
            Area::Constant(constant) => self.plan.constants.get(constant),
            Area::Metrics => Some(&self.plan.metrics),
            Area::Parameters => self.state.map(|state| &state.parameters),
            Area::Buffers => self.state.map(|state| &state.buffers),
            Area::Gradients => self.state.and_then(|state| state.gradients.as_ref()),
            Area::Moment(moment) => self.state.and_then(|state| state.moments.get(moment)),
            Area::Sum(sum) => self.state.and_then(|state| state.sums.get(sum)),
            Area::Data(data) => self.data.map(|memory| match data {
                Data::Pixels => &memory.pixels,
                Data::Labels => &memory.labels,
                Data::Order => &memory.order,
            }),
        };
        found.ok_or_else(|| {
            Error::Graph(match area {
                Area::Data(_) => "the plan reads a dataset; name one when the plan is added".into(),
                _ => format!("the plan uses {area:?}, which the state set here does not have"),
            })
        })
    }
}
