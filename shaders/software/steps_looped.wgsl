// needs: tile, lines, lines_a, count_hidden, fill_looped
// steps_looped.wgsl: in place of steps.wgsl on adapters that compute on the processor, for which it is a loop over
// lines: they compile it in less time, and wait for no memory.
fn fill_a(k: u32, local: u32) {
    if TURN_A == 1u {
        for (var j = 0u; j < count(LINES_A, local); j += 4u) {
            put_block_a(
                j,
                local,
                line_a(k, j, local),
                line_a(k, j + 1u, local),
                line_a(k, j + 2u, local),
                line_a(k, j + 3u, local),
            );
        }
    } else {
        for (var j = 0u; j < count(LINES_A, local); j++) {
            put_a(j, local, line_a(k, j, local));
        }
    }
}

// Adds the terms from `begin` to `end` to the sums.
fn sum_steps(begin: u32, end: u32, local: u32) {
    for (var k = begin; k < end; k += 16u) {
        if reads_a(local) {
            fill_a(k, local);
        }
        if reads_b(local) {
            fill_b(k, local);
        }
        // The tiles are written before they are read.
        workgroupBarrier();
        accumulate(local);
        // They are read before the next ones are written.
        workgroupBarrier();
    }
}
