//! One open device: its queue, its faults, and waiting for it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::adapters::{Adapters, binding_bytes, device_limits};
use super::mixed::Mixed;
use super::patience::{LOOK, Patience, Wait};
use crate::error::{Error, Result};
use crate::ops::{AdapterTraits, GpuTarget};

/// Bytes of a token.
pub(super) const TOKEN: u64 = 4;

/// A device and its queue. Clones share both.
#[derive(Clone, Debug)]
pub(super) struct GpuDevice {
    pub device: wgpu::Device,
    pub queue: wgpu::Queue,
    pub info: wgpu::AdapterInfo,
    pub target: GpuTarget,
    pub limits: wgpu::Limits,
    faults: Faults,
    patience: Patience,
    tokens: Tokens,
    /// Has submissions dropped, as Metal does with those that it killed.
    #[cfg(test)]
    pub drops: Arc<AtomicBool>,
}

/// Where the token of the next submission lies on the device, and the last that was given out.
#[derive(Clone, Debug)]
struct Tokens {
    buffer: wgpu::Buffer,
    last: Arc<AtomicU32>,
}

/// A submission on its way. Its last command puts its token where the host reads its results: where
/// another is found, it was not done, whatever the driver says.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    pub index: wgpu::SubmissionIndex,
    token: u32,
}

impl Sent {
    /// Whether it was done, by the bytes where its token belongs.
    pub fn is_done(&self, token: &[u8]) -> bool {
        token == self.token.to_ne_bytes()
    }
}

impl GpuDevice {
    /// Opens adapter `index` of the list, with kernels as for `other`, or as for what it is.
    pub fn open(
        adapters: &Adapters,
        index: usize,
        other: Option<GpuTarget>,
        mixed: Mixed,
    ) -> Result<Self> {
        let Some((adapter, summary)) = adapters.get(index) else {
            return Err(Error::Device(format!("there is no adapter {index}")));
        };
        if let Some(problem) = &summary.problem {
            return Err(Error::Device(format!("{summary} cannot be used: {problem}")));
        }
        let limits = device_limits(&adapter.limits());
        let mut wanted = wgpu::Features::TIMESTAMP_QUERY
            | wgpu::Features::PIPELINE_CACHE
            | wgpu::Features::SHADER_F16;
        let info = adapter.get_info();
        let subgroups = adapter.features().contains(wgpu::Features::SUBGROUP);
        let own = AdapterTraits {
            kind: summary.kind,
            vendor: info.vendor,
            name: info.name.clone(),
            driver: info.driver.clone(),
            subgroup_sizes: subgroups.then_some([info.subgroup_min_size, info.subgroup_max_size]),
            max_binding_bytes: binding_bytes(&limits),
            max_workgroup_bytes: limits.max_compute_workgroup_storage_size,
            f16: summary.f16 && mixed != Mixed::Refused,
            matrices: summary.matrices.filter(|_| mixed == Mixed::ByMatrices),
        };
        let AdapterTraits { max_binding_bytes, max_workgroup_bytes, f16, .. } = own;
        let target = other.unwrap_or_else(|| GpuTarget::new(&own));
        let mut target = GpuTarget { max_binding_bytes, max_workgroup_bytes, f16, ..target };
        target.chip.matrix_tiles.retain(|tile| tile.matrices() == own.matrices);
        wanted.set(wgpu::Features::SUBGROUP, target.eight_lanes);
        let by_matrices = !target.chip.matrix_tiles.is_empty();
        wanted.set(wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX, by_matrices);
        let description = wgpu::DeviceDescriptor {
            label: Some("diabolo"),
            required_features: adapter.features() & wanted,
            required_limits: limits.clone(),
            experimental_features: experimental_features(by_matrices),
            ..Default::default()
        };
        let (device, queue) = pollster::block_on(adapter.request_device(&description))
            .map_err(|error| Error::Device(format!("{summary} refused: {error}")))?;
        let faults = Faults::default();
        faults.listen_to(&device);
        let usage = wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::COPY_SRC;
        let tokens = device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("token"),
            size: TOKEN,
            usage,
            mapped_at_creation: false,
        });
        let tokens = Tokens { buffer: tokens, last: Arc::default() };
        let patience = Patience::default();
        Ok(Self {
            device,
            queue,
            info,
            target,
            limits,
            faults,
            patience,
            tokens,
            #[cfg(test)]
            drops: Arc::default(),
        })
    }

    pub fn has(&self, feature: wgpu::Features) -> bool {
        self.device.features().contains(feature)
    }

    /// The first fault since the last call. A lost device stays lost.
    pub fn check(&self) -> Result<()> {
        self.faults.take()
    }

    /// Does `work` and returns the error it raised, if any, as one about `what`.
    ///
    /// Scopes belong to a thread, so threads may do this side by side.
    pub fn scoped<T>(&self, what: impl FnOnce() -> String, work: impl FnOnce() -> T) -> Result<T> {
        use wgpu::ErrorFilter::{Internal, OutOfMemory, Validation};
        let memory = self.device.push_error_scope(OutOfMemory);
        let internal = self.device.push_error_scope(Internal);
        let validation = self.device.push_error_scope(Validation);
        let value = work();
        let caught = [validation.pop(), internal.pop(), memory.pop()];
        for future in caught {
            if let Some(error) = pollster::block_on(future) {
                return Err(named(&what(), &error));
            }
        }
        Ok(value)
    }

    /// What commands are recorded into.
    pub fn encoder(&self) -> wgpu::CommandEncoder {
        self.device.create_command_encoder(&Default::default())
    }

    /// Submits what was recorded, and its token behind it, to byte `at` of `staging`.
    pub fn submit(
        &self,
        mut encoder: wgpu::CommandEncoder,
        staging: &wgpu::Buffer,
        at: u64,
    ) -> Sent {
        let token = self.tokens.last.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        self.queue.write_buffer(&self.tokens.buffer, 0, &token.to_ne_bytes());
        encoder.copy_buffer_to_buffer(&self.tokens.buffer, 0, staging, at, TOKEN);
        #[cfg(test)]
        if self.drops.load(Ordering::Relaxed) {
            return Sent { index: self.queue.submit([]), token };
        }
        Sent { index: self.queue.submit([encoder.finish()]), token }
    }

    /// Takes note of a submission that was not done though its results were read: the device counts as
    /// lost, since nothing that it holds can be relied on.
    pub fn dropped(&self) -> Error {
        let what = "the GPU dropped work, and called it done".to_owned();
        let lost = self.faults.lock().lost.get_or_insert(what).clone();
        recover(&lost)
    }

    /// Has waits look at `stop` from now on.
    pub fn heed(&mut self, stop: Arc<AtomicBool>) {
        self.patience.stop = Some(stop);
    }

    /// Waits for a submission, or for all of them, and runs the callbacks that are due.
    ///
    /// # Errors
    /// When the device is lost, or does not answer and someone wants an end.
    pub fn wait(&self, submission: Option<wgpu::SubmissionIndex>) -> Result<()> {
        let mut wait = Wait::new(&self.patience, Instant::now());
        loop {
            let (submission_index, timeout) = (submission.clone(), Some(LOOK));
            if self.poll_with(wgpu::PollType::Wait { submission_index, timeout })? {
                return Ok(());
            }
            wait.look(Instant::now(), &self.info.name)?;
        }
    }

    /// Runs the callbacks that are due.
    pub fn poll(&self) -> Result<()> {
        self.poll_with(wgpu::PollType::Poll).map(drop)
    }

    /// Whether what was to be waited for came about in time.
    fn poll_with(&self, how: wgpu::PollType) -> Result<bool> {
        // wgpu panics where the device is lost in the middle of a wait; to us that is an error.
        match catch_unwind(AssertUnwindSafe(|| self.device.poll(how))) {
            Ok(Ok(_)) => self.check().map(|()| true),
            Ok(Err(wgpu::PollError::Timeout)) => self.check().map(|()| false),
            Ok(Err(error)) => {
                self.check()?;
                Err(Error::Gpu(format!("waiting for {}: {error}", self.info.name)))
            }
            Err(_) => {
                self.check()?;
                Err(Error::Gpu(format!("{} was lost while it was waited for", self.info.name)))
            }
        }
    }
}

