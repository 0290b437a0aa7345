// needs: linear
// upsample2d.wgsl: planes of H x W resized to OH x OW, and the adjoint.
// Along one axis of I numbers resized to O, output o reads
//   nearest:  input o I / O, rounded down;
//   bilinear: inputs k and min(k + 1, I - 1) with weights 1 - t and t, where k + t = s, rounded down
//             for k, and s = max(((2 o + 1) I - O) / 2 O, 0).
// All in whole numbers, so that the adjoint finds the same neighbours as the operation itself:
//   out[p, i, j] = sum over oi, oj that read (i, j) of  weight * in[p, oi, oj].
// One element an invocation. Dispatch: ceil(n / 64) workgroups, folded past 65535.
override BILINEAR: u32 = 0u;
override H: u32 = 1u;
override W: u32 = 1u;
override OH: u32 = 1u;
override OW: u32 = 1u;

struct Params { count: u32 }
@group(0) @binding(0) var<storage, read> input: array<f32>;
@group(0) @binding(1) var<storage, read_write> output: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

struct Taps { first: u32, second: u32, weight: f32 } // weight is that of the second

fn taps(o: u32, size: u32, outputs: u32) -> Taps {
    if BILINEAR == 0u {
        let k = o * size / outputs;
        return Taps(k, k, 0.0);
    }
    let s = max((2u * o + 1u) * size, outputs) - outputs;
    let k = s / (2u * outputs);
    return Taps(k, min(k + 1u, size - 1u), f32(s % (2u * outputs)) / f32(2u * outputs));
}

// The weight with which output o reads input i.
fn weight(o: u32, i: u32, size: u32, outputs: u32) -> f32 {
    let t = taps(o, size, outputs);
    return select(0.0, 1.0 - t.weight, t.first == i) + select(0.0, t.weight, t.second == i);
}

// The outputs that may read input i: from x up to, not including, y.
fn readers(i: u32, size: u32, outputs: u32) -> vec2<u32> {
    if BILINEAR == 0u {
        return vec2<u32>((i * outputs + size - 1u) / size, ((i + 1u) * outputs + size - 1u) / size);
    }
    let begin = (max(2u * i, 1u) - 1u) * outputs / (2u * size);
    let end = ((2u * i + 3u) * outputs + 2u * size - 1u) / (2u * size);
    return vec2<u32>(max(begin, 1u) - 1u, min(end, outputs));
}

@compute @workgroup_size(64)
fn forward(me: Invocation) {
    let e = linear_index(me);
    if e >= params.count {
        return;
    }
    let y = taps(e / OW % OH, H, OH);
    let x = taps(e % OW, W, OW);
    let plane = e / (OW * OH) * H * W;
    let upper = plane + y.first * W;
    if BILINEAR == 0u {
        output[e] = input[upper + x.first];
        return;
    }
    let lower = plane + y.second * W;
    let above = mix(input[upper + x.first], input[upper + x.second], x.weight);
    let below = mix(input[lower + x.first], input[lower + x.second], x.weight);
    output[e] = mix(above, below, y.weight);
}

@compute @workgroup_size(64)
fn adjoint(me: Invocation) {
    let e = linear_index(me);
    if e >= params.count {
        return;
    }
    let j = e % W;
    let i = e / W % H;
    let plane = e / (W * H) * OH * OW;
    let rows = readers(i, H, OH);
    let columns = readers(j, W, OW);
    var total = 0.0;
    for (var oi = rows.x; oi < rows.y; oi++) {
        var sum = 0.0;
        for (var oj = columns.x; oj < columns.y; oj++) {
            sum += weight(oj, j, W, OW) * input[plane + oi * OW + oj];
        }
        total += weight(oi, i, H, OH) * sum;
    }
    output[e] = total;
}
