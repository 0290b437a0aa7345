//! Kernels that read and write f16. They compute in f32 whatever their buffers hold, and their texts speak of
//! f32 alone: what reads and writes f16 is made of them here.

use std::fmt::Write;
use std::ops::Range;

use naga::{Expression, Handle, Module, Scalar, ScalarKind, Statement, TypeInner, VectorSize};

use super::half::Half;

/// What a text with f16 begins with.
const HEAD: &str = "enable f16;\n";

/// What the functions that are added need. Infinity and NaN are told by their bits, since compilers may
/// take floats to be neither.
const BOUND: &str = "
// The largest f16 in place of what is larger; infinity and NaN as they are.
fn within_f16(x: vec4<f32>) -> vec4<f32> {
    let infinite = vec4<u32>(0x7f800000u);
    let finite = (bitcast<vec4<u32>>(x) & infinite) != infinite;
    return select(x, clamp(x, vec4<f32>(-65504.0), vec4<f32>(65504.0)), finite);
}
";

/// The text of a kernel with `halves` as f16. It reads `x_at(i)` where it read `x[i]`, and `x_put(i, y)`
/// stands for `x[i] = y`.
///
/// # Errors
/// When the text is no WGSL, or uses such a buffer in another way.
pub(super) fn with_halves(text: &str, halves: &[Half]) -> Result<String, String> {
    let module = naga::front::wgsl::parse_str(text).map_err(|error| error.emit_to_string(text))?;
    let buffers = buffers(&module, halves)?;
    let mut edits = vec![];
    let mut functions = String::new();
    for buffer in &buffers {
        let span = module.global_variables.get_span(buffer.global).to_range();
        let declared = span.and_then(|span| {
            let at = text.get(span.clone())?.rfind("f32")?;
            Some(span.start + at..span.start + at + 3)
        });
        let declared = declared.ok_or_else(|| buffer.cannot("it is declared by another name"))?;
        edits.push((declared, "f16".to_owned()));
        buffer.write_functions(&mut functions);
    }
    let entries = module.entry_points.iter().map(|entry| &entry.function);
    for function in module.functions.iter().map(|(_, function)| function).chain(entries) {
        Uses { text, function, buffers: &buffers, edits: &mut edits }.rewrite()?;
    }
    Ok([HEAD, &edited(text, edits), BOUND, &functions].concat())
}

/// A buffer of the module that is to hold f16.
struct Buffer {
    global: Handle<naga::GlobalVariable>,
    name: String,
    /// Numbers of an element.
    width: usize,
    exponent: i32,
    is_written: bool,
}

/// The variables at the bindings of `halves` that are arrays of f32. Entry points that are not those of the
/// dispatch may bind something else there.
fn buffers(module: &Module, halves: &[Half]) -> Result<Vec<Buffer>, String> {
    let mut buffers = vec![];
    for (global, variable) in module.global_variables.iter() {
        let naga::AddressSpace::Storage { access } = variable.space else { continue };
        let Some(binding) = variable.binding.filter(|binding| binding.group == 0) else { continue };
        let half = halves.iter().find(|half| half.binding == binding.binding);
        let (Some(half), Some(width)) = (half, width(module, variable.ty)) else { continue };
        let name = variable.name.clone().ok_or("a buffer has no name")?;
        let is_written = access.contains(naga::StorageAccess::STORE);
        buffers.push(Buffer { global, name, width, exponent: half.exponent, is_written });
    }
    Ok(buffers)
}

/// Numbers of an element, for arrays without end of f32 or vectors of it.
fn width(module: &Module, ty: Handle<naga::Type>) -> Option<usize> {
    let TypeInner::Array { base, size: naga::ArraySize::Dynamic, .. } = module.types[ty].inner
    else {
        return None;
    };
    match module.types[base].inner {
        TypeInner::Scalar(Scalar::F32) => Some(1),
        TypeInner::Vector { size: VectorSize::Bi, scalar: Scalar::F32 } => Some(2),
        TypeInner::Vector { size: VectorSize::Quad, scalar: Scalar::F32 } => Some(4),
        _ => None,
    }
}

/// Whether a buffer's elements are made of f16.
pub(crate) fn is_half(module: &Module, ty: Handle<naga::Type>) -> bool {
    let is_f16 = |scalar: Scalar| scalar == Scalar { kind: ScalarKind::Float, width: 2 };
    let TypeInner::Array { base, .. } = module.types[ty].inner else { return false };
    module.types[base].inner.scalar().is_some_and(is_f16)
}

