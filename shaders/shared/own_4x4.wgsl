// needs: tile
// own_4x4.wgsl: 4 x 4 sums that an invocation owns, in 4 vec4. Alone it is what adapters have whose invocations bring
// the terms themselves, see src/ops/software.rs; sums_4x4.wgsl takes them from the tiles.
// c<row>: the sums of one invocation.
var<private> c0: vec4<f32>;
var<private> c1: vec4<f32>;
var<private> c2: vec4<f32>;
var<private> c3: vec4<f32>;

fn add_outer(a: vec4<f32>, b: vec4<f32>) {
    c0 = fma(vec4<f32>(a.x), b, c0);
    c1 = fma(vec4<f32>(a.y), b, c1);
    c2 = fma(vec4<f32>(a.z), b, c2);
    c3 = fma(vec4<f32>(a.w), b, c3);
}

// Hands the sums to store(), four neighbours along n at a time; the tile begins at m, n.
fn store_tile(m: u32, n: u32, local: u32) {
    let i = m + local / QUADS_B * 4u;
    let j = n + local % QUADS_B * 4u;
    store(i, j, c0);
    store(i + 1u, j, c1);
    store(i + 2u, j, c2);
    store(i + 3u, j, c3);
}
