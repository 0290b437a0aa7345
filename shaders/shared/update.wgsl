// needs: adam
// update.wgsl: in place of epilogue.wgsl for products that are a parameter's gradient; Update in
// src/ops/update.rs. What they store is the parameter after a step of Adam, see adam.wgsl; output holds all
// parameters, and the moments are laid out like it.
@group(0) @binding(3) var<storage, read_write> first_moment: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> second_moment: array<vec4<f32>>;

fn with_bias(g: vec4<f32>, n: vec4<u32>) -> vec4<f32> {
    return g;
}

// Updates the four parameters of vec4 number i, and leaves it to the caller to store them.
fn finish4(g: vec4<f32>, i: u32) -> vec4<f32> {
    let moved = adam_step(output[i], g, first_moment[i], second_moment[i]);
    first_moment[i] = moved.first;
    second_moment[i] = moved.second;
    return moved.parameter;
}

// The same for parameters number i.x, i.y, i.z and i.w. Those that are i.x again are stored before it.
fn finish_apart(g: vec4<f32>, i: vec4<u32>) -> vec4<f32> {
    let at = i / 4u;
    let component = i % 4u;
    let p = vec4<f32>(output[at.x][component.x], output[at.y][component.y], output[at.z][component.z], output[at.w][component.w]);
    let m = vec4<f32>(first_moment[at.x][component.x], first_moment[at.y][component.y],
        first_moment[at.z][component.z], first_moment[at.w][component.w]);
    let v = vec4<f32>(second_moment[at.x][component.x], second_moment[at.y][component.y],
        second_moment[at.z][component.z], second_moment[at.w][component.w]);
    let moved = adam_step(p, g, m, v);
    first_moment[at.w][component.w] = moved.first.w;
    first_moment[at.z][component.z] = moved.first.z;
    first_moment[at.y][component.y] = moved.first.y;
    first_moment[at.x][component.x] = moved.first.x;
    second_moment[at.w][component.w] = moved.second.w;
    second_moment[at.z][component.z] = moved.second.z;
    second_moment[at.y][component.y] = moved.second.y;
    second_moment[at.x][component.x] = moved.second.x;
    return moved.parameter;
}

fn store_sum(m: u32, sum: f32) {
    let i = params.sums_at + m;
    output[i / 4u][i % 4u] = finish_apart(vec4<f32>(sum), vec4<u32>(i)).x;
}
