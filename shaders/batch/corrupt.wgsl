// needs: linear, corruption
// corrupt.wgsl: out[e] = in[e] corrupted, by the draw of the element, its pixel or its image. KIND
// 0: clamp(x + a n, 0, 1), n normal;  1: 0 where u < a / 2, else 1 where u < a, else x, u uniform a pixel;
// 2: 0 where u < a, else x;  3: 0 in a rectangle that lies anywhere in the image, else x;
// 4: x a + l (1 - a), l uniform in [0.8, 1) an image;  5: clamp(x + a sqrt((1 + 15 x) / 16) n, 0, 1), n normal.
// But for 0 and 5, a pixel is corrupted in all channels alike. a is `amount`, or drawn for each image from `steps` of
// 2^-24 above it: with 4 for each of its corners, and bilinear in between.
// One vec4 an invocation. Dispatch: ceil(n / 4 / 64) workgroups, folded past 65535.
struct Params { vectors: u32, stream: u32, amount: f32, steps: u32, height: u32, width: u32 }
@group(0) @binding(0) var<storage, read> input: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> output: array<vec4<f32>>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(me: Invocation) {
    let i = linear_index(me);
    if i < params.vectors {
        output[i] = corrupted4(i, input[i]);
    }
}
