// count_hidden.wgsl: how often a loop over lines runs, on llvmpipe. It makes a loop over the eight lanes of a subgroup
// of every load and store, so where it knew how often a loop over lines runs and spelled that out, compiling would take
// longer than a hundred steps. It is the count, for all invocations that there are, up to 256; that there are no more is
// not for the compiler to know.
fn count(lines: u32, local: u32) -> u32 {
    return select(lines, 0u, local >= 256u);
}
