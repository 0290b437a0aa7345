// needs: linear, tree
// softmax.wgsl: over each row x of LENGTH numbers, with m = max x and s = sum exp(x - m),
// MODE 0: out[r, j] = exp(x[j] - m) / s;  1: out[r, j] = x[j] - m - ln s;  2: out[r] = m + ln s.
// Entry `alone`: an invocation a row, ceil(rows / 64) workgroups; `together`: a workgroup of 64 a row;
// both folded past 65535.
override MODE: u32 = 0u;
override LENGTH: u32 = 1u;

struct Params { rows: u32 }
@group(0) @binding(0) var<storage, read> input: array<f32>;
@group(0) @binding(1) var<storage, read_write> output: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

const LEAST = -3.4028234e38;

alias Partial = f32;
var<private> adds: bool; // whether numbers are added up, in place of the greater one being kept

fn combine(a: f32, b: f32) -> f32 {
    if adds {
        return a + b;
    }
    return max(a, b);
}

// Elements first, first + step, ... of row r, from the row's maximum and sum.
fn store(r: u32, first: u32, step: u32, m: f32, s: f32) {
    let logarithm = log(s);
    if MODE == 2u {
        if first == 0u {
            output[r] = m + logarithm;
        }
        return;
    }
    for (var j = first; j < LENGTH; j += step) {
        let x = input[r * LENGTH + j];
        if MODE == 0u {
            output[r * LENGTH + j] = exp(x - m) / s;
        } else {
            output[r * LENGTH + j] = (x - m) - logarithm;
        }
    }
}

fn row_max(r: u32, first: u32, step: u32) -> f32 {
    var m = LEAST;
    for (var j = first; j < LENGTH; j += step) {
        m = max(m, input[r * LENGTH + j]);
    }
    return m;
}

fn row_sum(r: u32, first: u32, step: u32, m: f32) -> f32 {
    var s = 0.0;
    for (var j = first; j < LENGTH; j += step) {
        s += exp(input[r * LENGTH + j] - m);
    }
    return s;
}

@compute @workgroup_size(64)
fn alone(me: Invocation) {
    let r = linear_index(me);
    if r < params.rows {
        let m = row_max(r, 0u, 1u);
        store(r, 0u, 1u, m, row_sum(r, 0u, 1u, m));
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
    _ = combine_all(row_max(r, local, 64u), local);
    // The maximum is written before all read it, and read by all before the sums overwrite it.
    workgroupBarrier();
    let m = partial[0];
    workgroupBarrier();
    adds = true;
    _ = combine_all(row_sum(r, local, 64u, m), local);
    // The sum is written before all read it.
    workgroupBarrier();
    if number < params.rows {
        store(r, local, 64u, m, partial[0]);
    }
}
