// needs: activation
// binary.wgsl: functions of two numbers. Kinds as in BinaryKind.
fn binary4(kind: u32, a: vec4<f32>, b: vec4<f32>) -> vec4<f32> {
    switch kind {
        case 0u: { return a + b; }
        case 1u: { return a - b; }
        case 2u: { return a * b; }
        case 3u: { return a / b; }
        case 4u: { return max(a, b); }
        case 5u: { return min(a, b); }
        case 6u: { return select(vec4<f32>(0.0), vec4<f32>(1.0), a >= b); }
        case 7u: { return select(vec4<f32>(0.0), vec4<f32>(1.0), a == b); }
        case 8u: { return (a - b) * (a - b); }
        default: { return max(a, vec4<f32>(0.0)) - a * b + ln_1p_unit4(exp(-abs(a))); }
    }
}
