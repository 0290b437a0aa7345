// tile_small.wgsl: tile.wgsl for narrow matrices: 32 x 32 outputs and 16 terms at a time, by 64
// invocations; 4 x 4 outputs each, in 4 vec4.
const TILE = 32u;
const QUADS = 8u; // vec4s across a tile
const ROW = 9u; // vec4s from one k to the next
var<workgroup> tile_a: array<vec4<f32>, 144>;
var<workgroup> tile_b: array<vec4<f32>, 144>;

// c<row><half>: the sums of one invocation.
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

// Adds the product of both tiles to the sums.
fn multiply_tiles(local: u32) {
    let a = local / 8u;
    let b = local % 8u;
    add_outer_product(a + 0u * ROW, b + 0u * ROW);
    add_outer_product(a + 1u * ROW, b + 1u * ROW);
    add_outer_product(a + 2u * ROW, b + 2u * ROW);
    add_outer_product(a + 3u * ROW, b + 3u * ROW);
    add_outer_product(a + 4u * ROW, b + 4u * ROW);
    add_outer_product(a + 5u * ROW, b + 5u * ROW);
    add_outer_product(a + 6u * ROW, b + 6u * ROW);
    add_outer_product(a + 7u * ROW, b + 7u * ROW);
    add_outer_product(a + 8u * ROW, b + 8u * ROW);
    add_outer_product(a + 9u * ROW, b + 9u * ROW);
    add_outer_product(a + 10u * ROW, b + 10u * ROW);
    add_outer_product(a + 11u * ROW, b + 11u * ROW);
    add_outer_product(a + 12u * ROW, b + 12u * ROW);
    add_outer_product(a + 13u * ROW, b + 13u * ROW);
    add_outer_product(a + 14u * ROW, b + 14u * ROW);
    add_outer_product(a + 15u * ROW, b + 15u * ROW);
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
