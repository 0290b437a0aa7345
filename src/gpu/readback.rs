//! Reading buffers back, waiting for them.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use super::device::{GpuDevice, Sent, TOKEN};
use crate::error::{Error, Result};
use crate::graph::Arriving;

/// Whether a mapping that was asked for has come about.
#[derive(Clone, Debug, Default)]
pub(super) struct Arrival(Arc<AtomicU8>);

impl Arrival {
    const DONE: u8 = 1;
    const FAILED: u8 = 2;

    /// Asks for the first `size` bytes of `buffer`, once all that is submitted is done.
    pub fn of_mapping(buffer: &wgpu::Buffer, size: u64) -> Self {
        let arrival = Self::default();
        let told = arrival.clone();
        buffer.map_async(wgpu::MapMode::Read, 0..size, move |result| {
            let state = if result.is_ok() { Self::DONE } else { Self::FAILED };
            told.0.store(state, Ordering::Release);
        });
        arrival
    }

    /// Whether it has come about.
    ///
    /// # Errors
    /// When it never will.
    pub fn is_done(&self) -> Result<bool> {
        match self.0.load(Ordering::Acquire) {
            Self::FAILED => Err(Error::Gpu("results could not be read back".into())),
            state => Ok(state == Self::DONE),
        }
    }
}

/// Calls `use_bytes` with the first `size` bytes of a buffer that is mapped, and unmaps it.
pub(super) fn mapped<T>(
    buffer: &wgpu::Buffer,
    size: u64,
    use_bytes: impl FnOnce(&[u8]) -> T,
) -> Result<T> {
    let view = buffer.get_mapped_range(0..size);
    let value = view.map(|view| use_bytes(&view));
    buffer.unmap();
    value.map_err(|error| Error::Gpu(format!("results could not be read back: {error}")))
}

/// Bytes of a buffer that were sent to the host.
pub(super) struct OnItsWay {
    device: GpuDevice,
    staging: wgpu::Buffer,
    size: u64,
    sent: Sent,
    arrival: Arrival,
}

impl OnItsWay {
    /// Sends these bytes of `source`, as they are after what `encoder` holds, which is submitted.
    ///
    /// # Errors
    /// When no memory is left for them.
    pub fn send(
        device: &GpuDevice,
        encoder: wgpu::CommandEncoder,
        source: &wgpu::Buffer,
        bytes: Range<u64>,
    ) -> Result<Self> {
        let staging = staging_buffer(device, bytes.end - bytes.start + TOKEN)?;
        Ok(Self::by(staging, device, encoder, source, bytes))
    }

    /// The same by way of `staging`, which holds the bytes and a token.
    fn by(
        staging: wgpu::Buffer,
        device: &GpuDevice,
        mut encoder: wgpu::CommandEncoder,
        source: &wgpu::Buffer,
        bytes: Range<u64>,
    ) -> Self {
        let size = bytes.end - bytes.start;
        if size > 0 {
            encoder.copy_buffer_to_buffer(source, bytes.start, &staging, 0, size);
        }
        let sent = device.submit(encoder, &staging, size);
        let arrival = Arrival::of_mapping(&staging, size + TOKEN);
        Self { device: device.clone(), staging, size, sent, arrival }
    }

    /// Adds the numbers to `result`. Waits for them.
    fn add_to(self, result: &mut Vec<f32>) -> Result<()> {
        let Self { device, staging, size, sent, arrival } = self;
        device.wait(Some(sent.index.clone()))?;
        if !arrival.is_done()? {
            return Err(Error::Gpu("results did not arrive".into()));
        }
        let is_done = mapped(&staging, size + TOKEN, |bytes| {
            let (values, token) = bytes.split_at(size as usize);
            result.extend_from_slice(bytemuck::cast_slice(values));
            sent.is_done(token)
        })?;
        if is_done { Ok(()) } else { Err(device.dropped()) }
    }
}

impl Arriving for OnItsWay {
    fn has_arrived(&self) -> Result<bool> {
        self.device.poll()?;
        self.arrival.is_done()
    }

    fn take(self: Box<Self>) -> Result<Vec<f32>> {
        let mut numbers = Vec::with_capacity(self.size as usize / 4);
        self.add_to(&mut numbers)?;
        Ok(numbers)
    }
}

/// A buffer that the host can map, kept for the next time.
#[derive(Debug, Default)]
pub(super) struct Readback {
    staging: Option<wgpu::Buffer>,
}

impl Readback {
    /// Bytes that are read at once: host-visible memory is scarce on some adapters.
    const PIECE: u64 = (64 << 20) - TOKEN;

    /// `words` words of `source` from byte `offset`, as they are after all that is submitted.
    ///
    /// # Errors
    /// When the device is lost or out of memory, or dropped work.
    pub fn read(
        &mut self,
        device: &GpuDevice,
        source: &wgpu::Buffer,
        offset: u64,
        words: usize,
    ) -> Result<Vec<f32>> {
        let encoder = device.encoder();
        self.read_after(device, encoder, source, offset, words)
    }

    /// The same as they are after what `encoder` holds, which is submitted.
    ///
    /// # Errors
    /// As [`Readback::read`].
    pub fn read_after(
        &mut self,
        device: &GpuDevice,
        mut encoder: wgpu::CommandEncoder,
        source: &wgpu::Buffer,
        offset: u64,
        words: usize,
    ) -> Result<Vec<f32>> {
        let (mut result, total) = (Vec::with_capacity(words), words as u64 * 4);
        let mut done = 0;
        loop {
            let size = (total - done).min(Self::PIECE);
            let staging = self.staging(device, size + TOKEN)?.clone();
            let bytes = offset + done..offset + done + size;
            OnItsWay::by(staging, device, encoder, source, bytes).add_to(&mut result)?;
            done += size;
            if done >= total {
                return Ok(result);
            }
            encoder = device.encoder();
        }
    }

    fn staging(&mut self, device: &GpuDevice, size: u64) -> Result<&wgpu::Buffer> {
        let large_enough = |staging: &wgpu::Buffer| staging.size() >= size;
        let kept = self.staging.take().filter(large_enough);
        let staging = match kept {
            Some(staging) => staging,
            None => staging_buffer(device, size.next_power_of_two())?,
        };
        Ok(self.staging.insert(staging))
    }
}

/// A buffer for results on their way to the host.
pub(super) fn staging_buffer(device: &GpuDevice, size: u64) -> Result<wgpu::Buffer> {
    let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
    super::memory::buffer(device, "results for the host", size, usage)
}
