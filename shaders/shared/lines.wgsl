// needs: tile
// lines.wgsl: how many vec4s of either tile an invocation fills: all the same.
fn lines_a(local: u32) -> u32 {
    return LINES_A;
}

fn lines_b(local: u32) -> u32 {
    return LINES_B;
}
