// needs: linear
// concat.wgsl: out[o, offset + i] = in[o, i] for rows of `row` elements put into rows of `total`.
// One element an invocation, one dispatch an input: ceil(n / 64) workgroups, folded past 65535.
struct Params { count: u32, row: u32, total: u32, offset: u32 }
@group(0) @binding(0) var<storage, read> input: array<f32>;
@group(0) @binding(1) var<storage, read_write> output: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(me: Invocation) {
    let i = linear_index(me);
    if i < params.count {
        output[i / params.row * params.total + params.offset + i % params.row] = input[i];
    }
}
