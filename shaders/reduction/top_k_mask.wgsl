// needs: linear, step
// top_k_mask.wgsl: out[r, j] = 1 where in[r, j] is among the K greatest of row r, else 0; of equal
// numbers the first come first. K is params.k, or the step's weight where that is 0.
// Entry `alone`: an invocation a row, ceil(rows / 64) workgroups; `together`: a workgroup of 64 a row,
// which finds the K-th greatest number bit by bit, counting; both folded past 65535.
override LENGTH: u32 = 1u;

struct Params { rows: u32, k: u32 }
// As words: numbers too small for some adapters' floats keep their order.
@group(0) @binding(0) var<storage, read> input: array<u32>;
@group(0) @binding(1) var<storage, read_write> output: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

fn wanted() -> u32 {
    return clamp(select(params.k, u32(step.weight + 0.5), params.k == 0u), 1u, LENGTH);
}

// One counter for each bit, and one for the numbers above the K-th greatest.
var<workgroup> counters: array<atomic<u32>, 33>;
var<workgroup> ties: array<u32, 64>;

// A whole number of the same order as element j of row r, in which both zeros are one.
fn key(r: u32, j: u32) -> u32 {
    var bits = input[r * LENGTH + j];
    if bits == 0x80000000u {
        bits = 0u;
    }
    return bits ^ select(0x80000000u, 0xffffffffu, (bits >> 31u) == 1u);
}

@compute @workgroup_size(64)
fn alone(me: Invocation) {
    let r = linear_index(me);
    if r >= params.rows {
        return;
    }
    for (var j = 0u; j < LENGTH; j++) {
        let own = key(r, j);
        var before = 0u;
        for (var other = 0u; other < LENGTH; other++) {
            let its = key(r, other);
            before += u32(its > own || (its == own && other < j));
        }
        output[r * LENGTH + j] = select(0.0, 1.0, before < wanted());
    }
}

@compute @workgroup_size(64)
fn together(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    // Groups past the last row do the last one again up to the store: barriers need everyone.
    let number = group.x + group.y * groups.x;
    let r = min(number, params.rows - 1u);
    let k = wanted();
    if local < 33u {
        atomicStore(&counters[local], 0u);
    }
    // The counters are 0 before anyone adds to them.
    workgroupBarrier();
    // The greatest key that K numbers reach.
    var least = 0u;
    for (var bit = 0u; bit < 32u; bit++) {
        let candidate = least | (0x80000000u >> bit);
        var reached = 0u;
        for (var j = local; j < LENGTH; j += 64u) {
            reached += u32(key(r, j) >= candidate);
        }
        atomicAdd(&counters[bit], reached);
        // All have added before anyone reads. The next bit has another counter.
        workgroupBarrier();
        if atomicLoad(&counters[bit]) >= k {
            least = candidate;
        }
    }
    // From here on, stretches of the row, so that ties are counted in order.
    let stretch = (LENGTH + 63u) / 64u;
    let first = local * stretch;
    let end = min(first + stretch, LENGTH);
    var above = 0u;
    var tied = 0u;
    for (var j = first; j < end; j++) {
        above += u32(key(r, j) > least);
        tied += u32(key(r, j) == least);
    }
    atomicAdd(&counters[32], above);
    ties[local] = tied;
    // All counts are there before they are read.
    workgroupBarrier();
    if number >= params.rows {
        return;
    }
    let missing = k - atomicLoad(&counters[32]);
    var before = 0u;
    for (var other = 0u; other < local; other++) {
        before += ties[other];
    }
    for (var j = first; j < end; j++) {
        let own = key(r, j);
        output[r * LENGTH + j] = select(0.0, 1.0, own > least || (own == least && before < missing));
        before += u32(own == least);
    }
}
