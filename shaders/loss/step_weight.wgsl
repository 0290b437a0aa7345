// needs: step
// step_weight.wgsl: out[0] = the weight of this step. Dispatch: one workgroup of one invocation.
@group(0) @binding(0) var<storage, read_write> output: array<f32>;

@compute @workgroup_size(1)
fn main() {
    output[0] = step.weight;
}
