// needs: taps
// tap_lanes.wgsl: in place of tap.wgsl: eight neighbours, which have the same channels, read a weight each and take the
// others' from them.
// Past the last channel, that one's weights are taken: they end in sums that are not stored.
fn add_tap(values: vec4<f32>, weight: u32, own: Own) {
    let number = min(own.place / 4u % 4u, own.channels - own.channel - 1u);
    let mine = w[weight + number * own.apart];
    s0 += subgroupBroadcast(mine, 0u) * values;
    if own.channels > 1u {
        s1 += subgroupBroadcast(mine, 1u) * values;
    }
    if own.channels > 2u {
        s2 += subgroupBroadcast(mine, 2u) * values;
    }
    if own.channels > 3u {
        s3 += subgroupBroadcast(mine, 3u) * values;
    }
}
