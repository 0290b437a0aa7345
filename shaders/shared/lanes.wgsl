// lanes.wgsl: for kernels whose sums are spread over lanes, see sums_16x4_lanes.wgsl.

// How often a loop of so many turns runs. That it is as often as that is not for the compiler to know: it
// would spell out all turns, and llvmpipe makes a loop over eight lanes of every load and store in each,
// whose compiling takes longer than a hundred steps.
fn turns(count: u32, local: u32) -> u32 {
    return select(count, 0u, local >= 64u);
}
