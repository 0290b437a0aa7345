// concat.wgsl: out[o, offset + i] = in[o, i] for rows of `row` elements put into rows of `total`.
// One element an invocation, one dispatch an input: ceil(n / 64) workgroups, folded past 65535.
struct Params { count: u32, row: u32, total: u32, offset: u32 }
@group(0) @binding(0) var<storage, read> input: array<f32>;
@group(0) @binding(1) var<storage, read_write> output: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = (group.x + group.y * groups.x) * 64u + local;
    if i < params.count {
        output[i / params.row * params.total + params.offset + i % params.row] = input[i];
    }
}
