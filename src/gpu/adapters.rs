//! The adapters of this machine: what they are called, what they can do, in which order they are
//! offered.

use std::fmt;

use crate::graph::Bytes;
use crate::ops::{AdapterKind, MAX_GROUPS, Matrices};

/// What to install where no adapter is found.
#[cfg(target_os = "linux")]
pub const INSTALL_HINT: &str = "install the graphics card's driver, or a software adapter: \
     `apt-get install mesa-vulkan-drivers libvulkan1` on Debian and Ubuntu, \
     `dnf install mesa-vulkan-drivers vulkan-loader` on Fedora";
/// What to install where no adapter is found.
#[cfg(not(target_os = "linux"))]
pub const INSTALL_HINT: &str = "install the graphics card's driver";

/// What a list of adapters says about one of them.
#[derive(Clone, Debug, PartialEq)]
pub struct AdapterSummary {
    /// The name its driver gives it.
    pub name: String,
    /// What it is.
    pub kind: AdapterKind,
    /// The interface it is reached through. One card may be listed under several.
    pub backend: wgpu::Backend,
    /// The driver's name and version.
    pub driver: String,
    /// The most bytes one binding may span.
    pub max_binding_bytes: u64,
    /// The most bytes of workgroup memory.
    pub max_workgroup_bytes: u32,
    /// The most invocations in a workgroup.
    pub max_invocations: u32,
    /// The most storage buffers of a kernel.
    pub storage_buffers: u32,
    /// Whether operations can be timed.
    pub timestamps: bool,
    /// Whether compiled pipelines can be kept on disk.
    pub pipeline_cache: bool,
    /// Whether buffers can hold f16.
    pub f16: bool,
    /// What its matrix units take, if it has any that kernels are written for.
    pub matrices: Option<Matrices>,
    /// Why it cannot be used, if it cannot.
    pub problem: Option<String>,
}

impl AdapterSummary {
    /// Whether kernels can run on it.
    pub fn is_usable(&self) -> bool {
        self.problem.is_none()
    }

    fn new(adapter: &wgpu::Adapter) -> Self {
        let (info, limits) = (adapter.get_info(), adapter.limits());
        let features = adapter.features();
        let problem = problem(&limits, adapter.get_downlevel_capabilities().flags);
        Self {
            kind: kind(&info),
            problem: problem.or_else(|| old_opengl(info.backend, &info.driver_info)),
            driver: [info.driver.as_str(), info.driver_info.as_str()].join(" ").trim().into(),
            name: info.name,
            backend: info.backend,
            max_binding_bytes: binding_bytes(&limits),
            max_workgroup_bytes: limits.max_compute_workgroup_storage_size,
            max_invocations: limits.max_compute_invocations_per_workgroup,
            storage_buffers: limits.max_storage_buffers_per_shader_stage,
            timestamps: features.contains(wgpu::Features::TIMESTAMP_QUERY),
            pipeline_cache: features.contains(wgpu::Features::PIPELINE_CACHE),
            f16: features.contains(wgpu::Features::SHADER_F16),
            matrices: matrices(adapter),
        }
    }

    /// One that can be used, for tests of what is done with it.
    #[cfg(test)]
    pub(super) fn made_up(name: &str, kind: AdapterKind, backend: wgpu::Backend) -> Self {
        Self {
            name: name.into(),
            kind,
            backend,
            driver: String::new(),
            max_binding_bytes: 1 << 30,
            max_workgroup_bytes: 16 << 10,
            max_invocations: 256,
            storage_buffers: 8,
            timestamps: true,
            pipeline_cache: false,
            f16: true,
            matrices: None,
            problem: None,
        }
    }

    /// Best first: by kind, then by how well the backend serves compute, then by name, so that the
    /// order is the same at every start.
    fn rank(&self, wishes: &Wishes) -> (u8, u8, String) {
        let kind = match self.kind {
            AdapterKind::Discrete if wishes.saves_power => 1,
            AdapterKind::Discrete => 0,
            AdapterKind::Integrated if wishes.saves_power => 0,
            AdapterKind::Integrated => 1,
            AdapterKind::Software => 2,
        };
        let backend = match self.backend {
            wgpu::Backend::Metal => 0,
            wgpu::Backend::Vulkan => 1,
            wgpu::Backend::Dx12 => 2,
            _ => 3,
        };
        (kind, backend, self.name.clone())
    }
}

impl fmt::Display for AdapterSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.backend)
    }
}

