// needs: linear, philox
// draws.wgsl: out[i] = draw number i of a stream at this step. KIND 0: a + (b - a) u; 1: a + b n;
// 2: 1 where u < a, else 0; u uniform in [0, 1), n standard normal. Entry `words`: the raw words.
// One Philox block, a vec4, an invocation. Dispatch: ceil(n / 4 / 64) workgroups, folded past 65535.
override KIND: u32 = 0u;

struct Params { vectors: u32, stream: u32, a: f32, b: f32 }
@group(0) @binding(0) var<storage, read_write> output: array<vec4<f32>>;
@group(0) @binding(0) var<storage, read_write> output_words: array<vec4<u32>>;
@group(1) @binding(0) var<uniform> params: Params;

fn draw(words: vec4<u32>) -> vec4<f32> {
    let a = params.a;
    let b = params.b;
    switch KIND {
        case 0u: { return a + (b - a) * uniform4(words); }
        case 1u: { return a + b * normal4(words); }
        default: { return select(vec4<f32>(0.0), vec4<f32>(1.0), uniform4(words) < vec4<f32>(a)); }
    }
}

@compute @workgroup_size(64)
fn main(me: Invocation) {
    let block = linear_index(me);
    if block < params.vectors {
        output[block] = draw(random_words(params.stream, block));
    }
}

@compute @workgroup_size(64)
fn words(me: Invocation) {
    let block = linear_index(me);
    if block < params.vectors {
        output_words[block] = random_words(params.stream, block);
    }
}
