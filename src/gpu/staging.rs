//! Pixels on their way to the device, which a thread puts together where the adapter reads them.

use super::device::GpuDevice;
use super::memory::DataMemory;
use crate::error::{Error, Result};
use crate::graph::{Bytes, Staging};

/// Memory of the host, mapped, that the adapter copies to the first images of a dataset.
///
/// It is one of wgpu's own staging buffers and no buffer that is mapped time and again: polling a lost device frees the
/// latter, under the hands of a thread that fills it.
#[derive(Debug)]
pub(super) struct PixelStaging {
    view: wgpu::QueueWriteBufferView,
    bytes: usize,
    filled: usize,
}

impl PixelStaging {
    /// The most bytes that are asked for: such memory is scarce on some adapters.
    const MOST: usize = 1 << 28;

    /// Room for so many images, of which the dataset has as many at least; none for too many bytes. Up to three bytes
    /// after them, in their last word, become zero.
    pub fn new(device: &GpuDevice, memory: &DataMemory, images: usize) -> Result<Option<Self>> {
        let bytes = images * memory.bytes;
        let size = wgpu::BufferSize::new(bytes.next_multiple_of(4) as u64);
        let Some(size) = size.filter(|_| bytes <= Self::MOST) else { return Ok(None) };
        let what = || format!("{} for images on their way", Bytes(size.get()));
        let write = || device.queue.write_buffer_with(&memory.pixels, 0, size);
        let Some(mut view) = device.scoped(what, write)? else {
            device.check()?;
            return Err(Error::Gpu(format!("the adapter gave no {}", what())));
        };
        view.slice(bytes..).fill(0);
        Ok(Some(Self { view, bytes, filled: 0 }))
    }
}

impl Staging for PixelStaging {
    fn push(&mut self, bytes: &[u8]) -> Result<()> {
        let range = self.filled..self.filled + bytes.len();
        if range.end > self.bytes {
            let (given, room) = (range.end, self.bytes);
            let what = format!("{given} bytes of pixels do not fit where there is room for {room}");
            return Err(Error::Graph(what));
        }
        self.filled = range.end;
        self.view.slice(range).copy_from_slice(bytes);
        Ok(())
    }

    fn send(self: Box<Self>) -> Result<()> {
        let Self { view, bytes, filled } = *self;
        // wgpu records the copy, ahead of what is submitted next.
        drop(view);
        if filled < bytes {
            let what = format!("{bytes} bytes of pixels were to be sent, and {filled} are there");
            return Err(Error::Graph(what));
        }
        Ok(())
    }
}
