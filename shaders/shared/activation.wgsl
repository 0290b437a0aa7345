// activation.wgsl: activation functions and their derivatives on vec4, by their code as in
// Activation::code, or as chosen when the pipeline is made.
override ACTIVATION: u32 = 0u;
override SLOPE: f32 = 0.0;

const RELU = 1u;
const LEAKY_RELU = 2u;
const SIGMOID = 3u;
const TANH = 4u;
const SOFTPLUS = 5u;
const GELU = 6u;
const SILU = 7u;

fn sigmoid4(x: vec4<f32>) -> vec4<f32> {
    let e = exp(-abs(x));
    let small = e / (1.0 + e);
    return select(1.0 - small, small, x < vec4<f32>(0.0));
}

fn tanh4(x: vec4<f32>) -> vec4<f32> {
    let z = x * x;
    let p = (((-5.7049887e-3 * z + 2.0639089e-2) * z - 5.3739715e-2) * z + 0.13331442) * z - 0.33333282;
    let near = p * z * x + x;
    let e = exp(-2.0 * abs(x));
    let far = sign(x) * (1.0 - e) / (1.0 + e);
    return select(far, near, abs(x) < vec4<f32>(0.625));
}

// ln(1 + x) for x in [0, 1]; a short series near 0, where 1 + x rounds x away.
fn ln_1p_unit4(x: vec4<f32>) -> vec4<f32> {
    let series = x * (1.0 - x * (0.5 - x * (1.0 / 3.0 - x * 0.25)));
    return select(log(1.0 + x), series, x < vec4<f32>(0.01));
}

fn softplus4(x: vec4<f32>) -> vec4<f32> {
    return max(x, vec4<f32>(0.0)) + ln_1p_unit4(exp(-abs(x)));
}

// Abramowitz and Stegun 7.1.26, and the Taylor series near 0.
fn erf4(x: vec4<f32>) -> vec4<f32> {
    let a = abs(x);
    let t = 1.0 / (1.0 + 0.3275911 * a);
    let p = ((((1.0614054 * t - 1.453152) * t + 1.4214137) * t - 0.28449674) * t + 0.2548296) * t;
    let far = sign(x) * (1.0 - p * exp(-a * a));
    let z = x * x;
    let q = 1.0 - z * (1.0 / 3.0 - z * (0.1 - z * (1.0 / 42.0 - z / 216.0)));
    return select(far, 1.1283792 * x * q, a < vec4<f32>(0.3));
}

fn normal_distribution4(x: vec4<f32>) -> vec4<f32> {
    return 0.5 + 0.5 * erf4(x * 0.70710678);
}

fn activation4(code: u32, slope: f32, x: vec4<f32>) -> vec4<f32> {
    switch code {
        case RELU: { return max(x, vec4<f32>(0.0)); }
        case LEAKY_RELU: { return select(slope * x, x, x > vec4<f32>(0.0)); }
        case SIGMOID: { return sigmoid4(x); }
        case TANH: { return tanh4(x); }
        case SOFTPLUS: { return softplus4(x); }
        case GELU: { return x * normal_distribution4(x); }
        case SILU: { return x * sigmoid4(x); }
        default: { return x; }
    }
}

// gradient * activation', in terms of the output; of the input for GELU and SILU.
fn derivative4(code: u32, slope: f32, gradient: vec4<f32>, v: vec4<f32>) -> vec4<f32> {
    switch code {
        case RELU: { return select(vec4<f32>(0.0), gradient, v > vec4<f32>(0.0)); }
        case LEAKY_RELU: { return select(slope * gradient, gradient, v > vec4<f32>(0.0)); }
        case SIGMOID: { return gradient * v * (1.0 - v); }
        case TANH: { return gradient * (1.0 - v * v); }
        case SOFTPLUS: { return gradient * (1.0 - exp(-v)); }
        case GELU: { return gradient * (normal_distribution4(v) + v * 0.3989423 * exp(-0.5 * v * v)); }
        case SILU: {
            let s = sigmoid4(v);
            return gradient * s * (1.0 + v * (1.0 - s));
        }
        default: { return gradient; }
    }
}

fn activate4(x: vec4<f32>) -> vec4<f32> {
    return activation4(ACTIVATION, SLOPE, x);
}

fn activation_gradient4(gradient: vec4<f32>, v: vec4<f32>) -> vec4<f32> {
    return derivative4(ACTIVATION, SLOPE, gradient, v);
}
