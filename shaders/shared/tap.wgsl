// needs: taps
// tap.wgsl: how taps.wgsl's sums grow. Each invocation reads its weights.
// What four places see through one place of the kernel, times its weights for four channels.
fn add_tap(values: vec4<f32>, weight: u32, own: Own) {
    s0 += w[weight] * values;
    if own.channels > 1u && own.channel + 1u < own.channels {
        s1 += w[weight + own.apart] * values;
    }
    if own.channels > 2u && own.channel + 2u < own.channels {
        s2 += w[weight + 2u * own.apart] * values;
    }
    if own.channels > 3u && own.channel + 3u < own.channels {
        s3 += w[weight + 3u * own.apart] * values;
    }
}
