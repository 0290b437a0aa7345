// needs: tile
// sums_8x4_alone.wgsl: in place of sums_8x8.wgsl and smaller ones: 8 x 4 outputs an invocation, whose terms it has in
// registers.
// c<row>: the sums of one invocation.
var<private> c0: vec4<f32>;
var<private> c1: vec4<f32>;
var<private> c2: vec4<f32>;
var<private> c3: vec4<f32>;
var<private> c4: vec4<f32>;
var<private> c5: vec4<f32>;
var<private> c6: vec4<f32>;
var<private> c7: vec4<f32>;

fn add_outer_product(a: vec4<f32>, below: vec4<f32>, b: vec4<f32>) {
    c0 = fma(vec4<f32>(a.x), b, c0);
    c1 = fma(vec4<f32>(a.y), b, c1);
    c2 = fma(vec4<f32>(a.z), b, c2);
    c3 = fma(vec4<f32>(a.w), b, c3);
    c4 = fma(vec4<f32>(below.x), b, c4);
    c5 = fma(vec4<f32>(below.y), b, c5);
    c6 = fma(vec4<f32>(below.z), b, c6);
    c7 = fma(vec4<f32>(below.w), b, c7);
}

// Hands the sums to store(), four neighbours along n at a time; the tile begins at m, n.
fn store_tile(m: u32, n: u32, local: u32) {
    let i = m + local / QUADS_B * 8u;
    let j = n + local % QUADS_B * 4u;
    store(i, j, c0);
    store(i + 1u, j, c1);
    store(i + 2u, j, c2);
    store(i + 3u, j, c3);
    store(i + 4u, j, c4);
    store(i + 5u, j, c5);
    store(i + 6u, j, c6);
    store(i + 7u, j, c7);
}
