// needs: linear
// roofline.wgsl: what an adapter can do at most.
// Entry `multiply_add`: for each element x, the sum of eight chains c = c * 0.999 + 0.001, ROUNDS steps long, that
//   begin at x, x + 1, ... x + 7: arithmetic in registers, eight of it independent. One vec4 an invocation.
// Entry `copy`: out[i] = in[i]. One vec4 an invocation. Dispatch: ceil(n / 4 / 64), folded past 65535.
override ROUNDS: u32 = 1u;

struct Params { vectors: u32 }
@group(0) @binding(0) var<storage, read> input: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> output: array<vec4<f32>>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn multiply_add(me: Invocation) {
    let i = linear_index(me);
    if i >= params.vectors {
        return;
    }
    let a = vec4<f32>(0.999);
    let b = vec4<f32>(0.001);
    var c0 = input[i];
    var c1 = c0 + 1.0;
    var c2 = c0 + 2.0;
    var c3 = c0 + 3.0;
    var c4 = c0 + 4.0;
    var c5 = c0 + 5.0;
    var c6 = c0 + 6.0;
    var c7 = c0 + 7.0;
    for (var round = 0u; round < ROUNDS; round++) {
        c0 = fma(c0, a, b);
        c1 = fma(c1, a, b);
        c2 = fma(c2, a, b);
        c3 = fma(c3, a, b);
        c4 = fma(c4, a, b);
        c5 = fma(c5, a, b);
        c6 = fma(c6, a, b);
        c7 = fma(c7, a, b);
    }
    output[i] = ((c0 + c1) + (c2 + c3)) + ((c4 + c5) + (c6 + c7));
}

@compute @workgroup_size(64)
fn copy(me: Invocation) {
    let i = linear_index(me);
    if i < params.vectors {
        output[i] = input[i];
    }
}
