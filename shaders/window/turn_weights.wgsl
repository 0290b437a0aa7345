// needs: linear
// turn_weights.wgsl: turned[ky, kx, r, m] = the weight through which output channel m sees input channel r at
// place ky, kx of the kernel, from w as it is stored, so that a tile's weights lie side by side.
// Four output channels an invocation. Dispatch: ceil(KH*KW * READ * ceil(MADE / 4) / 64), folded past 65535.
override READ: u32; // input channels
override MADE: u32; // output channels
override QUADS_MADE: u32 = (MADE + 3u) / 4u;
override TAPS: u32; // places of the kernel
override READ_APART: u32; // words in w from one input channel to the next
override MADE_APART: u32; // and from one output channel to the next
@group(0) @binding(0) var<storage, read> w: array<f32>;
@group(0) @binding(1) var<storage, read_write> turned: array<vec4<f32>>;

// 0 past the last channel.
fn weight(made: u32, at: u32) -> f32 {
    if made < MADE {
        return w[at + made * MADE_APART];
    }
    return 0.0;
}

@compute @workgroup_size(64)
fn main(me: Invocation) {
    let i = linear_index(me);
    let line = i / QUADS_MADE; // tap and input channel
    if line >= TAPS * READ {
        return;
    }
    let at = line % READ * READ_APART + line / READ;
    let made = i % QUADS_MADE * 4u;
    turned[i] = vec4<f32>(weight(made, at), weight(made + 1u, at), weight(made + 2u, at), weight(made + 3u, at));
}
