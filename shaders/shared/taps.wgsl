// taps.wgsl: sums of four channels at four places an invocation, for convolutions of few channels, which have no
// tiles. The kernel binds the weights, `w`, and has store(channel, place, sum).
// One vec4 of places a channel.
var<private> s0: vec4<f32>;
var<private> s1: vec4<f32>;
var<private> s2: vec4<f32>;
var<private> s3: vec4<f32>;

// Of the output: the first of an invocation's four channels, how many there are, how far apart their weights lie; and the
// first of its places. Eight neighbours have the same channels.
struct Own { channel: u32, channels: u32, apart: u32, place: u32 }

fn store_channels(own: Own) {
    store(own.channel, own.place, s0);
    store(own.channel + 1u, own.place, s1);
    store(own.channel + 2u, own.place, s2);
    store(own.channel + 3u, own.place, s3);
}
