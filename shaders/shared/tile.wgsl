// tile.wgsl: a tile of a product: TILE_M x TILE_N outputs and 16 terms at a time, by THREADS invocations. Both
// operands' tiles lie as [k][m or n] in vec4, with one of padding a row against bank conflicts. Who fills them is
// for steps.wgsl to say, who adds up which sums for sums_8x8.wgsl, sums_4x8.wgsl or sums_4x4.wgsl, by registers;
// the kernel says in store() where outputs go.
override TILE_M: u32 = 64u;
override TILE_N: u32 = 64u;
override THREADS: u32 = 64u;
override PREFETCH: u32 = 0u; // registers are plenty, see steps.wgsl
override QUADS_A: u32 = TILE_M / 4u; // vec4s across tile_a
override QUADS_B: u32 = TILE_N / 4u;
override LINES_A: u32 = QUADS_A * 16u / THREADS; // vec4s of tile_a for each invocation to fill
override LINES_B: u32 = QUADS_B * 16u / THREADS;
override ROW_A: u32 = QUADS_A + 1u; // vec4s from one k to the next
override ROW_B: u32 = QUADS_B + 1u;
// Sizes have names because naga 30 takes a count that is computed in place only after all overrides.
override COUNT_A: u32 = 16u * ROW_A; // vec4s of tile_a
override COUNT_B: u32 = 16u * ROW_B;
var<workgroup> tile_a: array<vec4<f32>, COUNT_A>;
var<workgroup> tile_b: array<vec4<f32>, COUNT_B>;

// Four neighbours of an operand for one term.
fn keep_a(term: u32, quad: u32, four: vec4<f32>) {
    tile_a[term * ROW_A + quad] = four;
}

fn keep_b(term: u32, quad: u32, four: vec4<f32>) {
    tile_b[term * ROW_B + quad] = four;
}

// A vec4 an invocation for the others to read, once all terms are added: of the two tiles this one has room for all.
fn share(i: u32, four: vec4<f32>) {
    tile_b[i] = four;
}

fn shared_by(i: u32) -> vec4<f32> {
    return tile_b[i];
}
