//! What a kernel binds, read off its text, so that no binding is stated twice.

use naga::valid::ModuleInfo;

use crate::error::{Error, Result};
use crate::ops::half_kernels::is_half;
use crate::ops::{Binding, Dispatch, Kernel, StepScalars};

/// A kernel, parsed.
#[derive(Debug)]
pub(crate) struct Reflection {
    name: &'static str,
    module: naga::Module,
    info: ModuleInfo,
}

/// What one entry point binds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Interface {
    /// Storage buffers, by rising number.
    pub storage: Vec<StorageBinding>,
    /// Bytes of the dispatch's own uniform.
    pub params: Option<u64>,
    /// Whether the step's scalars are read.
    pub step: bool,
}

/// One storage buffer of an entry point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct StorageBinding {
    pub number: u32,
    pub read_only: bool,
    /// The fewest bytes it must have: one element of an array without end.
    pub bytes: u64,
}

impl Reflection {
    /// Parses `kernel`.
    ///
    /// # Errors
    /// When the text is not valid WGSL.
    pub fn new(kernel: &Kernel) -> Result<Self> {
        let (module, info) = kernel.parse().map_err(|what| broken(kernel.name, &what))?;
        Ok(Self { name: kernel.name, module, info })
    }

    /// What the dispatch's entry point binds: only what it uses, because entry points of one file
    /// may give one binding number different meanings.
    ///
    /// # Errors
    /// When the dispatch names an entry point, a constant or a buffer that the kernel lacks, brings
    /// an input that it would write, or too few numbers for its uniform.
    pub fn interface(&self, dispatch: &Dispatch) -> Result<Interface> {
        let entries = &self.module.entry_points;
        let index = entries.iter().position(|entry| entry.name == dispatch.entry);
        let Some(index) = index else {
            return Err(broken(self.name, &format!("it has no entry point `{}`", dispatch.entry)));
        };
        self.check_constants(dispatch)?;
        let uses = self.info.get_entry_point(index);
        let mut interface = Interface::default();
        for (handle, global) in self.module.global_variables.iter() {
            if !uses[handle].is_empty() && global.binding.is_some() {
                self.bind(&mut interface, global)?;
                self.check_half(dispatch, global)?;
            }
        }
        interface.storage.sort_unstable();
        let (bound, last) = (dispatch.bindings.len(), interface.storage.last());
        if let Some(last) = last.filter(|last| last.number as usize >= bound) {
            let (entry, number) = (dispatch.entry, last.number);
            let what = format!("`{entry}` binds buffer {number} and is given {bound} buffers");
            return Err(broken(self.name, &what));
        }
        let writes_input = |binding: &&StorageBinding| {
            let given = dispatch.bindings[binding.number as usize];
            !binding.read_only && matches!(given, Binding::Input(_))
        };
        if let Some(StorageBinding { number, .. }) = interface.storage.iter().find(writes_input) {
            let what = format!("buffer {number} is an input; declare it `var<storage, read>`");
            return Err(broken(self.name, &what));
        }
        let given = (dispatch.params.len() as u64 * 4).next_multiple_of(16);
        match interface.params {
            Some(wanted) if given < wanted => {
                let what = format!("its uniform takes {wanted} bytes and is given {given}");
                Err(broken(self.name, &what))
            }
            _ => Ok(interface),
        }
    }

    fn bind(&self, interface: &mut Interface, global: &naga::GlobalVariable) -> Result<()> {
        let Some(place) = &global.binding else { return Ok(()) };
        let size = u64::from(self.module.types[global.ty].inner.size(self.module.to_ctx()));
        match (global.space, place.group, place.binding) {
            (naga::AddressSpace::Storage { access }, 0, number) => {
                let read_only = !access.contains(naga::StorageAccess::STORE);
                interface.storage.push(StorageBinding { number, read_only, bytes: size });
            }
            (naga::AddressSpace::Uniform, 1, 0) => interface.params = Some(size),
            (naga::AddressSpace::Uniform, 1, 1) if size == size_of::<StepScalars>() as u64 => {
                interface.step = true;
            }
            (space, group, binding) => {
                let name = global.name.as_deref().unwrap_or("a variable");
                let what = format!(
                    "`{name}` ({space:?}, {size} bytes) stands at group {group}, binding \
                     {binding}, where there is none of its kind"
                );
                return Err(broken(self.name, &what));
            }
        }
        Ok(())
    }

