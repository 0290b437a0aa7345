// record.wgsl: rows[row * columns + column] = in[0]. Dispatch: one workgroup of one invocation.
struct Params { column: u32, columns: u32 }
@group(0) @binding(0) var<storage, read> input: array<f32>;
@group(0) @binding(1) var<storage, read_write> rows: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(1)
fn main() {
    rows[step.row * params.columns + params.column] = input[0];
}
