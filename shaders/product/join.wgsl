// needs: linear, epilogue, parts, whole
// join.wgsl: the end of a product whose terms are cut, see matmul.wgsl, of the parts that lie as parts.wgsl says:
// entry `join`: out[i] = last(sum over split < split_k of in[split, i] + bias[i % N] + ...), see epilogue.wgsl;
// entry `join_with_sums`: also sums[m] = sum over split < split_k of in_sums[split, m].
// Four neighbours an invocation, the sums after the outputs. Dispatch: ceil(invocations / 64), folded past 65535.
// With update.wgsl for epilogue.wgsl, out and sums are gradients, and parameters follow them.
@group(0) @binding(0) var<storage, read> cut: array<vec4<f32>>;

// The sum of four neighbours over all splits, whose parts lie `apart` vec4s from each other.
fn joined(first: u32, apart: u32) -> vec4<f32> {
    var four = cut[first];
    for (var split = 1u; split < params.split_k; split++) {
        four += cut[first + split * apart];
    }
    return four;
}

fn join_outputs(i: u32) {
    let at = i * 4u + vec4<u32>(0u, 1u, 2u, 3u);
    // What pads the last vec4 was not written by any split.
    let used = at < vec4<u32>(params.batch * params.m * params.n);
    let four = with_bias(joined(i, outputs_padded() / 4u), at % params.n);
    put(params.out_at + at, used, select(vec4<f32>(0.0), four, used));
}

fn join_sums(i: u32) {
    let m = i * 4u + vec4<u32>(0u, 1u, 2u, 3u);
    let used = m < vec4<u32>(params.m);
    let four = joined(sums_of_split(0u) / 4u + i, (params.m + 3u) / 4u);
    store_sums(m.x, used, select(vec4<f32>(0.0), four, used));
}

@compute @workgroup_size(64)
fn join(me: Invocation) {
    let i = linear_index(me);
    if i < outputs_padded() / 4u {
        join_outputs(i);
    }
}

@compute @workgroup_size(64)
fn join_with_sums(me: Invocation) {
    let i = linear_index(me);
    let quads = outputs_padded() / 4u;
    if i < quads {
        join_outputs(i);
    } else if i - quads < (params.m + 3u) / 4u {
        join_sums(i - quads);
    }
}
