// needs: tile, lines, count_hidden
// fill_looped.wgsl: how the right operand's tile is filled on adapters that compute on the processor, for which it is a
// loop over lines: they compile it in less time, and wait for no memory.
fn fill_b(k: u32, local: u32) {
    if TURN_B == 1u {
        for (var j = 0u; j < count(LINES_B, local); j += 4u) {
            put_block_b(
                j,
                local,
                line_b(k, j, local),
                line_b(k, j + 1u, local),
                line_b(k, j + 2u, local),
                line_b(k, j + 3u, local),
            );
        }
    } else {
        for (var j = 0u; j < count(LINES_B, local); j++) {
            put_b(j, local, line_b(k, j, local));
        }
    }
}
