// store.wgsl: four neighbours of a tile that do not lie side by side as a vec4. The kernel says where one number
// goes, `store_one(i: u32, value: f32)`.
fn store_some(i: vec4<u32>, used: vec4<bool>, values: vec4<f32>) {
    if used.x {
        store_one(i.x, values.x);
    }
    if used.y {
        store_one(i.y, values.y);
    }
    if used.z {
        store_one(i.z, values.z);
    }
    if used.w {
        store_one(i.w, values.w);
    }
}
