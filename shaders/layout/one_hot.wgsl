// needs: linear
// one_hot.wgsl: out[i, c] = 1 where index[i] = c, else 0.
// One element an invocation. Dispatch: ceil(n * C / 64) workgroups, folded past 65535.
struct Params { count: u32, classes: u32 }
@group(0) @binding(0) var<storage, read> index: array<f32>;
@group(0) @binding(1) var<storage, read_write> output: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(me: Invocation) {
    let i = linear_index(me);
    if i < params.count {
        let hot = index[i / params.classes] == f32(i % params.classes);
        output[i] = select(0.0, 1.0, hot);
    }
}
