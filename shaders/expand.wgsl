// expand.wgsl: out[i] = in[offset(i)], the input read through strides of which some are 0.
// One element an invocation. Dispatch: ceil(n / 64) workgroups, folded past 65535.
override AXES: u32 = 1u;

// Axes innermost first.
struct Params {
    count: u32,
    sizes: array<vec4<u32>, 2>,
    strides: array<vec4<u32>, 2>,
}
@group(0) @binding(0) var<storage, read> input: array<f32>;
@group(0) @binding(1) var<storage, read_write> output: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(me: Invocation) {
    let i = linear_index(me);
    if i >= params.count {
        return;
    }
    var rest = i;
    var at = 0u;
    for (var axis = 0u; axis < AXES; axis++) {
        let size = params.sizes[axis / 4u][axis % 4u];
        at += rest % size * params.strides[axis / 4u][axis % 4u];
        rest /= size;
    }
    output[i] = input[at];
}
