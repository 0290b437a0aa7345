// tile_32.wgsl: 32 x 32 outputs by 64 invocations, for narrow matrices; 4 x 4 outputs each, in 4 vec4.
// Include tile.wgsl too.
const TILE_M = 32u;
const TILE_N = 32u;
const COLUMNS = 8u;

// c<row>0: the sums of one invocation.
var<private> c00: vec4<f32>;
var<private> c10: vec4<f32>;
var<private> c20: vec4<f32>;
var<private> c30: vec4<f32>;

fn add_outer_product(a: u32, b: u32) {
    let a0 = tile_a[a];
    let b0 = tile_b[b];
    c00 = fma(vec4<f32>(a0.x), b0, c00);
    c10 = fma(vec4<f32>(a0.y), b0, c10);
    c20 = fma(vec4<f32>(a0.z), b0, c20);
    c30 = fma(vec4<f32>(a0.w), b0, c30);
}

// Hands the sums to put(), four neighbours along n at a time; the tile begins at m, n.
fn put_tile(m: u32, n: u32, local: u32) {
    let i = m + local / 8u * 4u;
    let j = n + local % 8u * 4u;
    put(i, j, c00);
    put(i + 1u, j, c10);
    put(i + 2u, j, c20);
    put(i + 3u, j, c30);
}
