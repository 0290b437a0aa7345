// needs: own_4x4
// steps_alone.wgsl: in place of steps.wgsl: the sums of invocations that work alone, four terms a step.
fn by_terms(four: mat4x4<f32>, turn: u32) -> mat4x4<f32> {
    if turn == 1u {
        return transpose(four);
    }
    return four;
}

// Adds the terms from `begin` to `end` to the sums.
fn sum_steps(begin: u32, end: u32, local: u32) {
    for (var k = begin; k < end; k += 4u) {
        let lines_a = mat4x4<f32>(
            line_a(k, 0u, local),
            line_a(k, 1u, local),
            line_a(k, 2u, local),
            line_a(k, 3u, local),
        );
        let lines_b = mat4x4<f32>(
            line_b(k, 0u, local),
            line_b(k, 1u, local),
            line_b(k, 2u, local),
            line_b(k, 3u, local),
        );
        let a = by_terms(lines_a, TURN_A);
        let b = by_terms(lines_b, TURN_B);
        add_term(a[0], b[0]);
        add_term(a[1], b[1]);
        add_term(a[2], b[2]);
        add_term(a[3], b[3]);
    }
}

fn add_term(a: vec4<f32>, b: vec4<f32>) {
    note_a(a);
    note_b(b);
    add_outer(a, b);
}
