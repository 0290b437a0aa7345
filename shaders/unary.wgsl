// unary.wgsl: out[i] = f(in[i]), f chosen by KIND as in UnaryKind::code.
// One vec4 an invocation. Dispatch: ceil(n / 4 / 64) workgroups, folded past 65535.
override KIND: u32;

struct Params { vectors: u32, a: f32, b: f32 }
@group(0) @binding(0) var<storage, read> input: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> output: array<vec4<f32>>;
@group(1) @binding(0) var<uniform> params: Params;

fn apply(x: vec4<f32>) -> vec4<f32> {
    let a = params.a;
    let b = params.b;
    switch KIND {
        case 0u: { return a * x + b; }
        case 1u: { return exp(x); }
        case 2u: { return log(x); }
        case 3u: { return sqrt(x); }
        case 4u: { return x * x; }
        case 5u: { return abs(x); }
        case 6u: { return 1.0 / x; }
        case 7u: { return sign(x); }
        case 8u: { return sin(x); }
        case 9u: { return cos(x); }
        case 10u: { return clamp(x, vec4<f32>(a), vec4<f32>(b)); }
        case 11u: { return pow(x, vec4<f32>(a)); }
        case 12u: { return select(vec4<f32>(0.0), vec4<f32>(1.0), (x >= vec4<f32>(a)) & (x <= vec4<f32>(b))); }
        default: { return floor(x); }
    }
}

@compute @workgroup_size(64)
fn main(me: Invocation) {
    let i = linear_index(me);
    if i < params.vectors {
        output[i] = apply(input[i]);
    }
}
