// needs: linear, step, adam
// step.wgsl: one step of gradient descent with momentum, or of Adam, over runs of parameters.
//   sgd:  v = momentum v + g;  p -= rate v
//   adam: see adam.wgsl
// The entries named `clipped` scale g by min(1, clip / norm) first.
// One vec4 an invocation. Dispatch: ceil(n / 4 / 64) workgroups, folded past 65535.
struct Params {
    vectors: u32,
    runs: u32,
    momentum: f32,
    clip: f32,
    // Of each run: the first invocation, and the vec4 that is its own.
    begins: array<vec4<u32>, 8>,
}
@group(0) @binding(0) var<storage, read> gradients: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> parameters: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> first: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> second: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> sgd_norm: array<f32>;
@group(0) @binding(4) var<storage, read> adam_norm: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

// The vec4 of invocation i.
fn place(i: u32) -> u32 {
    var at = i;
    for (var run = 0u; run < params.runs; run++) {
        let begin = params.begins[run];
        if i >= begin.x {
            at = begin.y + i - begin.x;
        }
    }
    return at;
}

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

fn move_by_adam(i: u32, clip: f32) {
    let moved = adam_step(parameters[i], clip * gradients[i], first[i], second[i]);
    parameters[i] = moved.parameter;
    first[i] = moved.first;
    second[i] = moved.second;
}

@compute @workgroup_size(64)
fn sgd(me: Invocation) {
    let i = linear_index(me);
    if i < params.vectors {
        sgd_step(place(i), 1.0);
    }
}

@compute @workgroup_size(64)
fn sgd_clipped(me: Invocation) {
    let i = linear_index(me);
    if i < params.vectors {
        sgd_step(place(i), factor(sgd_norm[0]));
    }
}

@compute @workgroup_size(64)
fn adam(me: Invocation) {
    let i = linear_index(me);
    if i < params.vectors {
        move_by_adam(place(i), 1.0);
    }
}

@compute @workgroup_size(64)
fn adam_clipped(me: Invocation) {
    let i = linear_index(me);
    if i < params.vectors {
        move_by_adam(place(i), factor(adam_norm[0]));
    }
}
