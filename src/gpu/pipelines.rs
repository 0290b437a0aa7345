//! Pipelines, shared by all plans: one for each kernel, entry point and set of constants.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

use rayon::prelude::*;

use super::device::GpuDevice;
use super::disk_cache::DiskCache;
use super::mixed::Mixed;
use super::reflection::{Interface, Reflection};
use crate::error::{Error, Result};
use crate::ops::half::Half;
use crate::ops::{Dispatch, GpuTarget, Kernel, StepScalars};

/// Whether kernels check their indices, divisors and loops while they run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShaderChecks {
    /// They do: a mistake reads zero or is not written.
    Checked,
    /// This crate's do not, which is up to a third faster. Those from outside do, unless they are
    /// [trusted](Kernel::trusted) too.
    Trusted,
}

impl Default for ShaderChecks {
    /// Checked in debug builds, trusted in release builds.
    fn default() -> Self {
        if cfg!(debug_assertions) { Self::Checked } else { Self::Trusted }
    }
}

/// How a [`GpuExecutor`](super::executor::GpuExecutor) makes its pipelines.
#[derive(Clone, Debug)]
pub struct GpuOptions {
    /// Whether kernels check themselves.
    pub checks: ShaderChecks,
    /// Choose kernels as for this adapter, within the limits of the one at hand; `None` for what that is. Tests run
    /// the choices for all makers on the one adapter they have.
    pub target: Option<GpuTarget>,
    /// What the adapter is let do for plans that keep f16.
    pub mixed: Mixed,
    /// Where compiled pipelines are kept from run to run; `None` keeps none.
    pub cache: Option<PathBuf>,
    /// Where the variants that were measured to be fastest are kept; `None` uses none.
    pub tuning: Option<PathBuf>,
}

impl Default for GpuOptions {
    /// Checks as the build has it, and the user's cache folders.
    fn default() -> Self {
        let folder = |name| dirs::cache_dir().map(|folder| folder.join("diabolo").join(name));
        let (cache, tuning) = (folder("pipelines"), folder("tuning"));
        Self { checks: ShaderChecks::default(), target: None, mixed: Mixed::Stored, cache, tuning }
    }
}

/// Pipelines that no plan uses and that are kept all the same: compiling one takes longer than most
/// plans run, and the next plan often wants the same.
const UNUSED: usize = 512;

/// What makes a pipeline the same as another. Kernels have names of their own, which
/// [`Pipelines::load_modules`] sees to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    kernel: KernelKey,
    entry: &'static str,
    constants: Vec<(&'static str, u64)>,
}