impl Buffer {
    fn cannot(&self, why: &str) -> String {
        format!("`{}` cannot hold f16: {why}", self.name)
    }

    /// The type of an element, of numbers of this kind.
    fn element(&self, kind: &str) -> String {
        match self.width {
            1 => kind.into(),
            width => format!("vec{width}<{kind}>"),
        }
    }

    fn write_functions(&self, text: &mut String) {
        let (name, wide, narrow) = (&self.name, self.element("f32"), self.element("f16"));
        let factor = |exponent: i32| match exponent {
            0 => String::new(),
            _ => format!(" * {:?}", (exponent as f32).exp2()),
        };
        let (scale, unscale) = (factor(self.exponent), factor(-self.exponent));
        let _ = write!(
            text,
            "\nfn {name}_at(i: u32) -> {wide} {{\n    return {wide}({name}[i]){unscale};\n}}\n"
        );
        if self.is_written {
            let [spread, part] = match self.width {
                1 => ["vec4<f32>(x)", ".x"],
                2 => ["x.xyxy", ".xy"],
                _ => ["x", ""],
            };
            let bounded = format!("within_f16({spread}{scale}){part}");
            let _ = write!(
                text,
                "\nfn {name}_put(i: u32, x: {wide}) {{\n    {name}[i] = {narrow}({bounded});\n}}\n"
            );
        }
    }
}

/// Where a function uses buffers, by naga's reading of the text.
struct Uses<'a> {
    text: &'a str,
    function: &'a naga::Function,
    buffers: &'a [Buffer],
    edits: &'a mut Vec<(Range<usize>, String)>,
}

impl Uses<'_> {
    fn rewrite(&mut self) -> Result<(), String> {
        let mut stored = vec![];
        stores(&self.function.body, &mut stored);
        for (place, expression) in self.function.expressions.iter() {
            let (Expression::Access { base, .. } | Expression::AccessIndex { base, .. }) =
                *expression
            else {
                continue;
            };
            let Some(buffer) = self.buffer(base) else { continue };
            let other = || buffer.cannot("it is used otherwise than by `x[i]` and `x[i] = y`");
            let span = self.function.expressions.get_span(place).to_range().ok_or_else(other)?;
            let open = span.start..span.start + buffer.name.len() + 1;
            let close = span.end.saturating_sub(1)..span.end;
            let is_indexed = self.text.get(open.clone()) == Some(&format!("{}[", buffer.name))
                && self.text.get(close.clone()) == Some("]");
            if !is_indexed {
                return Err(other());
            }
            let mut store = stored.iter().filter(|(pointer, _)| *pointer == place);
            match store.next() {
                None => {
                    self.edits.push((open, format!("{}_at(", buffer.name)));
                    self.edits.push((close, ")".into()));
                }
                Some((_, statement)) => {
                    let after = self.text.get(span.end..statement.end).ok_or_else(other)?;
                    let equals = after.find(|c: char| !c.is_whitespace()).unwrap_or(0);
                    if !after[equals..].starts_with('=') || self.is_loaded(place) {
                        return Err(other());
                    }
                    self.edits.push((open, format!("{}_put(", buffer.name)));
                    self.edits.push((close.start..span.end + equals + 1, ",".into()));
                    self.edits.push((statement.end..statement.end, ")".into()));
                }
            }
        }
        Ok(())
    }

    fn buffer(&self, base: Handle<Expression>) -> Option<&Buffer> {
        let Expression::GlobalVariable(global) = self.function.expressions[base] else {
            return None;
        };
        self.buffers.iter().find(|buffer| buffer.global == global)
    }

    fn is_loaded(&self, place: Handle<Expression>) -> bool {
        let mut expressions = self.function.expressions.iter();
        expressions.any(|(_, it)| matches!(it, Expression::Load { pointer } if *pointer == place))
    }
}

/// The pointers of all stores of a block, with the bytes of each statement.
fn stores(block: &naga::Block, found: &mut Vec<(Handle<Expression>, Range<usize>)>) {
    for (statement, span) in block.span_iter() {
        match statement {
            Statement::Store { pointer, .. } => {
                found.extend(span.to_range().map(|span| (*pointer, span)));
            }
            Statement::Block(block) => stores(block, found),
            Statement::If { accept, reject, .. } => {
                [accept, reject].into_iter().for_each(|block| stores(block, found));
            }
            Statement::Switch { cases, .. } => {
                cases.iter().for_each(|case| stores(&case.body, found));
            }
            Statement::Loop { body, continuing, .. } => {
                [body, continuing].into_iter().for_each(|block| stores(block, found));
            }
            _ => {}
        }
    }
}

