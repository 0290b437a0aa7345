// needs: tree
// global_norm.wgsl: entry `squares`: out[done + g] = sum of squares of the grain of a segment that is workgroup g's;
// entry `root`: out[0] = sqrt(sum of in[.. groups]). 64 invocations in a fixed tree.
// Dispatch: `squares` the sum of ceil(length / grain) over segments, folded past 65535; `root` one workgroup.
const MOST_SEGMENTS = 256u;

// Where it begins and ends, and its first workgroup.
struct Segment { begin: u32, end: u32, first: u32, padding: u32 }
struct Params {
    groups: u32,
    count: u32,
    done: u32,
    grain: u32,
    segments: array<Segment, MOST_SEGMENTS>,
}
@group(0) @binding(0) var<storage, read> input: array<f32>;
@group(0) @binding(1) var<storage, read_write> output: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

alias Partial = f32;

fn combine(a: f32, b: f32) -> f32 {
    return a + b;
}

// The segment of workgroup g: the last one that begins with it or before it.
fn segment_of(g: u32) -> Segment {
    var low = 0u;
    var high = params.count;
    while low + 1u < high {
        let middle = (low + high) / 2u;
        if params.segments[middle].first <= g {
            low = middle;
        } else {
            high = middle;
        }
    }
    return params.segments[low];
}

@compute @workgroup_size(64)
fn squares(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let g = group.x + group.y * groups.x;
    let segment = segment_of(g);
    let begin = segment.begin + (g - segment.first) * params.grain;
    let end = min(begin + params.grain, segment.end);
    var total = 0.0;
    for (var i = begin + local; i < end; i += 64u) {
        total += input[i] * input[i];
    }
    total = combine_all(total, local);
    if local == 0u && g < params.groups {
        output[params.done + g] = total;
    }
}

@compute @workgroup_size(64)
fn root(@builtin(local_invocation_index) local: u32) {
    var total = 0.0;
    for (var i = local; i < params.groups; i += 64u) {
        total += input[i];
    }
    total = combine_all(total, local);
    if local == 0u {
        output[0] = sqrt(total);
    }
}
