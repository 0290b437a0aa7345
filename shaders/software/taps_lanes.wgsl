// taps_lanes.wgsl: in place of taps.wgsl: eight neighbours, which have the same channels, read a weight each and take the
// others' from them.
// One vec4 of places a channel.
var<private> s0: vec4<f32>;
var<private> s1: vec4<f32>;
var<private> s2: vec4<f32>;
var<private> s3: vec4<f32>;

struct Own { channel: u32, channels: u32, apart: u32, place: u32 }

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

fn store_channels(own: Own) {
    store(own.channel, own.place, s0);
    store(own.channel + 1u, own.place, s1);
    store(own.channel + 2u, own.place, s2);
    store(own.channel + 3u, own.place, s3);
}