/// The leave for features of wgpu that may change, where one of them is used.
fn experimental_features(used: bool) -> wgpu::ExperimentalFeatures {
    if !used {
        return wgpu::ExperimentalFeatures::disabled();
    }
    // SAFETY: wgpu wants it known that such features may have errors that break what safe code promises. The only one
    // that is asked for is cooperative matrices, in kernels of this crate alone, on adapters where a self-test found
    // their products to be the processor's, in that test, and where `GpuOptions` say so.
    unsafe { wgpu::ExperimentalFeatures::enabled() }
}

/// What drivers report at times of their own choosing, kept until the next call of ours.
#[derive(Clone, Debug, Default)]
struct Faults(Arc<Mutex<Noted>>);

#[derive(Debug, Default)]
struct Noted {
    lost: Option<String>,
    first: Option<Error>,
}

impl Faults {
    fn listen_to(&self, device: &wgpu::Device) {
        let faults = self.clone();
        device.on_uncaptured_error(Arc::new(move |error| {
            log::debug!("uncaptured: {error}");
            faults.lock().first.get_or_insert_with(|| named("the adapter", &error));
        }));
        let faults = self.clone();
        device.set_device_lost_callback(move |reason, message| {
            log::debug!("device lost ({reason:?}): {message}");
            let why = if message.is_empty() { format!("{reason:?}") } else { message };
            faults.lock().lost.get_or_insert_with(|| format!("the device was lost ({why})"));
        });
    }

    fn take(&self) -> Result<()> {
        let mut noted = self.lock();
        if let Some(what) = &noted.lost {
            return Err(recover(what));
        }
        noted.first.take().map_or(Ok(()), Err)
    }

    fn lock(&self) -> MutexGuard<'_, Noted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What happened to the device, with what helps.
fn recover(what: &str) -> Error {
    Error::Gpu(format!(
        "{what}; a driver reset or a step that took too long does this: start again from the last \
         checkpoint; if it recurs, a smaller batch, a newer driver or --device cpu helps"
    ))
}

/// A wgpu error in our terms; `what` says what was being done.
fn named(what: &str, error: &wgpu::Error) -> Error {
    match error {
        wgpu::Error::OutOfMemory { .. } => Error::Memory(format!(
            "{what}: the adapter has no memory left; use a smaller batch or image, or close \
             other programs"
        )),
        wgpu::Error::Validation { description, .. } | wgpu::Error::Internal { description, .. } => {
            Error::Gpu(format!("{what}: {description}"))
        }
    }
}
