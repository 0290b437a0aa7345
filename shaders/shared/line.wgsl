// needs: geometry
// line.wgsl: numbers of `x` that neighbouring windows see through neighbouring places of their kernels.
// The kernel binds `x`.

// Whether four windows from a multiple of four on lie on one line and see neighbours, so that what they see
// through the next place of the kernel is the same, moved on by one.
fn windows_slide() -> bool {
    return SX == 1u && DX == 1u && WO % 4u == 0u;
}

// What four such windows see through four places of the kernel.
struct Slide { low: vec4<f32>, high: vec4<f32> }

// From column ix of the line that begins at `base`; 0 beside the line, and on all of it unless `inside`.
fn slide(base: u32, ix: u32, inside: bool) -> Slide {
    // Wraps below 0, which is above W, as is all of a line that lies outside. What is not there is read where there is
    // something, and not used; no test is kept for both, since places for tests are few on some GPUs.
    let seen_first = select(1u << 31u, ix, inside);
    let low = vec4<u32>(seen_first, seen_first + 1u, seen_first + 2u, seen_first + 3u);
    let high = low + 4u;
    let line = select(0u, base, inside);
    let i = line + min(low, vec4<u32>(W - 1u));
    let j = line + min(high, vec4<u32>(W - 1u));
    let values = select(vec4<f32>(0.0), vec4<f32>(x[i.x], x[i.y], x[i.z], x[i.w]), low < vec4<u32>(W));
    var rest = vec4<f32>(0.0);
    if KW > 1u {
        rest.x = x[j.x];
    }
    if KW > 2u {
        rest.y = x[j.y];
    }
    if KW > 3u {
        rest.z = x[j.z];
    }
    return Slide(values, select(vec4<f32>(0.0), rest, high < vec4<u32>(W)));
}

// Through the place of the kernel that is so many after the first, up to 3.
fn seen(line: Slide, after: u32) -> vec4<f32> {
    switch after {
        case 0u: { return line.low; }
        case 1u: { return vec4<f32>(line.low.yzw, line.high.x); }
        case 2u: { return vec4<f32>(line.low.zw, line.high.xy); }
        default: { return vec4<f32>(line.low.w, line.high.xyz); }
    }
}
