// needs: linear, step
// shard_sum.wgsl: entry `weigh`: out[i] = share * in[i], share that of the step's images which are the shard's;
// entry `add`: out[i] += in[i]. Numbers too small for a whole mantissa become 0 in either: some devices keep them.
// One vec4 an invocation. Dispatch: ceil(n / 4 / 64) workgroups, folded past 65535.
struct Params { vectors: u32 }
@group(0) @binding(0) var<storage, read> input: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> output: array<vec4<f32>>;
@group(1) @binding(0) var<uniform> params: Params;

fn whole(x: vec4<f32>) -> vec4<f32> {
    return select(x, vec4<f32>(0.0), abs(x) < vec4<f32>(0x1p-126));
}

@compute @workgroup_size(64)
fn weigh(me: Invocation) {
    let i = linear_index(me);
    if i < params.vectors {
        output[i] = whole(step.corrections.z * input[i]);
    }
}

@compute @workgroup_size(64)
fn add(me: Invocation) {
    let i = linear_index(me);
    if i < params.vectors {
        output[i] = whole(output[i] + input[i]);
    }
}
