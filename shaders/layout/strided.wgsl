// needs: linear
// strided.wgsl: out[i] = in[base + offset(i)], the input read through strides of which some may be 0:
// axes repeated, reordered or cut. Neighbouring invocations write neighbours.
// One element an invocation. Dispatch: ceil(n / 64) workgroups, folded past 65535.
// Between the titles stands an example of what Walk::wgsl in src/ops/layout/strided.rs writes.
struct Params { count: u32, base: u32 }
@group(0) @binding(0) var<storage, read> input: array<f32>;
@group(0) @binding(1) var<storage, read_write> output: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

// ---- the walk
fn offset(i: u32) -> u32 {
    return i % 5u * 6u + i / 5u % 3u + i / 15u * 30u;
}

// ---- the copy
@compute @workgroup_size(64)
fn main(me: Invocation) {
    let i = linear_index(me);
    if i < params.count {
        output[i] = input[params.base + offset(i)];
    }
}
