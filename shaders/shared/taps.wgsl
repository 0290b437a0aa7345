// taps.wgsl: sums of four channels at four places an invocation, for convolutions of few channels, which have no
// tiles. The kernel binds the weights, `w`, and has store(channel, place, sum).
// One vec4 of places a channel.
var<private> s0: vec4<f32>;
var<private> s1: vec4<f32>;
var<private> s2: vec4<f32>;
var<private> s3: vec4<f32>;

// Of the output: the first of an invocation's four, how many there are, and how far apart their weights lie.
struct Channels { first: u32, count: u32, apart: u32 }

// What four places see through one place of the kernel, times its weights for four channels.
fn add_tap(values: vec4<f32>, weight: u32, channels: Channels) {
    s0 += w[weight] * values;
    if channels.count > 1u && channels.first + 1u < channels.count {
        s1 += w[weight + channels.apart] * values;
    }
    if channels.count > 2u && channels.first + 2u < channels.count {
        s2 += w[weight + 2u * channels.apart] * values;
    }
    if channels.count > 3u && channels.first + 3u < channels.count {
        s3 += w[weight + 3u * channels.apart] * values;
    }
}

fn store_channels(channels: Channels, place: u32) {
    store(channels.first, place, s0);
    store(channels.first + 1u, place, s1);
    store(channels.first + 2u, place, s2);
    store(channels.first + 3u, place, s3);
}