/// What the environment says of adapters, in the words of wgpu's own programs. `WGPU_BACKEND` and what is for a
/// backend, such as `WGPU_DX12_COMPILER`, wgpu reads itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Wishes {
    /// `WGPU_ADAPTER_NAME`: a part of the names of those that are listed, in any case.
    name: Option<String>,
    /// `WGPU_POWER_PREF=low`: GPUs that share the processor's memory stand before those with their own.
    saves_power: bool,
}

impl Wishes {
    fn from_env() -> Self {
        let name = std::env::var("WGPU_ADAPTER_NAME").ok().filter(|name| !name.is_empty());
        let power = wgpu::PowerPreference::from_env();
        Self { name, saves_power: power == Some(wgpu::PowerPreference::LowPower) }
    }

    /// Those that are meant, best first.
    fn sort<T>(&self, mut pairs: Vec<(AdapterSummary, T)>) -> Vec<(AdapterSummary, T)> {
        if let Some(name) = &self.name {
            let part = name.to_lowercase();
            pairs.retain(|(summary, _)| summary.name.to_lowercase().contains(&part));
            if pairs.is_empty() {
                log::warn!("WGPU_ADAPTER_NAME is `{name}`, and no adapter is called that");
            }
        }
        pairs.sort_by_cached_key(|(summary, _)| summary.rank(self));
        pairs
    }
}

/// All adapters, best first.
#[derive(Debug)]
pub struct Adapters {
    adapters: Vec<wgpu::Adapter>,
    summaries: Vec<AdapterSummary>,
}

impl Adapters {
    /// Asks every backend that this build knows, or those that `WGPU_BACKEND` names; `WGPU_ADAPTER_NAME` and
    /// `WGPU_POWER_PREF` choose among what they have. Takes a moment: drivers are loaded.
    pub fn find() -> Self {
        let description = wgpu::InstanceDescriptor::new_without_display_handle_from_env();
        let instance = wgpu::Instance::new(description);
        let mut found = pollster::block_on(instance.enumerate_adapters(wgpu::Backends::all()));
        // Of adapters that are alike otherwise.
        found.sort_by_cached_key(|adapter| adapter.get_info().device_pci_bus_id);
        let pairs = found.into_iter().map(|adapter| (AdapterSummary::new(&adapter), adapter));
        let (summaries, adapters) = Wishes::from_env().sort(pairs.collect()).into_iter().unzip();
        Self { adapters, summaries }
    }

    /// What each is and can do, best first.
    pub fn list(&self) -> &[AdapterSummary] {
        &self.summaries
    }

    /// The adapter with that number in the list.
    pub(super) fn get(&self, index: usize) -> Option<(&wgpu::Adapter, &AdapterSummary)> {
        Some((self.adapters.get(index)?, self.summaries.get(index)?))
    }
}

/// Bytes of workgroup memory that the largest tiles take, and more; twice what WebGPU promises.
const WORKGROUP_BYTES: u32 = 32 << 10;

/// What is asked of a device: WebGPU's default limits, so that kernels run everywhere, except for
/// sizes of buffers, which are the adapter's, and for workgroup memory, of which large tiles want more where
/// there is more. Limits that kernels do not depend on, such as those of textures, are lowered to what there is.
pub(super) fn device_limits(adapter: &wgpu::Limits) -> wgpu::Limits {
    let wanted = wgpu::Limits {
        max_buffer_size: adapter.max_buffer_size,
        max_storage_buffer_binding_size: adapter.max_storage_buffer_binding_size,
        max_compute_workgroup_storage_size: WORKGROUP_BYTES,
        ..wgpu::Limits::default()
    };
    wanted.or_worse_values_from(adapter)
}

/// Bindings span multiples of 16 bytes, because kernels view memory as `vec4`.
pub(super) fn binding_bytes(limits: &wgpu::Limits) -> u64 {
    limits.max_storage_buffer_binding_size.min(limits.max_buffer_size) & !15
}

/// The best that an adapter's matrix units take of what kernels are written for. Subgroups multiply, so their sizes have
/// to be known.
fn matrices(adapter: &wgpu::Adapter) -> Option<Matrices> {
    use wgpu::CooperativeScalarType::{F16, F32};
    let needed = wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX
        | wgpu::Features::SUBGROUP
        | wgpu::Features::SHADER_F16;
    let known = adapter.cooperative_matrix_properties();
    let takes = |matrices: &Matrices| {
        let term = if matrices.rounds() { F16 } else { F32 };
        known.iter().any(|it| {
            let sides = [it.m_size, it.n_size, it.k_size];
            let is_side = |side: u32| side as usize == matrices.side();
            sides.into_iter().all(is_side) && it.ab_type == term && it.cr_type == F32
        })
    };
    let found = Matrices::ALL.into_iter().find(takes);
    found.filter(|_| adapter.features().contains(needed))
}