    /// A buffer of f16 that is read as anything else would be read wrong.
    fn check_half(&self, dispatch: &Dispatch, global: &naga::GlobalVariable) -> Result<()> {
        let Some(place) = global.binding.filter(|place| place.group == 0) else { return Ok(()) };
        let wanted = dispatch.kernel.halves.iter().any(|half| half.binding == place.binding);
        if wanted && !is_half(&self.module, global.ty) {
            let what = format!("buffer {} cannot hold f16: it is no array of f32", place.binding);
            return Err(broken(self.name, &what));
        }
        Ok(())
    }

    /// wgpu passes over constants it does not know, which would hide a misspelt one.
    fn check_constants(&self, dispatch: &Dispatch) -> Result<()> {
        let known = |name: &str| {
            self.module.overrides.iter().any(|(_, known)| known.name.as_deref() == Some(name))
        };
        match dispatch.constants.iter().find(|(name, _)| !known(name)) {
            Some((name, _)) => Err(broken(self.name, &format!("it has no override `{name}`"))),
            None => Ok(()),
        }
    }
}

fn broken(kernel: &str, what: &str) -> Error {
    Error::Gpu(format!("kernel {kernel}: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KERNEL: Kernel = Kernel::from_wgsl(
        "two",
        &["
            override SIZE: u32 = 4;
            struct Params { count: u32, scale: f32 }
            struct Step { a: vec4<f32>, b: vec4<f32>, c: vec4<f32> }
            @group(0) @binding(0) var<storage, read> source: array<f32>;
            @group(0) @binding(1) var<storage, read_write> sums: array<f32>;
            @group(0) @binding(1) var<storage, read> weights: array<vec4<f32>>;
            @group(1) @binding(0) var<uniform> params: Params;
            @group(1) @binding(1) var<uniform> step: Step;
            fn scaled(i: u32) -> f32 { return source[i] * params.scale; }
            @compute @workgroup_size(SIZE) fn first(@builtin(local_invocation_index) i: u32) {
                sums[i] = scaled(i) + step.a.x;
            }
            @compute @workgroup_size(4) fn second(@builtin(local_invocation_index) i: u32) {
                let unused = weights[i];
            }
        "],
    );

    fn dispatch(entry: &'static str, bindings: usize) -> Dispatch {
        static KERNEL_REF: Kernel = KERNEL;
        let all = [Binding::Input(0), Binding::Output(0)];
        Dispatch::new(&KERNEL_REF, all[..bindings].to_vec(), [1, 1, 1]).entry(entry).params([1, 2])
    }

    #[test]
    fn an_entry_point_binds_what_it_and_its_functions_use() {
        let kernel = Reflection::new(&KERNEL).unwrap();
        let first = kernel.interface(&dispatch("first", 2)).unwrap();
        let storage = vec![
            StorageBinding { number: 0, read_only: true, bytes: 4 },
            StorageBinding { number: 1, read_only: false, bytes: 4 },
        ];
        assert_eq!(first, Interface { storage, params: Some(8), step: true });
        let second = kernel.interface(&dispatch("second", 2)).unwrap();
        let storage = vec![StorageBinding { number: 1, read_only: true, bytes: 16 }];
        assert_eq!(second, Interface { storage, params: None, step: false });
    }

    #[test]
    fn mistakes_of_a_dispatch_name_the_kernel() {
        let kernel = Reflection::new(&KERNEL).unwrap();
        let mut without_params = dispatch("first", 2);
        without_params.params.clear();
        let mut written = dispatch("first", 2);
        written.bindings[1] = Binding::Input(1);
        let mistakes = [
            (written, "buffer 1 is an input"),
            (dispatch("third", 2), "entry point `third`"),
            (dispatch("first", 1), "buffer 1"),
            (dispatch("first", 2).constant("SIZES", 8), "override `SIZES`"),
            (without_params, "8 bytes"),
        ];
        for (dispatch, expected) in mistakes {
            let text = kernel.interface(&dispatch).unwrap_err().to_string();
            assert!(text.contains("kernel two") && text.contains(expected), "{text}");
        }
    }
}
