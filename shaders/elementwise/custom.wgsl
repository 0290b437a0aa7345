// custom.wgsl: y[i] = f(x[i]), or y[i] = gradient[i] f'(x[i]). f and its derivatives are the text of
// an ops::Elementwise, which stands before this and names the one that is computed `elementwise`.
// One vec4 an invocation. Dispatch: ceil(n / 4 / 64) workgroups, folded past 65535.
struct Params { vectors: u32 }
@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> gradient: array<vec4<f32>>;
@group(1) @binding(0) var<uniform> params: Params;

fn elementwise4(x: vec4<f32>) -> vec4<f32> {
    return vec4<f32>(elementwise(x.x), elementwise(x.y), elementwise(x.z), elementwise(x.w));
}

@compute @workgroup_size(64)
fn value_of(me: Invocation) {
    let i = linear_index(me);
    if i < params.vectors {
        y[i] = elementwise4(x[i]);
    }
}

@compute @workgroup_size(64)
fn gradient_of(me: Invocation) {
    let i = linear_index(me);
    if i < params.vectors {
        y[i] = gradient[i] * elementwise4(x[i]);
    }
}
