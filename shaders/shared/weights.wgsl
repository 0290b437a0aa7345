// needs: tile, lines, lines_a
// weights.wgsl: what the tiles of convolutions that make images are filled with: weights, which turn_weights.wgsl has
// put where they are read, and what four places see. The kernel binds the weights, `turned`.
override READ: u32; // channels that a sum goes over
override MADE: u32; // channels that there are sums of
override QUADS_MADE: u32 = (MADE + 3u) / 4u;
const TURN_A = 0u; // both operands are read by terms, see lines.wgsl
const TURN_B = 0u;

// Where the weights that this invocation reads begin, for the tile's output channels and one place of the kernel.
var<private> first_weight: u32;

// Past the last output channel, that one's are read: they end in sums that are not stored.
fn weights_from(made: u32, tap: u32, local: u32) -> u32 {
    let spot = spot_a(0u, local);
    let quad = made / 4u + spot.quad;
    let column = select(min(quad, QUADS_MADE - 1u), quad, MADE % TILE_M == 0u);
    return (tap * READ + spot.term) * QUADS_MADE + column;
}

// Where all steps are full, which is known when the pipeline is made, nothing is checked.
fn is_read_channel(channel: u32) -> bool {
    return READ % 16u == 0u || channel < READ;
}

fn line_a(k: u32, j: u32, local: u32) -> vec4<f32> {
    let after = k + j * STEP_A;
    let ok = is_read_channel(spot_a(0u, local).term + after);
    return select(vec4<f32>(0.0), turned[select(0u, first_weight + after * QUADS_MADE, ok)], ok);
}

// The channel of vec4 number j of the other operand.
fn read_channel(k: u32, j: u32, local: u32) -> u32 {
    return k + j * STEP_B + spot_b(0u, local).term;
}

fn note_a(four: vec4<f32>) {}

fn note_b(four: vec4<f32>) {}

const NONE = 0xffffffffu;

// Where the four places of this invocation see the first of the channels that it reads, and which of them do: the
// others see padding. Where registers are few, that is found again from the place, which is NONE then.
var<private> first: vec4<u32>;
var<private> inside: vec4<bool>;

fn see(seen: vec4<u32>, after: u32) {
    inside = seen != vec4<u32>(NONE);
    first = select(vec4<u32>(select(NONE, 0u, PREFETCH == 1u)), seen + after, inside);
}

fn is_inside() -> vec4<bool> {
    return select(first != vec4<u32>(NONE), inside, PREFETCH == 1u);
}

// Where the four places see a later channel; what they do not see is read at the beginning, and not used.
fn sources(after: u32, ok: bool) -> vec4<u32> {
    return select(vec4<u32>(0u), first + after, vec4<bool>(ok) & (vec4<bool>(PREFETCH == 1u) | is_inside()));
}
