// tile_64.wgsl: 64 x 64 outputs by 64 invocations; 8 x 8 outputs each, in 16 vec4. Include tile.wgsl too.
const TILE = 64u;

// c<row><half>: the sums of one invocation.
var<private> c00: vec4<f32>;
var<private> c01: vec4<f32>;
var<private> c10: vec4<f32>;
var<private> c11: vec4<f32>;
var<private> c20: vec4<f32>;
var<private> c21: vec4<f32>;
var<private> c30: vec4<f32>;
var<private> c31: vec4<f32>;
var<private> c40: vec4<f32>;
var<private> c41: vec4<f32>;
var<private> c50: vec4<f32>;
var<private> c51: vec4<f32>;
var<private> c60: vec4<f32>;
var<private> c61: vec4<f32>;
var<private> c70: vec4<f32>;
var<private> c71: vec4<f32>;

fn add_outer_product(a: u32, b: u32) {
    let a0 = tile_a[a];
    let a1 = tile_a[a + 8u];
    let b0 = tile_b[b];
    let b1 = tile_b[b + 8u];
    c00 = fma(vec4<f32>(a0.x), b0, c00);
    c01 = fma(vec4<f32>(a0.x), b1, c01);
    c10 = fma(vec4<f32>(a0.y), b0, c10);
    c11 = fma(vec4<f32>(a0.y), b1, c11);
    c20 = fma(vec4<f32>(a0.z), b0, c20);
    c21 = fma(vec4<f32>(a0.z), b1, c21);
    c30 = fma(vec4<f32>(a0.w), b0, c30);
    c31 = fma(vec4<f32>(a0.w), b1, c31);
    c40 = fma(vec4<f32>(a1.x), b0, c40);
    c41 = fma(vec4<f32>(a1.x), b1, c41);
    c50 = fma(vec4<f32>(a1.y), b0, c50);
    c51 = fma(vec4<f32>(a1.y), b1, c51);
    c60 = fma(vec4<f32>(a1.z), b0, c60);
    c61 = fma(vec4<f32>(a1.z), b1, c61);
    c70 = fma(vec4<f32>(a1.w), b0, c70);
    c71 = fma(vec4<f32>(a1.w), b1, c71);
}

// Hands the sums to put(), four neighbours along n at a time; the tile begins at m, n.
fn put_tile(m: u32, n: u32, local: u32) {
    let i = m + local / 8u * 4u;
    let j = n + local % 8u * 4u;
    put(i, j, c00);
    put(i, j + 32u, c01);
    put(i + 1u, j, c10);
    put(i + 1u, j + 32u, c11);
    put(i + 2u, j, c20);
    put(i + 2u, j + 32u, c21);
    put(i + 3u, j, c30);
    put(i + 3u, j + 32u, c31);
    put(i + 32u, j, c40);
    put(i + 32u, j + 32u, c41);
    put(i + 33u, j, c50);
    put(i + 33u, j + 32u, c51);
    put(i + 34u, j, c60);
    put(i + 34u, j + 32u, c61);
    put(i + 35u, j, c70);
    put(i + 35u, j + 32u, c71);
}
