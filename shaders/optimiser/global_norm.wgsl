// needs: tree
// global_norm.wgsl: entry `squares`: out[done + g] = sum of squares of in[begin + g * grain ..][.. grain];
// entry `root`: out[0] = sqrt(sum of in[begin .. end]). 64 invocations in a fixed tree.
// Dispatch: `squares` ceil(n / grain) workgroups, folded past 65535; `root` one.
struct Params { begin: u32, end: u32, done: u32, grain: u32 }
@group(0) @binding(0) var<storage, read> input: array<f32>;
@group(0) @binding(1) var<storage, read_write> output: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

alias Partial = f32;

fn combine(a: f32, b: f32) -> f32 {
    return a + b;
}

@compute @workgroup_size(64)
fn squares(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let g = group.x + group.y * groups.x;
    let begin = params.begin + g * params.grain;
    let end = min(begin + params.grain, params.end);
    var total = 0.0;
    for (var i = begin + local; i < end; i += 64u) {
        total += input[i] * input[i];
    }
    total = combine_all(total, local);
    if local == 0u && begin < params.end {
        output[params.done + g] = total;
    }
}

@compute @workgroup_size(64)
fn root(@builtin(local_invocation_index) local: u32) {
    var total = 0.0;
    for (var i = params.begin + local; i < params.end; i += 64u) {
        total += input[i];
    }
    total = combine_all(total, local);
    if local == 0u {
        output[0] = sqrt(total);
    }
}
