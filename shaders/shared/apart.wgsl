// needs: outputs, store
// apart.wgsl: in place of whole.wgsl where four neighbours of a product are no vec4 in memory, so that other
// invocations may own other components of the same one. They are stored as numbers: a store to a component is
// on some GPUs one of the whole vec4, which undoes what others stored meanwhile.
// Ends and stores outputs number i.x, i.y, i.z and i.w, as far as they are used.
fn put(i: vec4<u32>, used: vec4<bool>, x: vec4<f32>) {
    let first = select(0u, i.x, used.x);
    store_some(i, used, finish_apart(x, select(vec4<u32>(first), i, used)));
}

fn store_one(i: u32, value: f32) {
    output1[i] = value;
}
