// needs: adam, outputs
// update.wgsl: in place of epilogue.wgsl for products that are a parameter's gradient; Update in
// src/ops/update.rs. What they store is the parameter after a step of Adam, see adam.wgsl; the outputs are all
// parameters, and the moments are laid out like them.
@group(0) @binding(3) var<storage, read_write> first4: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> second4: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> first1: array<f32>;
@group(0) @binding(4) var<storage, read_write> second1: array<f32>;

fn with_bias(g: vec4<f32>, n: vec4<u32>) -> vec4<f32> {
    return g;
}

// Updates the four parameters of vec4 number i, and leaves it to the caller to store them.
fn finish4(g: vec4<f32>, i: u32) -> vec4<f32> {
    let moved = adam_step(output4[i], g, first4[i], second4[i]);
    first4[i] = moved.first;
    second4[i] = moved.second;
    return moved.parameter;
}

// The same for parameters number i.x, i.y, i.z and i.w. Those that are i.x again are stored before it.
fn finish_apart(g: vec4<f32>, i: vec4<u32>) -> vec4<f32> {
    let p = vec4<f32>(output1[i.x], output1[i.y], output1[i.z], output1[i.w]);
    let m = vec4<f32>(first1[i.x], first1[i.y], first1[i.z], first1[i.w]);
    let v = vec4<f32>(second1[i.x], second1[i.y], second1[i.z], second1[i.w]);
    let moved = adam_step(p, g, m, v);
    first1[i.w] = moved.first.w;
    first1[i.z] = moved.first.z;
    first1[i.y] = moved.first.y;
    first1[i.x] = moved.first.x;
    second1[i.w] = moved.second.w;
    second1[i.z] = moved.second.z;
    second1[i.y] = moved.second.y;
    second1[i.x] = moved.second.x;
    return moved.parameter;
}

// The sums are a gradient, too; their parameter begins at a vec4.
fn store_sums(m: u32, used: vec4<bool>, four: vec4<f32>) {
    put(params.sums_at + m + vec4<u32>(0u, 1u, 2u, 3u), used, four);
}
