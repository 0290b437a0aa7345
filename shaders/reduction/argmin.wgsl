// needs: linear, tree
// argmin.wgsl: out[r] = the least j at which SIGN * in[r, j] is least (SIGN -1: greatest in[r, j]).
// Entry `alone`: an invocation a row, ceil(rows / 64) workgroups; `together`: a workgroup of 64 a row;
// both folded past 65535.
override SIGN: f32 = 1.0;
override LENGTH: u32 = 1u;

struct Params { rows: u32 }
@group(0) @binding(0) var<storage, read> input: array<f32>;
@group(0) @binding(1) var<storage, read_write> output: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

struct Best { value: f32, place: u32 }

alias Partial = Best;

fn combine(a: Best, b: Best) -> Best {
    if b.value < a.value || (b.value == a.value && b.place < a.place) {
        return b;
    }
    return a;
}

// The best of elements first, first + step, ... of row r; of none, one that all others beat.
fn best(r: u32, first: u32, step: u32) -> Best {
    var found = Best(3.4028234e38, LENGTH - 1u);
    for (var j = first; j < LENGTH; j += step) {
        found = combine(found, Best(SIGN * input[r * LENGTH + j], j));
    }
    return found;
}

@compute @workgroup_size(64)
fn alone(me: Invocation) {
    let r = linear_index(me);
    if r < params.rows {
        output[r] = f32(best(r, 0u, 1u).place);
    }
}

@compute @workgroup_size(64)
fn together(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    // Groups past the last row do the last one again: barriers need everyone.
    let number = group.x + group.y * groups.x;
    let found = combine_all(best(min(number, params.rows - 1u), local, 64u), local);
    if number < params.rows && local == 0u {
        output[number] = f32(found.place);
    }
}
