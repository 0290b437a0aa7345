// needs: step
// philox.wgsl: Philox4x32-10 and what is drawn from it; src/rng.rs word for word. Element 4 * block + i
// of a stream is made from word i of its block.

// a * b as (high word, low word), by halves of 16 bits: WGSL has no wider product.
fn multiply_wide(a: u32, b: u32) -> vec2<u32> {
    let low_a = a & 0xffffu;
    let high_a = a >> 16u;
    let low_b = b & 0xffffu;
    let high_b = b >> 16u;
    let middle = high_a * low_b + ((low_a * low_b) >> 16u);
    let other = low_a * high_b + (middle & 0xffffu);
    return vec2<u32>(high_a * high_b + (middle >> 16u) + (other >> 16u), a * b);
}

fn philox(counter: vec4<u32>, key: vec2<u32>) -> vec4<u32> {
    var c = counter;
    var k = key;
    for (var round = 0u; round < 10u; round++) {
        let a = multiply_wide(0xd2511f53u, c.x);
        let b = multiply_wide(0xcd9e8d57u, c.z);
        c = vec4<u32>(b.x ^ c.y ^ k.x, b.y, a.x ^ c.w ^ k.y, a.y);
        k += vec2<u32>(0x9e3779b9u, 0xbb67ae85u);
    }
    return c;
}

// The words of elements 4 * block .. of `stream` at this step; StepScalars::random_words in src/ops/step.rs.
fn random_words(stream: u32, block: u32) -> vec4<u32> {
    return philox(vec4<u32>(block, step.step, stream, step.place), step.seed);
}

// Numbers in [0, 1).
fn uniform4(words: vec4<u32>) -> vec4<f32> {
    return vec4<f32>(words >> vec4<u32>(8u)) * (1.0 / 16777216.0);
}

// ln x for x in (0, 1]. WGSL's own may be off by 2^-21 near 1, where Box and Muller need it relative.
fn ln_unit2(x: vec2<f32>) -> vec2<f32> {
    let shifted = bitcast<vec2<u32>>(x) - vec2<u32>(0x3f3504f3u);
    let exponent = vec2<f32>(bitcast<vec2<i32>>(shifted) >> vec2<u32>(23u));
    let m = bitcast<vec2<f32>>((shifted & vec2<u32>(0x7fffffu)) + vec2<u32>(0x3f3504f3u)) - 1.0;
    let z = m * m;
    var p = 7.0376836e-2 * m - 0.1151461;
    p = p * m + 0.11676999;
    p = p * m - 0.12420141;
    p = p * m + 0.14249323;
    p = p * m - 0.16668058;
    p = p * m + 0.20000715;
    p = p * m - 0.24999994;
    p = p * m + 0.33333331;
    return m * z * p - 2.1219444e-4 * exponent - 0.5 * z + m + 0.6933594 * exponent;
}

// Cosine and sine of `turns` full turns, turns in [0, 1): (cos x, cos y, sin x, sin y). WGSL's own
// promise no more than 2^-11.
fn cos_sin_turns2(turns: vec2<f32>) -> vec4<f32> {
    let quarters = floor(4.0 * turns + 0.5);
    let quadrant = vec2<u32>(quarters);
    let r = (4.0 * turns - quarters) * 1.5707964;
    let z = r * r;
    let s = ((-1.9515296e-4 * z + 8.332161e-3) * z - 0.16666655) * z * r + r;
    let c = ((2.4433157e-5 * z - 1.3887316e-3) * z + 4.1666646e-2) * z * z - 0.5 * z + 1.0;
    let odd = (quadrant & vec2<u32>(1u)) == vec2<u32>(1u);
    let cosine = select(c, s, odd);
    let sine = select(s, c, odd);
    let cosine_below = ((quadrant + 1u) & vec2<u32>(2u)) == vec2<u32>(2u);
    let sine_below = (quadrant & vec2<u32>(2u)) == vec2<u32>(2u);
    return vec4<f32>(select(cosine, -cosine, cosine_below), select(sine, -sine, sine_below));
}

// Standard normal numbers (Box and Muller, 1958), one pair from each pair of words.
fn normal4(words: vec4<u32>) -> vec4<f32> {
    let open = vec2<f32>((words.xz >> vec2<u32>(8u)) + 1u) * (1.0 / 16777216.0);
    let radius = sqrt(max(-2.0 * ln_unit2(open), vec2<f32>(0.0)));
    let turned = cos_sin_turns2(uniform4(words).yw);
    return radius.xxyy * turned.xzyw;
}
