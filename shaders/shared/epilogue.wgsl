// needs: activation
// epilogue.wgsl: what products do on the way out; Fused in src/ops/product/epilogue.rs.
//     out = last(product + bias + summand), last being nothing, an activation, or, where GRADIENT is 1, the
//     factor activation'(value). Summand and value are shaped like the output.
override BIAS: u32 = 0u;
override SUM: u32 = 0u;
override GRADIENT: u32 = 0u;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read> summand: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> value: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> sums: array<vec4<f32>>;

// Adds the bias of four columns.
fn with_bias(x: vec4<f32>, n: vec4<u32>) -> vec4<f32> {
    if BIAS == 1u {
        return x + vec4<f32>(bias[n.x], bias[n.y], bias[n.z], bias[n.w]);
    }
    return x;
}

fn finish(x: vec4<f32>, added: vec4<f32>, at: vec4<f32>) -> vec4<f32> {
    if GRADIENT == 1u {
        return activation_gradient4(x + added, at);
    }
    return activate4(x + added);
}

// Ends the four outputs of vec4 number i, to which the bias has been added.
fn finish4(x: vec4<f32>, i: u32) -> vec4<f32> {
    var added = vec4<f32>(0.0);
    var at = vec4<f32>(0.0);
    if SUM == 1u {
        added = summand[i];
    }
    if GRADIENT == 1u {
        at = value[i];
    }
    return finish(x, added, at);
}

fn number(i: u32, of_sum: bool) -> f32 {
    if of_sum {
        return summand[i / 4u][i % 4u];
    }
    return value[i / 4u][i % 4u];
}

// Ends outputs number i.x, i.y, i.z and i.w, all of which there are.
fn finish_apart(x: vec4<f32>, i: vec4<u32>) -> vec4<f32> {
    var added = vec4<f32>(0.0);
    var at = vec4<f32>(0.0);
    if SUM == 1u {
        added = vec4<f32>(number(i.x, true), number(i.y, true), number(i.z, true), number(i.w, true));
    }
    if GRADIENT == 1u {
        at = vec4<f32>(number(i.x, false), number(i.y, false), number(i.z, false), number(i.w, false));
    }
    return finish(x, added, at);
}

// Four of the sums that are given besides, from a multiple of four on.
fn store_sums(m: u32, used: vec4<bool>, four: vec4<f32>) {
    sums[m / 4u] = four;
}
