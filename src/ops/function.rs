//! Functions of numbers by name, and what fusion is told of them. Their code stands in the rooms of the
//! operations that apply them, under `elementwise`.

/// A function of one number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum UnaryKind {
    /// scale * x + offset
    Affine {
        /// The factor.
        scale: f32,
        /// What is added.
        offset: f32,
    },
    /// e^x
    Exp,
    /// ln x
    Log,
    /// The square root.
    Sqrt,
    /// x^2
    Square,
    /// |x|; its gradient at 0 is 0.
    Abs,
    /// 1 / x
    Reciprocal,
    /// -1, 0 or 1
    Sign,
    /// The sine.
    Sin,
    /// The cosine.
    Cos,
    /// min(max(x, low), high); the gradient passes between the bounds, both included.
    Clamp {
        /// The least value.
        low: f32,
        /// The greatest value.
        high: f32,
    },
    /// x^exponent for x >= 0.
    Power {
        /// The exponent.
        exponent: f32,
    },
    /// 1 where low <= x <= high, else 0.
    Within {
        /// The least value.
        low: f32,
        /// The greatest value.
        high: f32,
    },
    /// The greatest whole number not above x; its gradient is 0.
    Floor,
}

/// A function of two numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BinaryKind {
    /// a + b
    Add,
    /// a - b
    Subtract,
    /// a * b
    Multiply,
    /// a / b
    Divide,
    /// The greater; where equal, the gradient goes to a.
    Maximum,
    /// The lesser; where equal, the gradient goes to a.
    Minimum,
    /// 1 where a >= b, else 0.
    GreaterEqual,
    /// 1 where a = b, else 0.
    Equal,
    /// (a - b)^2
    SquaredError,
    /// The cross-entropy, in nats, of a Bernoulli variable with logit a under target b in [0, 1]:
    /// `max(a, 0) - a b + ln(1 + e^-|a|)`.
    BinaryCrossEntropy,
}

/// A function applied to each element. As text: `relu`, `leaky-relu:0.2`, `sigmoid`, `tanh`,
/// `softplus`, `gelu`, `silu`.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Activation {
    /// max(x, 0)
    Relu,
    /// x, or slope * x below 0; the slope is positive.
    LeakyRelu(f32),
    /// 1 / (1 + e^-x)
    Sigmoid,
    /// tanh x
    Tanh,
    /// ln(1 + e^x)
    Softplus,
    /// x * Phi(x), with the exact normal distribution function (Hendrycks and Gimpel, 2016).
    Gelu,
    /// x * sigmoid(x) (Elfwing et al., 2017)
    Silu,
}

/// What an operation does to each element of its inputs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pointwise {
    /// A function of one number.
    Unary(UnaryKind),
    /// A function of two numbers.
    Binary(BinaryKind),
    /// An activation.
    Activation(Activation),
    /// A gradient, times an activation's derivative at a second number.
    ActivationGradient(Activation),
    /// The divergence of a normal distribution of this mean and log-variance.
    GaussianKl,
    /// The weight of this step's schedule; no inputs.
    StepWeight,
    /// The number itself.
    Copy,
}

/// An operation that can be computed in the epilogue of the one before it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum EpiloguePart {
    /// `x + bias` along axis 1.
    Bias,
    /// The sum with another tensor of the same shape.
    Sum,
    /// An activation.
    Activation(Activation),
    /// The product with an activation's derivative, given at a tensor of the same shape.
    ActivationGradient(Activation),
}
