//! Functions of one number that are not this crate's: an operation made of an expression of WGSL and
//! of its twin in Rust.

use std::fmt;
use std::sync::{Arc, OnceLock};

use super::nodes::mul;
use crate::arithmetic::simd;
use crate::error::{Error, Result};
use crate::ops::half::Halves;
use crate::ops::kernel::{Binding, Dispatch, Kernel};
use crate::ops::node::{Backward, NodeId};
use crate::ops::op::{Builder, CpuCall, Op, Shapes};
use crate::ops::shared;
use crate::ops::target::GpuTarget;
use crate::shape::Shape;

/// The entry points, which call what [`Elementwise::text`] puts before them.
const ENTRY_POINTS: &str = include_str!("../../../shaders/elementwise/custom.wgsl");

/// The operation `y = f(x)` for each element of a tensor of any shape, with `f` of one's own.
///
/// `f` is written down twice: as an expression of WGSL in `x`, an `f32`, for adapters, and as a Rust
/// function for the processor. Its derivative likewise; without one it computes, but cannot be
/// trained through. All that is an [`Op`] needs follows: the shape is the input's, the gradient is
/// `dy f'(x)` in one kernel, and threads share long tensors.
///
/// ```
/// use diabolo::prelude::*;
///
/// // Softsign: x / (1 + |x|).
/// let softsign = Elementwise::new("softsign", "x / (1.0 + abs(x))", |x| x / (1.0 + x.abs()))
///     .derivative("1.0 / ((1.0 + abs(x)) * (1.0 + abs(x)))", |x| 1.0 / (1.0 + x.abs()).powi(2));
///
/// let mut graph = Graph::new();
/// let x = graph.input("x", [4, 2]);
/// let hidden = nn::dense(&mut graph, "hidden", x, 8, None)?;
/// let y = softsign.apply(&mut graph, hidden)?;
/// let y = nn::dense(&mut graph, "y", y, 1, None)?;
/// let goal = graph.input("goal", [4, 1]);
/// let loss = nn::mean_squared_error(&mut graph, y, goal)?;
///
/// let corners = Tensor::new([4, 2], vec![0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0])?;
/// let either = Tensor::new([4, 1], vec![0.0, 1.0, 1.0, 0.0])?;
/// let mut fit = Minimiser::open(&DeviceChoice::Cpu, &graph, loss)?;
/// for _ in 0..300 {
///     fit.step(&[("x", &corners), ("goal", &either)], 0.03)?;
/// }
/// assert!(fit.loss()? < 0.05);
///
/// // What is no WGSL is an error where it is applied, whatever the device.
/// let broken = Elementwise::new("broken", "x +", |x| x);
/// assert!(broken.apply(&mut graph, x).unwrap_err().to_string().contains("operation `broken`"));
/// # Ok::<(), diabolo::error::Error>(())
/// ```
///
/// What the compiler cannot see is that the texts and the Rust functions are the same functions: run
/// both devices on the same numbers once. Operations whose name, texts and constants are equal are
/// taken to be one, and those of one name and other texts cannot be on a device together.
#[derive(Clone)]
pub struct Elementwise {
    name: &'static str,
    /// What the expressions call.
    library: String,
    constants: Vec<(&'static str, f32)>,
    /// The function, its derivative, the derivative of that, and so on.
    functions: Vec<Function>,
    compiled: OnceLock<Compiled>,
}

/// One function, twice.
#[derive(Clone)]
struct Function {
    expression: String,
    twin: Arc<dyn Twin>,
}

/// A kernel, and what is wrong with its text.
#[derive(Clone)]
struct Compiled {
    kernel: Kernel,
    mistake: Option<String>,
}

/// A function on the processor, by whole tensors, so that each has loops of its own to vectorise.
trait Twin: Send + Sync {
    /// `y[i] = f(x[i])`.
    fn map(&self, y: &mut [f32], x: &[f32]);

    /// `y[i] = gradient[i] f(x[i])`.
    fn scale(&self, y: &mut [f32], gradient: &[f32], x: &[f32]);
}

impl<F: Fn(f32) -> f32 + Send + Sync> Twin for F {
    fn map(&self, y: &mut [f32], x: &[f32]) {
        simd::map(y, x, self);
    }

