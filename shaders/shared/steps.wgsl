// needs: tile, lines, lines_a
// steps.wgsl: the sums of a tile, 16 terms a step. The kernel says what there is to read: vec4 number j of this
// invocation for the step from term k on, `line_a(k, j, local)` and `line_b`, which lines.wgsl puts in the tiles; and
// what else is done with what goes there, `note_a(four)` and `note_b`. All that an invocation reads in a step is in
// registers first: with PREFETCH while the step before it is multiplied.
var<private> next_a0: vec4<f32>;
var<private> next_a1: vec4<f32>;
var<private> next_a2: vec4<f32>;
var<private> next_a3: vec4<f32>;
var<private> next_b0: vec4<f32>;
var<private> next_b1: vec4<f32>;
var<private> next_b2: vec4<f32>;
var<private> next_b3: vec4<f32>;
var<private> next_b4: vec4<f32>;
var<private> next_b5: vec4<f32>;
var<private> next_b6: vec4<f32>;
var<private> next_b7: vec4<f32>;

fn fetch_a(k: u32, local: u32) {
    next_a0 = line_a(k, 0u, local);
    if TURN_A == 1u || LINES_A > 1u {
        next_a1 = line_a(k, 1u, local);
    }
    if TURN_A == 1u || LINES_A > 2u {
        next_a2 = line_a(k, 2u, local);
        next_a3 = line_a(k, 3u, local);
    }
}

fn fetch_b(k: u32, local: u32) {
    next_b0 = line_b(k, 0u, local);
    if TURN_B == 1u || LINES_B > 1u {
        next_b1 = line_b(k, 1u, local);
    }
    if TURN_B == 1u || LINES_B > 2u {
        next_b2 = line_b(k, 2u, local);
        next_b3 = line_b(k, 3u, local);
    }
    if LINES_B > 4u {
        next_b4 = line_b(k, 4u, local);
        next_b5 = line_b(k, 5u, local);
        next_b6 = line_b(k, 6u, local);
        next_b7 = line_b(k, 7u, local);
    }
}

fn fill_a(local: u32) {
    if TURN_A == 1u {
        put_block_a(0u, local, next_a0, next_a1, next_a2, next_a3);
        return;
    }
    put_a(0u, local, next_a0);
    if LINES_A > 1u {
        put_a(1u, local, next_a1);
    }
    if LINES_A > 2u {
        put_a(2u, local, next_a2);
        put_a(3u, local, next_a3);
    }
}

fn fill_b(local: u32) {
    if TURN_B == 1u {
        put_block_b(0u, local, next_b0, next_b1, next_b2, next_b3);
        if LINES_B > 4u {
            put_block_b(4u, local, next_b4, next_b5, next_b6, next_b7);
        }
        return;
    }
    put_b(0u, local, next_b0);
    if LINES_B > 1u {
        put_b(1u, local, next_b1);
    }
    if LINES_B > 2u {
        put_b(2u, local, next_b2);
        put_b(3u, local, next_b3);
    }
    if LINES_B > 4u {
        put_b(4u, local, next_b4);
        put_b(5u, local, next_b5);
        put_b(6u, local, next_b6);
        put_b(7u, local, next_b7);
    }
}

fn fetch(k: u32, local: u32) {
    if reads_a(local) {
        fetch_a(k, local);
    }
    if reads_b(local) {
        fetch_b(k, local);
    }
}

// Puts the step from term k on in the tiles.
fn fill(k: u32, local: u32) {
    if reads_a(local) {
        if PREFETCH == 0u {
            fetch_a(k, local);
        }
        fill_a(local);
    }
    if reads_b(local) {
        if PREFETCH == 0u {
            fetch_b(k, local);
        }
        fill_b(local);
    }
}

// Adds the terms from `begin` to `end` to the sums.
fn sum_steps(begin: u32, end: u32, local: u32) {
    if PREFETCH == 1u && begin < end {
        fetch(begin, local);
    }
    for (var k = begin; k < end; k += 16u) {
        fill(k, local);
        // The tiles are written before they are read.
        workgroupBarrier();
        if PREFETCH == 1u && k + 16u < end {
            fetch(k + 16u, local);
        }
        accumulate(local);
        // They are read before the next ones are written.
        workgroupBarrier();
    }
}
