// needs: tile
// sums_4x4_alone.wgsl: in place of sums_4x4.wgsl and larger ones: 4 x 4 outputs an invocation, whose terms it has in
// registers.
// c<row>: the sums of one invocation.
var<private> c0: vec4<f32>;
var<private> c1: vec4<f32>;
var<private> c2: vec4<f32>;
var<private> c3: vec4<f32>;

fn add_outer_product(a: vec4<f32>, b: vec4<f32>) {
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
