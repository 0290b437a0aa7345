// outputs.wgsl: a product's outputs, as vec4s or as single numbers. An entry point has one view of them.
@group(0) @binding(2) var<storage, read_write> output4: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> output1: array<f32>;
