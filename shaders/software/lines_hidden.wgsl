// needs: tile
// lines_hidden.wgsl: in place of lines.wgsl on llvmpipe. It makes a loop over the eight lanes of a subgroup of
// every load and store, so where it knew how often a loop over lines runs and spelled that out, compiling
// would take longer than a hundred steps.
fn lines_a(local: u32) -> u32 {
    return hidden(LINES_A, local);
}

fn lines_b(local: u32) -> u32 {
    return hidden(LINES_B, local);
}

// The count, for all 64 invocations that there are; that there are no more is not for the compiler to know.
fn hidden(count: u32, local: u32) -> u32 {
    return select(count, 0u, local >= 64u);
}
