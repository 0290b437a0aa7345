// needs: outputs
// whole.wgsl: where four neighbours of a product are a vec4 in memory.
// Ends and stores outputs number i.x and on. Those that are not used pad the last vec4.
fn put(i: vec4<u32>, used: vec4<bool>, x: vec4<f32>) {
    output4[i.x / 4u] = finish4(x, i.x / 4u);
}