fn kind(info: &wgpu::AdapterInfo) -> AdapterKind {
    // GL tells no kind, wgpu guesses few, and behind a virtual GPU is what its host has. A software adapter
    // would be a costly mistake, and goes by its name whatever it says that it is.
    let about = [&info.name, &info.driver, &info.driver_info].map(|text| text.to_lowercase());
    let software = ["llvmpipe", "lavapipe", "softpipe", "swiftshader", "basic render"];
    let is_software = software.iter().any(|name| about.iter().any(|text| text.contains(name)));
    match info.device_type {
        _ if is_software => AdapterKind::Software,
        wgpu::DeviceType::Cpu => AdapterKind::Software,
        wgpu::DeviceType::DiscreteGpu | wgpu::DeviceType::VirtualGpu => AdapterKind::Discrete,
        wgpu::DeviceType::IntegratedGpu | wgpu::DeviceType::Other => AdapterKind::Integrated,
    }
}

/// The first thing that kernels need and this adapter lacks.
fn problem(limits: &wgpu::Limits, flags: wgpu::DownlevelFlags) -> Option<String> {
    if !flags.contains(wgpu::DownlevelFlags::COMPUTE_SHADERS) {
        return Some("it has no compute shaders".into());
    }
    let needed = wgpu::Limits::default();
    let least = [
        ("storage buffers a kernel", limits.max_storage_buffers_per_shader_stage, 8),
        (
            "bytes of workgroup memory",
            limits.max_compute_workgroup_storage_size,
            needed.max_compute_workgroup_storage_size,
        ),
        (
            "invocations a workgroup",
            limits.max_compute_invocations_per_workgroup,
            needed.max_compute_invocations_per_workgroup,
        ),
        ("invocations along x", limits.max_compute_workgroup_size_x, 256),
        ("workgroups an axis", limits.max_compute_workgroups_per_dimension, MAX_GROUPS),
    ];
    let short = least.iter().find(|(_, has, needs)| has < needs);
    if let Some((what, has, needs)) = short {
        return Some(format!("it allows {has} {what} and {needs} are needed"));
    }
    let alignment =
        limits.min_storage_buffer_offset_alignment.max(limits.min_uniform_buffer_offset_alignment);
    (alignment > 256).then(|| format!("it aligns buffers to {alignment} bytes and not to 256"))
}

/// Drivers that have compute shaders as an extension of an older OpenGL, as NVIDIA's of 3.3 do, are given the shaders of
/// that version, in which there are none.
fn old_opengl(backend: wgpu::Backend, version: &str) -> Option<String> {
    // OpenGL ES, which begins with its name, says by wgpu's flags what it has.
    let mut numbers = version.split(['.', ' ']).map_while(|number| number.parse::<u32>().ok());
    let version = (numbers.next()?, numbers.next()?);
    let is_old = backend == wgpu::Backend::Gl && version < (4, 3);
    is_old.then(|| {
        let (major, minor) = version;
        format!("its driver gives OpenGL {major}.{minor} and 4.3 is needed; take it by Vulkan")
    })
}

