// needs: linear
// gather.wgsl: out[i, d] = table[index[i], d], the index clamped to the table's rows.
// One element an invocation. Dispatch: ceil(n * D / 64) workgroups, folded past 65535.
struct Params { count: u32, rows: u32, width: u32 }
@group(0) @binding(0) var<storage, read> table: array<f32>;
@group(0) @binding(1) var<storage, read> index: array<f32>;
@group(0) @binding(2) var<storage, read_write> output: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(me: Invocation) {
    let i = linear_index(me);
    if i < params.count {
        let row = u32(clamp(index[i / params.width], 0.0, f32(params.rows - 1u)));
        output[i] = table[row * params.width + i % params.width];
    }
}
