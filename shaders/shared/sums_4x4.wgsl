// needs: tile, terms
// sums_4x4.wgsl: 4 x 4 outputs an invocation, in 4 vec4.
override COLUMNS: u32 = TILE_N / 4u; // invocations side by side
// c<row>: the sums of one invocation.
var<private> c0: vec4<f32>;
var<private> c1: vec4<f32>;
var<private> c2: vec4<f32>;
var<private> c3: vec4<f32>;

fn accumulate(local: u32) {
    accumulate_terms(local / COLUMNS, local % COLUMNS);
}

fn add_outer_product(a: u32, b: u32) {
    let a0 = tile_a[a];
    let b0 = tile_b[b];
    c0 = fma(vec4<f32>(a0.x), b0, c0);
    c1 = fma(vec4<f32>(a0.y), b0, c1);
    c2 = fma(vec4<f32>(a0.z), b0, c2);
    c3 = fma(vec4<f32>(a0.w), b0, c3);
}

// Hands the sums to store(), four neighbours along n at a time; the tile begins at m, n.
fn store_tile(m: u32, n: u32, local: u32) {
    let i = m + local / COLUMNS * 4u;
    let j = n + local % COLUMNS * 4u;
    store(i, j, c0);
    store(i + 1u, j, c1);
    store(i + 2u, j, c2);
    store(i + 3u, j, c3);
}