/// The adapters as `diabolo adapters` prints them.
impl fmt::Display for Adapters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, adapter) in self.summaries.iter().enumerate() {
            let kind = match adapter.kind {
                AdapterKind::Discrete => "GPU with its own memory",
                AdapterKind::Integrated => "GPU that shares the processor's memory",
                AdapterKind::Software => "software, computes on the processor",
            };
            let has = |feature: bool| if feature { "yes" } else { "no" };
            writeln!(f, "{index}  {adapter}")?;
            writeln!(f, "     kind       {kind}")?;
            writeln!(f, "     driver     {}", adapter.driver)?;
            writeln!(
                f,
                "     limits     {} a binding, {} workgroup memory, {} invocations, \
                 {} storage buffers",
                Bytes(adapter.max_binding_bytes),
                Bytes(adapter.max_workgroup_bytes.into()),
                adapter.max_invocations,
                adapter.storage_buffers,
            )?;
            writeln!(
                f,
                "     features   timestamps: {}, pipeline cache: {}, f16: {}, matrices: {}",
                has(adapter.timestamps),
                has(adapter.pipeline_cache),
                has(adapter.f16),
                adapter.matrices.map_or("no".into(), |matrices| matrices.to_string()),
            )?;
            if let Some(problem) = &adapter.problem {
                writeln!(f, "     unusable   {problem}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use wgpu::DeviceType::{Cpu, DiscreteGpu, IntegratedGpu, Other, VirtualGpu};

    use super::*;

    fn kind_of(device_type: wgpu::DeviceType, name: &str, driver: &str) -> AdapterKind {
        let info = wgpu::AdapterInfo::new(device_type, wgpu::Backend::Vulkan);
        kind(&wgpu::AdapterInfo { name: name.into(), driver: driver.into(), ..info })
    }

    #[test]
    fn software_goes_by_its_name_whatever_it_says_that_it_is() {
        use AdapterKind::{Discrete, Integrated, Software};
        let known = [
            (Cpu, "llvmpipe (LLVM 15.0.6, 256 bits)", "llvmpipe", Software),
            (Cpu, "some processor", "", Software),
            (Other, "llvmpipe (LLVM 15.0.6, 256 bits)", "", Software),
            (VirtualGpu, "Virtio-GPU Venus (llvmpipe (LLVM 15.0.6, 256 bits))", "venus", Software),
            (VirtualGpu, "Virtio-GPU Venus (GeForce RTX 4090)", "venus", Discrete),
            (VirtualGpu, "Microsoft Basic Render Driver", "", Software),
            (IntegratedGpu, "SwiftShader Device (Subzero)", "SwiftShader driver", Software),
            (IntegratedGpu, "Intel Iris Xe", "Intel open-source Mesa driver", Integrated),
            (DiscreteGpu, "NVIDIA GeForce RTX 4090", "NVIDIA", Discrete),
            (Other, "Adreno 740", "", Integrated),
        ];
        for (device_type, name, driver, expected) in known {
            assert_eq!(kind_of(device_type, name, driver), expected, "{device_type:?} {name}");
        }
    }

    #[test]
    fn an_opengl_without_compute_shaders_of_its_own_is_none() {
        use wgpu::Backend::{Gl, Vulkan};
        let problem = old_opengl(Gl, "3.3.0 NVIDIA 580.159.04").expect("is too old");
        assert!(problem.contains("OpenGL 3.3") && problem.contains("Vulkan"), "{problem}");
        assert!(old_opengl(Gl, "4.2.0").is_some());
        for (backend, version) in [
            (Gl, "4.3.0 NVIDIA 580.159.04"),
            (Gl, "4.5 (Core Profile) Mesa 22.3.6"),
            (Gl, "OpenGL ES 3.2 Mesa 22.3.6"),
            (Gl, ""),
            (Vulkan, "1.2.3"),
        ] {
            assert_eq!(old_opengl(backend, version), None, "{version}");
        }
    }

    #[test]
    fn devices_have_the_workgroup_memory_that_tiles_take() {
        use crate::ops::{Chip, Maker};
        let adapter =
            wgpu::Limits { max_compute_workgroup_storage_size: 48 << 10, ..Default::default() };
        let has = device_limits(&adapter).max_compute_workgroup_storage_size as usize;
        for maker in Maker::ALL {
            let chip = Chip::of(&maker.typical());
            for tile in chip.tiles.iter().chain(&chip.matrix_tiles) {
                assert!(tile.bytes() <= has, "{maker:?}: {tile:?}");
            }
        }
        let least = device_limits(&wgpu::Limits::default()).max_compute_workgroup_storage_size;
        assert_eq!(least, wgpu::Limits::default().max_compute_workgroup_storage_size);
    }

    #[test]
    fn the_environment_chooses_among_adapters() {
        let [large, small, none] = ["GeForce RTX", "Iris Xe", "llvmpipe"];
        let names = |wishes: Wishes| -> Vec<String> {
            let kinds = [AdapterKind::Software, AdapterKind::Integrated, AdapterKind::Discrete];
            let all = [none, small, large].into_iter().zip(kinds);
            let made_up = |name, kind| AdapterSummary::made_up(name, kind, wgpu::Backend::Vulkan);
            let all = all.map(|(name, kind)| (made_up(name, kind), ())).collect();
            wishes.sort(all).into_iter().map(|(summary, ())| summary.name).collect()
        };
        assert_eq!(names(Wishes::default()), [large, small, none]);
        assert_eq!(names(Wishes { saves_power: true, name: None }), [small, large, none]);
        let called = |name: &str| names(Wishes { name: Some(name.into()), saves_power: false });
        assert_eq!(called("iris"), [small]);
        assert_eq!(called("PIPE"), [none]);
        assert!(called("radeon").is_empty());
    }
}