/// A kernel's name, and which of its buffers hold f16.
type KernelKey = (&'static str, Vec<Half>);

fn kernel_key(kernel: &Kernel) -> KernelKey {
    (kernel.name, kernel.halves.clone())
}

impl Key {
    fn new(dispatch: &Dispatch) -> Self {
        let bits = dispatch.constants.iter().map(|(name, value)| (*name, value.to_bits()));
        let mut constants: Vec<_> = bits.collect();
        constants.sort_unstable();
        Self { kernel: kernel_key(&dispatch.kernel), entry: dispatch.entry, constants }
    }

    fn describe(&self) -> String {
        let constants = self.constants.iter();
        let values = constants.map(|(name, bits)| format!("{name} = {}", f64::from_bits(*bits)));
        let values: Vec<_> = values.collect();
        let (kernel, halves) = &self.kernel;
        let halves = if halves.is_empty() { "" } else { " on f16" };
        format!("kernel {kernel}{halves}, entry `{}`, with {}", self.entry, values.join(", "))
    }
}

/// A compiled kernel and the layouts of what it binds.
#[derive(Debug)]
pub(super) struct Pipeline {
    pub pipeline: wgpu::ComputePipeline,
    pub interface: Interface,
    pub storage: wgpu::BindGroupLayout,
    /// `None` for a kernel without uniforms.
    pub uniforms: Option<wgpu::BindGroupLayout>,
}

/// A kernel that the device has taken in.
#[derive(Debug)]
struct Module {
    kernel: Kernel,
    shader: wgpu::ShaderModule,
    reflection: Reflection,
}

/// All pipelines of a device.
#[derive(Debug)]
pub(super) struct Pipelines {
    device: GpuDevice,
    checks: ShaderChecks,
    modules: HashMap<KernelKey, Module>,
    ready: HashMap<Key, Arc<Pipeline>>,
    cache: Option<DiskCache>,
}

impl Pipelines {
    /// No pipelines yet.
    pub fn new(device: &GpuDevice, options: &GpuOptions) -> Self {
        let cache = options.cache.as_ref().and_then(|folder| DiskCache::open(device, folder));
        Self {
            device: device.clone(),
            checks: options.checks,
            modules: HashMap::new(),
            ready: HashMap::new(),
            cache,
        }
    }

    /// The pipeline of each dispatch. Those that are missing are compiled side by side.
    ///
    /// # Errors
    /// When a kernel does not compile or does not fit its dispatch.
    pub fn prepare(&mut self, dispatches: &[&Dispatch]) -> Result<Vec<Arc<Pipeline>>> {
        self.load_modules(dispatches)?;
        let keys: Vec<Key> = dispatches.iter().map(|dispatch| Key::new(dispatch)).collect();
        let mut missing: Vec<(&Key, &Dispatch)> = vec![];
        let mut seen = HashSet::new();
        for (key, dispatch) in keys.iter().zip(dispatches) {
            if !self.ready.contains_key(key) && seen.insert(key) {
                missing.push((key, dispatch));
            }
        }
        if !missing.is_empty() {
            let made = missing
                .par_iter()
                .map(|(key, dispatch)| Ok(((*key).clone(), Arc::new(self.compile(key, dispatch)?))))
                .collect::<Result<Vec<_>>>()?;
            self.ready.extend(made);
            if let Some(cache) = &mut self.cache {
                cache.save();
            }
        }
        // A pipeline is shared, yet each dispatch has to bring what the kernel binds.
        keys.iter()
            .zip(dispatches)
            .map(|(key, dispatch)| {
                self.modules[&key.kernel].reflection.interface(dispatch)?;
                Ok(self.ready[key].clone())
            })
            .collect()
    }

    /// Lets go of pipelines that no plan uses, where they have become many: images of ever new sizes
    /// have pipelines of their own.
    pub fn release_unused(&mut self) {
        let is_used = |pipeline: &Arc<Pipeline>| Arc::strong_count(pipeline) > 1;
        if self.ready.values().filter(|pipeline| !is_used(pipeline)).count() > UNUSED {
            self.ready.retain(|_, pipeline| is_used(pipeline));
        }
    }

    /// Takes in the kernels that are new.
    ///
    /// # Errors
    /// When one is no WGSL, or has the name of another.
    fn load_modules(&mut self, dispatches: &[&Dispatch]) -> Result<()> {
        let mut new: Vec<&Kernel> = vec![];
        for Dispatch { kernel, .. } in dispatches {
            let key = kernel_key(kernel);
            let known = self.modules.get(&key).map(|module| &module.kernel);
            match known.or_else(|| new.iter().copied().find(|new| kernel_key(new) == key)) {
                None => new.push(kernel),
                Some(known) if known == kernel => {}
                Some(_) => {
                    let what = "there is another kernel of this name; give this one its own";
                    return Err(Error::Gpu(format!("kernel {}: {what}", kernel.name)));
                }
            }
        }
        let loaded = new
            .par_iter()
            .map(|kernel| Ok((kernel_key(kernel), self.load(kernel)?)))
            .collect::<Result<Vec<_>>>()?;
        self.modules.extend(loaded);
        Ok(())
    }

    fn load(&self, kernel: &Kernel) -> Result<Module> {
        let reflection = Reflection::new(kernel)?;
        let description = wgpu::ShaderModuleDescriptor {
            label: Some(kernel.name),
            source: wgpu::ShaderSource::Wgsl(kernel.text().into()),
        };
        let shader = self.device.scoped(
            || format!("kernel {}", kernel.name),
            || match self.checks {
                // SAFETY: the text is part of this crate, and the test suite runs every kernel
                // checked, over odd shapes and against the CPU: indices stay in bounds, loops end
                // and divisors are not zero. Or its author promised as much in `Kernel::trusted`.
                ShaderChecks::Trusted if kernel.trusted => unsafe {
                    let unchecked = wgpu::ShaderRuntimeChecks::unchecked();
                    self.device.device.create_shader_module_trusted(description, unchecked)
                },
                _ => self.device.device.create_shader_module(description),
            },
        )?;
        Ok(Module { kernel: kernel.clone(), shader, reflection })
    }

    fn compile(&self, key: &Key, dispatch: &Dispatch) -> Result<Pipeline> {
        let module = &self.modules[&key.kernel];
        let interface = module.reflection.interface(dispatch)?;
        self.device.scoped(
            || key.describe(),
            || {
                let device = &self.device.device;
                let (storage, uniforms) = layouts(device, key.kernel.0, &interface);
                let layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
                    label: Some(key.kernel.0),
                    bind_group_layouts: &[Some(&storage), uniforms.as_ref()],
                    immediate_size: 0,
                });
                let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
                    label: Some(key.kernel.0),
                    layout: Some(&layout),
                    module: &module.shader,
                    entry_point: Some(key.entry),
                    compilation_options: wgpu::PipelineCompilationOptions {
                        constants: &dispatch.constants,
                        zero_initialize_workgroup_memory: false,
                    },
                    cache: self.cache.as_ref().map(DiskCache::handle),
                });
                Pipeline { pipeline, interface, storage, uniforms }
            },
        )
    }
}

/// The layouts of group 0 and, for a kernel that reads uniforms, of group 1.
fn layouts(
    device: &wgpu::Device,
    kernel: &'static str,
    interface: &Interface,
) -> (wgpu::BindGroupLayout, Option<wgpu::BindGroupLayout>) {
    let make = |entries: &[wgpu::BindGroupLayoutEntry]| {
        device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
            label: Some(kernel),
            entries,
        })
    };
    let entry = |binding, ty, has_dynamic_offset, bytes| wgpu::BindGroupLayoutEntry {
        binding,
        visibility: wgpu::ShaderStages::COMPUTE,
        ty: wgpu::BindingType::Buffer {
            ty,
            has_dynamic_offset,
            min_binding_size: wgpu::BufferSize::new(bytes),
        },
        count: None,
    };
    let storage: Vec<_> = interface
        .storage
        .iter()
        .map(|binding| {
            let ty = wgpu::BufferBindingType::Storage { read_only: binding.read_only };
            entry(binding.number, ty, false, binding.bytes)
        })
        .collect();
    let uniform = wgpu::BufferBindingType::Uniform;
    let params = interface.params.map(|bytes| entry(0, uniform, false, bytes));
    let step = interface.step.then(|| entry(1, uniform, true, size_of::<StepScalars>() as u64));
    let uniforms: Vec<_> = params.into_iter().chain(step).collect();
    (make(&storage), (!uniforms.is_empty()).then(|| make(&uniforms)))
}
