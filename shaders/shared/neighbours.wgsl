// neighbours.wgsl: in place of gathered.wgsl where four places that are asked for are a vec4 of `y`, all of them inside
// or none: one load and one test.
@group(0) @binding(0) var<storage, read> y: array<vec4<f32>>;

fn four_y(i: vec4<u32>, inside: vec4<bool>, ok: bool) -> vec4<f32> {
    return select(vec4<f32>(0.0), y[i.x / 4u], inside.x && ok);
}
