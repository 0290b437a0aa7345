// matmul.wgsl: out[b, m, n] = activation(sum over k of  A[b, m, k] * B[b, k, n] + bias[n]).
// One element an invocation, 8 x 8 a workgroup. Dispatch: (ceil(N / 8), ceil(M / 8), batch).
override TRANSPOSE_A: u32 = 0u;
override TRANSPOSE_B: u32 = 0u;

struct Params { m: u32, k: u32, n: u32 }
@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read_write> output: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

fn product(id: vec3<u32>) -> f32 {
    let base_a = id.z * params.m * params.k;
    let base_b = id.z * params.k * params.n;
    var sum = 0.0;
    for (var k = 0u; k < params.k; k++) {
        let at_a = select(id.y * params.k + k, k * params.m + id.y, TRANSPOSE_A == 1u);
        let at_b = select(k * params.n + id.x, id.x * params.k + k, TRANSPOSE_B == 1u);
        sum += a[base_a + at_a] * b[base_b + at_b];
    }
    return sum;
}

fn store(id: vec3<u32>, value: f32) {
    output[(id.z * params.m + id.y) * params.n + id.x] = activate4(vec4<f32>(value)).x;
}

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x < params.n && id.y < params.m {
        store(id, product(id));
    }
}

@compute @workgroup_size(8, 8)
fn with_bias(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x < params.n && id.y < params.m {
        store(id, product(id) + bias[id.x]);
    }
}