    fn scale(&self, y: &mut [f32], gradient: &[f32], x: &[f32]) {
        simd::zip(y, gradient, x, |gradient, x| gradient * self(x));
    }
}

impl Elementwise {
    /// The operation `name`, which is also its kernel's name: `expression` in WGSL, such as
    /// `"x / (1.0 + abs(x))"`, and `function` compute the same.
    ///
    /// Kernels from outside the crate run with checks of their indices, in every build.
    pub fn new(
        name: &'static str,
        expression: impl Into<String>,
        function: impl Fn(f32) -> f32 + Send + Sync + 'static,
    ) -> Self {
        let (library, constants, compiled) = (String::new(), vec![], OnceLock::new());
        let functions = vec![Function { expression: expression.into(), twin: Arc::new(function) }];
        Self { name, library, constants, functions, compiled }
    }

    /// With the derivative in `x` of the function that was given last: the first time of `f`, the
    /// second time of its derivative, for gradients of gradients.
    pub fn derivative(
        mut self,
        expression: impl Into<String>,
        function: impl Fn(f32) -> f32 + Send + Sync + 'static,
    ) -> Self {
        let function = Function { expression: expression.into(), twin: Arc::new(function) };
        self.functions.push(function);
        self.changed()
    }

    /// With a number that expressions know by `name`. Operations that differ in it alone share a
    /// kernel's text, so a setting belongs here, and into what the Rust functions capture:
    ///
    /// ```
    /// use diabolo::ops::Elementwise;
    ///
    /// fn scaled_exponential(scale: f32) -> Elementwise {
    ///     Elementwise::new("scaled_exponential", "exp(scale * x)", move |x| (scale * x).exp())
    ///         .derivative("scale * exp(scale * x)", move |x| scale * (scale * x).exp())
    ///         .constant("scale", scale)
    /// }
    /// # let mut graph = diabolo::graph::Graph::new();
    /// # let x = graph.input("x", [3]);
    /// # assert_ne!(scaled_exponential(0.5).apply(&mut graph, x)?, scaled_exponential(2.0).apply(&mut graph, x)?);
    /// # Ok::<(), diabolo::error::Error>(())
    /// ```
    pub fn constant(mut self, name: &'static str, value: f32) -> Self {
        self.constants.push((name, value));
        self.changed()
    }

    /// With WGSL functions that expressions call: text of one's own, or parts of
    /// [`ops::shared`](crate::ops::shared), such as `shared::ACTIVATION` for `tanh4(vec4(x)).x`. The last
    /// call's text comes last. `shared::LINEAR` is there already.
    pub fn with_functions(mut self, text: &str) -> Self {
        self.library.push_str(text);
        self.library.push('\n');
        self.changed()
    }

    /// `f(x)` for each element of `x`, of any shape.
    ///
    /// # Errors
    /// When the kernel's text is not valid WGSL, which the message shows, or a constant is not finite.
    pub fn apply(&self, builder: &mut dyn Builder, x: NodeId) -> Result<NodeId> {
        builder.apply(Arc::new(self.clone()), &[x])
    }

    fn changed(self) -> Self {
        Self { compiled: OnceLock::new(), ..self }
    }

    /// The kernel's text: which function is computed is the constant `ORDER`.
    fn text(&self) -> String {
        let constants = self.constants.iter().map(|(name, _)| format!("override {name}: f32;\n"));
        let mut text = format!("{}\n{}", shared::LINEAR, self.library);
        text.extend(constants);
        let mut cases = String::new();
        for (order, Function { expression, .. }) in self.functions.iter().enumerate() {
            // One line, which errors show as a whole, unless a comment has to end first.
            let end = if expression.contains("//") { "\n" } else { "" };
            text += &format!(
                "fn elementwise_{order}(x: f32) -> f32 {{\n    return ({expression}{end});\n}}\n"
            );
            cases += &format!("        case {order}u: {{ return elementwise_{order}(x); }}\n");
        }
        text += &format!(
            "override ORDER: u32;\nfn elementwise(x: f32) -> f32 {{\n    switch ORDER {{\n{cases}        \
             default: {{ return 0.0; }}\n    }}\n}}\n"
        );
        text + ENTRY_POINTS
    }

    fn compiled(&self) -> &Compiled {
        self.compiled.get_or_init(|| {
            let kernel = Kernel::from_text(self.name, self.text());
            let infinite = self.constants.iter().find(|(_, value)| !value.is_finite());
            let mistake = match infinite {
                Some((name, value)) => Some(format!("constant `{name}` is {value}, not finite")),
                None => kernel.parse().err(),
            };
            Compiled { kernel, mistake }
        })
    }

    /// Refuses text that does not compile before any device sees it.
    fn check(&self) -> Result<()> {
        match &self.compiled().mistake {
            None => Ok(()),
            Some(what) => Err(Error::Graph(format!("operation `{}`: {what}", self.name))),
        }
    }

