// needs: tile, terms
// sums_4x8.wgsl: 4 x 8 outputs an invocation, in 8 vec4: a block of rows by two of columns, half a tile apart.
override COLUMNS: u32 = TILE_N / 8u; // invocations side by side
// c<row><half>: the sums of one invocation.
var<private> c00: vec4<f32>;
var<private> c01: vec4<f32>;
var<private> c10: vec4<f32>;
var<private> c11: vec4<f32>;
var<private> c20: vec4<f32>;
var<private> c21: vec4<f32>;
var<private> c30: vec4<f32>;
var<private> c31: vec4<f32>;

fn accumulate(local: u32) {
    accumulate_terms(local / COLUMNS, local % COLUMNS);
}

fn add_outer_product(a: u32, b: u32) {
    let a0 = tile_a[a];
    let b0 = tile_b[b];
    let b1 = tile_b[b + QUADS_B / 2u];
    c00 = fma(vec4<f32>(a0.x), b0, c00);
    c01 = fma(vec4<f32>(a0.x), b1, c01);
    c10 = fma(vec4<f32>(a0.y), b0, c10);
    c11 = fma(vec4<f32>(a0.y), b1, c11);
    c20 = fma(vec4<f32>(a0.z), b0, c20);
    c21 = fma(vec4<f32>(a0.z), b1, c21);
    c30 = fma(vec4<f32>(a0.w), b0, c30);
    c31 = fma(vec4<f32>(a0.w), b1, c31);
}

// Hands the sums to store(), four neighbours along n at a time; the tile begins at m, n.
fn store_tile(m: u32, n: u32, local: u32) {
    let i = m + local / COLUMNS * 4u;
    let j = n + local % COLUMNS * 4u;
    store(i, j, c00);
    store(i, j + TILE_N / 2u, c01);
    store(i + 1u, j, c10);
    store(i + 1u, j + TILE_N / 2u, c11);
    store(i + 2u, j, c20);
    store(i + 2u, j + TILE_N / 2u, c21);
    store(i + 3u, j, c30);
    store(i + 3u, j + TILE_N / 2u, c31);
}
