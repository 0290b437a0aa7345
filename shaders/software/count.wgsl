// count.wgsl: how often a loop over lines runs.
fn count(lines: u32, local: u32) -> u32 {
    return lines;
}
