// gathered.wgsl: four numbers of `y`, each from a place of its own, or 0 where a place is not inside.
@group(0) @binding(0) var<storage, read> y: array<f32>;

fn four_y(i: vec4<u32>, inside: vec4<bool>, ok: bool) -> vec4<f32> {
    let line = vec4<f32>(y[i.x], y[i.y], y[i.z], y[i.w]);
    return select(vec4<f32>(0.0), line, inside & vec4<bool>(ok));
}
