//! WGSL text that kernels share, for kernels from outside this crate to stand on:
//! [`Kernel::from_wgsl`](super::kernel::Kernel::from_wgsl) takes it before the kernel's own. The files are
//! in `shaders/shared/`, and each begins with what it needs and what it is: there, what a part needs
//! comes before it of itself; functions of an [`Elementwise`](crate::ops::elementwise::custom::Elementwise) name all they need.

macro_rules! shared {
    ($($(#[$doc:meta])* $name:ident = $file:literal;)*) => {$(
        $(#[$doc])*
        pub const $name: &str =
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders/shared/", $file, ".wgsl"));
    )*};
}

shared! {
    /// `struct Invocation`, which an entry point takes, and `linear_index(me)`: its number in a
    /// dispatch over [`Dispatch::linear`](super::kernel::Dispatch::linear) groups of 64.
    LINEAR = "linear";
    /// `step`: the [`StepScalars`](super::step::StepScalars) of the step.
    STEP = "step";
    /// `random_words(stream, block)` and the `uniform4` and `normal4` made of them: the numbers that
    /// [`rng`](crate::rng) draws. [`STEP`] comes before it.
    PHILOX = "philox";
    /// `sigmoid4`, `tanh4`, `softplus4`, `erf4` and others, exact where WGSL's own are not, and
    /// `activation4` and `derivative4` by the code of an [`Activation`](super::function::Activation).
    ACTIVATION = "activation";
    /// `unary4(kind, x, a, b)`: functions by the code of a [`UnaryKind`](super::function::UnaryKind).
    UNARY = "unary";
    /// `binary4(kind, a, b)`: functions by the code of a [`BinaryKind`](super::function::BinaryKind).
    /// [`ACTIVATION`] comes before it.
    BINARY = "binary";
    /// `clamp_log_variance` and `gaussian_kl4`: what normal distributions are compared by.
    GAUSSIAN = "gaussian";
    /// The `override`s of a convolution: sizes, kernel, stride, padding, dilation.
    GEOMETRY = "geometry";
}