    fn dispatch(
        &self,
        entry: &'static str,
        order: usize,
        bindings: Vec<Binding>,
        shapes: &Shapes,
    ) -> Vec<Dispatch> {
        let vectors = shapes.output.elements().div_ceil(4);
        let kernel = &self.compiled().kernel;
        let dispatch = Dispatch::new(kernel, bindings, Dispatch::linear(vectors, 64))
            .entry(entry)
            .constant("ORDER", order as u32)
            .params([vectors as u32]);
        let constants = self.constants.iter();
        vec![constants.fold(dispatch, |dispatch, (name, value)| dispatch.constant(name, *value))]
    }

    /// The node of `gradient` times the derivative of this order at `x`.
    fn product(
        &self,
        builder: &mut dyn Builder,
        order: usize,
        gradient: NodeId,
        x: NodeId,
    ) -> Result<NodeId> {
        if order >= self.functions.len() {
            return Err(Error::Graph(format!(
                "operation `{}` has no derivative of order {order}; give it one by \
                 Elementwise::derivative, or cut the gradient by ops::detach",
                self.name
            )));
        }
        let op = ElementwiseGradient { function: self.clone(), order };
        builder.apply(Arc::new(op), &[gradient, x])
    }
}

impl fmt::Debug for Elementwise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let expressions: Vec<&String> = self.functions.iter().map(|it| &it.expression).collect();
        f.debug_struct("Elementwise")
            .field("name", &self.name)
            .field("library", &self.library)
            .field("constants", &self.constants)
            .field("expressions", &expressions)
            .finish()
    }
}

impl Op for Elementwise {
    fn name(&self) -> &'static str {
        self.name
    }

    fn halves(&self) -> Halves {
        Halves::All
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        self.check()?;
        match inputs {
            [x] => Ok((*x).clone()),
            _ => Err(Error::shape(self.name, "takes one input", inputs)),
        }
    }

    fn gradient(&self, builder: &mut dyn Builder, at: &Backward) -> Result<Vec<Option<NodeId>>> {
        Ok(vec![Some(self.product(builder, 1, at.gradient, at.inputs[0])?)])
    }

    fn cpu(&self, mut call: CpuCall) {
        let x = call.inputs[0];
        self.functions[0].twin.map(call.output(), x);
    }

    fn gpu(&self, shapes: &Shapes, _target: &GpuTarget) -> Vec<Dispatch> {
        self.dispatch("value_of", 0, vec![Binding::Input(0), Binding::Output(0)], shapes)
    }
}

/// `gradient * f'(x)`, of a gradient and of `x` of one shape: the gradient of an [`Elementwise`], by
/// its name. Gradients of it take the next derivative.
#[derive(Clone, Debug)]
pub struct ElementwiseGradient {
    function: Elementwise,
    /// Which derivative it is; one that there is.
    order: usize,
}

impl Op for ElementwiseGradient {
    fn name(&self) -> &'static str {
        self.function.name
    }

    fn halves(&self) -> Halves {
        Halves::All
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        self.function.check()?;
        match inputs {
            [gradient, x] if gradient == x => Ok((*x).clone()),
            _ => Err(Error::shape(self.name(), "gradient and input have one shape", inputs)),
        }
    }

    fn gradient(&self, builder: &mut dyn Builder, at: &Backward) -> Result<Vec<Option<NodeId>>> {
        let [gradient, x] = [at.inputs[0], at.inputs[1]];
        let Self { function, order } = self;
        let by_gradient = function.product(builder, *order, at.gradient, x)?;
        let by_x = match at.wanted[1] {
            true => {
                let both = mul(builder, at.gradient, gradient)?;
                Some(function.product(builder, order + 1, both, x)?)
            }
            false => None,
        };
        Ok(vec![Some(by_gradient), by_x])
    }

    fn cpu(&self, mut call: CpuCall) {
        let (gradient, x) = (call.inputs[0], call.inputs[1]);
        self.function.functions[self.order].twin.scale(call.output(), gradient, x);
    }

    fn gpu(&self, shapes: &Shapes, _target: &GpuTarget) -> Vec<Dispatch> {
        let bindings = vec![Binding::Input(1), Binding::Output(0), Binding::Input(0)];
        self.function.dispatch("gradient_of", self.order, bindings, shapes)
    }

    fn flops(&self, shapes: &Shapes) -> u64 {
        2 * shapes.output.elements() as u64
    }
}
