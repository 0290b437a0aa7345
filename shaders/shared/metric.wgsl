// needs: step
// metric.wgsl: where a metric stands in the log, and as what. Numbers are words there, and a NaN is known by its
// bits and written as 0x7fc00000: some compilers take no float to be NaN or infinite, and may make anything of one
// that is.
fn metric_place(column: u32, columns: u32) -> u32 {
    return step.row * columns + column;
}

fn metric_word(word: u32) -> u32 {
    return select(word, 0x7fc00000u, (word & 0x7fffffffu) > 0x7f800000u);
}
