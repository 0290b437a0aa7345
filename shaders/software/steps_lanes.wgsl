// needs: lines, fill_looped
// steps_lanes.wgsl: in place of steps.wgsl on llvmpipe: the right operand alone goes through a tile, since what it has
// for a subgroup's columns is twice what the rows need, and what a convolution reads there is four loads where the left
// operand has one.
// Adds the terms from `begin` to `end` to the sums.
fn sum_steps(begin: u32, end: u32, local: u32) {
    for (var k = begin; k < end; k += 16u) {
        if reads_b(local) {
            fill_b(k, local);
        }
        // The tile is written before it is read.
        workgroupBarrier();
        accumulate(k, local);
        // It is read before the next one is written.
        workgroupBarrier();
    }
}