/// The text with other words at these places, which do not overlap.
fn edited(text: &str, mut edits: Vec<(Range<usize>, String)>) -> String {
    edits.sort_by_key(|(range, _)| (range.start, range.end));
    let (mut result, mut at) = (String::with_capacity(text.len()), 0);
    for (range, words) in edits {
        result += &text[at..range.start];
        result += &words;
        at = range.end;
    }
    result + &text[at..]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::adapter::AdapterTraits;
    use crate::ops::catalogue::kernels;
    use crate::ops::kernel::Kernel;
    use crate::ops::target::GpuTarget;

    const KERNEL: Kernel = Kernel::from_wgsl(
        "nested",
        &["
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> z: array<f32>;
fn shadowed(x: vec4<f32>, i: u32) -> f32 { return x[i]; }
@compute @workgroup_size(4) fn main(@builtin(local_invocation_index) i: u32) {
    y[i] = vec4<f32>(x[u32(x[0])], shadowed(y[i / 4u], 1u), y[2][i], z[1]);
    if i < arrayLength(&x) {
        z [i] = 1.0;
    }
}
"],
    );

    fn halves<const COUNT: usize>(bindings: [(u32, i32); COUNT]) -> Vec<Half> {
        bindings.map(|(binding, exponent)| Half { binding, exponent }).to_vec()
    }

    #[test]
    fn a_text_reads_and_writes_f16_by_functions() {
        let kernel = KERNEL.with_halves(halves([(0, 0), (1, 12)]));
        kernel.parse().unwrap_or_else(|error| panic!("{error}"));
        let text = kernel.text();
        for expected in [
            "var<storage, read> x: array<f16>;",
            "var<storage, read_write> y: array<vec4<f16>>;",
            "var<storage, read_write> z: array<f32>;",
            "y_put(i, vec4<f32>(x_at(u32(x_at(0))), shadowed(y_at(i / 4u), 1u), y_at(2)[i], z[1]));",
            "return x[i]; }",
            "return f32(x[i]);",
            "return vec4<f32>(y[i]) * 0.00024414063;",
            "y[i] = vec4<f16>(within_f16(x * 4096.0));",
        ] {
            assert!(text.contains(expected), "{expected} is not in {text}");
        }
    }

    #[test]
    fn uses_that_have_no_function_are_refused() {
        for (body, expected) in [
            ("y[i] += 1.0;", "`y` cannot hold f16"),
            ("let p = &y[i]; *p = 1.0;", "`y` cannot hold f16"),
            ("let p = &y; (*p)[i] = 1.0;", "`y` cannot hold f16"),
            ("z [i] = 1.0;", "`z` cannot hold f16"),
        ] {
            let text = format!(
                "@group(0) @binding(0) var<storage, read_write> y: array<f32>;
                 @group(0) @binding(1) var<storage, read_write> z: array<f32>;
                 @compute @workgroup_size(4) fn main(@builtin(local_invocation_index) i: u32) \
                 {{ {body} }}"
            );
            let kernel = Kernel::from_text("used", text).with_halves(halves([(0, 1), (1, 1)]));
            let error = kernel.parse().expect_err(body);
            assert!(error.contains(expected), "{body}: {error}");
        }
    }

    /// With as many of its buffers as there are, but for what updates parameters, which are f32.
    #[test]
    fn every_kernel_can_read_and_write_f16() {
        let eight_lanes = GpuTarget::new(&AdapterTraits::llvmpipe());
        let all: Vec<Half> = (0..8).map(|binding| Half { binding, exponent: 3 }).collect();
        let mut wrong = vec![];
        for kernel in kernels().into_iter().filter(|kernel| kernel.name != "step") {
            for kernel in [kernel.clone(), kernel.on(&eight_lanes)] {
                let name = kernel.name;
                match kernel.with_halves(all.clone()).parse() {
                    Ok((module, _)) if has_f32(&module) => wrong.push(format!("{name}: f32 left")),
                    Ok(_) => {}
                    Err(error) => wrong.push(format!("{name}: {error}")),
                }
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    fn has_f32(module: &Module) -> bool {
        module.global_variables.iter().any(|(_, variable)| {
            matches!(variable.space, naga::AddressSpace::Storage { .. })
                && width(module, variable.ty).is_some()
        })
    }
}
