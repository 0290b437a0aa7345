// parts.wgsl: the sizes of a product, and where the parts lie of one whose terms are cut: [split_k, batch, M, N],
// then [split_k, M] for sums of A, each split's padded to whole vec4s.
struct Params {
    m: u32,
    k: u32,
    n: u32,
    batch: u32,
    tiles_m: u32,
    tiles_n: u32,
    split_k: u32, // into how many parts the terms are cut
    k_each: u32, // terms of one split, a multiple of 16
    out_at: u32, // where the outputs begin
    sums_at: u32,
}
@group(1) @binding(0) var<uniform> params: Params;

// Words of one split's part of the outputs.
fn outputs_padded() -> u32 {
    return (params.batch * params.m * params.n + 3u) / 4u * 4u;
}

// Where one split's part of the sums begins.
fn sums_of_split(split: u32) -> u32 {
    return params.split_k * outputs_padded() + split * ((params.m + 3u) / 4u * 4u);
}
