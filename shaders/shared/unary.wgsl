// unary.wgsl: functions of one number and two constants a and b. Kinds as in UnaryKind::code.
fn unary4(kind: u32, x: vec4<f32>, a: f32, b: f32) -> vec4<f32> {
    switch kind {
        case 0u: { return a * x + b; }
        case 1u: { return exp(select(x, vec4<f32>(88.7), x > vec4<f32>(88.7))); }
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
