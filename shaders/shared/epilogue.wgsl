// epilogue.wgsl: what products do on the way out; Fused in src/ops/fused.rs. Include activation.wgsl too.
//     out = last(product + bias + summand), last being nothing, an activation, or, where GRADIENT is 1, the
//     factor activation'(value). Summand and value are shaped like the output.
override BIAS: u32 = 0u;
override SUM: u32 = 0u;
override GRADIENT: u32 = 0u;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read> summand: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> value: array<vec4<f32>>;

// Ends the four outputs of vec4 number i, to which the bias has been added.
fn finish4(x: vec4<f32>, i: u32) -> vec4<f32> {
    var y = x;
    if SUM == 1u {
        y += summand[i];
    }
    if GRADIENT == 1u {
        return activation_gradient4(y, value[i]);
    }
    return activate4(y);
}

// Ends output number i alone.
fn finish1(x: f32, i: u32) -> f32 {
    var y = x;
    if SUM == 1u {
        y += summand[i / 4u][i % 4u];
    }
    if GRADIENT == 1u {
        return activation_gradient4(vec4<f32>(y), vec4<f32>(value[i / 4u][i % 4u])).x;
    }
    return activate4(vec4<f32>(y)).x;
}
