// optimiser.wgsl: one step of gradient descent with momentum, or of Adam, over all parameters.
//   sgd:  v = momentum v + g;  p -= rate v
//   adam: m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g g;
//         p -= rate (m / c1 / (sqrt(v / c2) + epsilon) + decay p),  c1 = 1 - b1^t, c2 = 1 - b2^t
// The entries named `clipped` scale g by min(1, clip / norm) first.
// One vec4 an invocation. Dispatch: ceil(n / 4 / 64) workgroups, folded past 65535.
struct Params {
    vectors: u32,
    momentum: f32,
    beta2: f32,
    epsilon: f32,
    weight_decay: f32,
    clip: f32,
}
@group(0) @binding(0) var<storage, read> gradients: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> parameters: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> first: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> second: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> sgd_norm: array<f32>;
@group(0) @binding(4) var<storage, read> adam_norm: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

fn factor(norm: f32) -> f32 {
    if norm > params.clip {
        return params.clip / norm;
    }
    return 1.0;
}

fn sgd_step(i: u32, clip: f32) {
    let v = params.momentum * first[i] + clip * gradients[i];
    first[i] = v;
    parameters[i] -= step.learning_rate * v;
}

fn adam_step(i: u32, clip: f32) {
    let g = clip * gradients[i];
    let m = params.momentum * first[i] + (1.0 - params.momentum) * g;
    let v = params.beta2 * second[i] + (1.0 - params.beta2) * g * g;
    first[i] = m;
    second[i] = v;
    let mean = m / step.corrections.x;
    let root = sqrt(v / step.corrections.y);
    let p = parameters[i];
    parameters[i] = p - step.learning_rate * (mean / (root + params.epsilon) + params.weight_decay * p);
}

@compute @workgroup_size(64)
fn sgd(me: Invocation) {
    let i = linear_index(me);
    if i < params.vectors {
        sgd_step(i, 1.0);
    }
}

@compute @workgroup_size(64)
fn sgd_clipped(me: Invocation) {
    let i = linear_index(me);
    if i < params.vectors {
        sgd_step(i, factor(sgd_norm[0]));
    }
}

@compute @workgroup_size(64)
fn adam(me: Invocation) {
    let i = linear_index(me);
    if i < params.vectors {
        adam_step(i, 1.0);
    }
}

@compute @workgroup_size(64)
fn adam_clipped(me: Invocation) {
    let i = linear_index(me);
    if i < params.vectors {
        adam_step(i, factor(adam_norm[0]));
    }
}
