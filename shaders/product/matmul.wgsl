// needs: epilogue, parts, tile, lines, lines_a, steps, sums_8x8, whole
// matmul.wgsl: out[b, m, n] = last(sum over k of A[b, m, k] * B[b, k, n] + bias[n] + ...), see epilogue.wgsl.
// Entry `tiled`: a tile a workgroup (see tile.wgsl). Dispatch: ceil(N / TILE_N) * ceil(M / TILE_M) * batch
//   * split_k workgroups, N fastest, folded past 65535. With split_k above 1, each sums a part of K, and
//   out is what join.wgsl reads.
// Entry `tiled_with_sums`: also sums[m] = sum over k of A[m, k], for A stored as [K, M].
// With update.wgsl for epilogue.wgsl, out and sums are gradients, and parameters follow them. With apart.wgsl for
// whole.wgsl, N need not be whole vec4s.
override TRANSPOSE_A: u32 = 0u; // A is stored as [K, M]
override TRANSPOSE_B: u32 = 0u; // B is stored as [N, K]
override VECTOR_A: u32 = 0u; // rows as stored are whole vec4s
override VECTOR_B: u32 = 0u;
override SPLIT_K: u32 = 0u; // `tiled` writes parts
override WHOLE_M: u32 = 0u; // M is whole tiles, so that none reaches past it
override WHOLE_K: u32 = 0u; // K is whole steps of 16 terms
override WHOLE_N: u32 = 0u;

@group(0) @binding(0) var<storage, read> a: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> b: array<vec4<f32>>;

override TURN_A: u32 = 1u - TRANSPOSE_A; // tiles lie by terms, see lines.wgsl
override TURN_B: u32 = TRANSPOSE_B;
override UNIT_A: u32 = 1u + 3u * VECTOR_A; // words of what is read at a time
override UNIT_B: u32 = 1u + 3u * VECTOR_B;

var<private> base_out: u32;
var<private> sum_a: vec4<f32>; // of four columns of A as stored

// What this invocation reads of an operand: in units of it, where its first line lies for term 0; of an operand that is
// turned, how many rows there are after it; of one that is not, how many numbers there are from its column on.
struct Source { first: u32, there: u32 }
var<private> from_a: Source;
var<private> from_b: Source;

// Of an operand with `count` rows or columns beside its terms, for a tile that begins at `first` of them. Past the last,
// that one is read: it ends in sums that are not stored.
fn source(base: u32, first: u32, count: u32, spot: Spot, turn: u32) -> Source {
    let at = first + spot.quad * 4u;
    if turn == 1u {
        let row = min(at, count - 1u);
        return Source(base + row * params.k + spot.term, count - 1u - row);
    }
    let column = min(at, (count - 1u) / 4u * 4u);
    return Source(base + spot.term * count + column, count - column);
}

fn number_a(i: u32) -> f32 {
    return a[i / 4u][i % 4u];
}

fn number_b(i: u32) -> f32 {
    return b[i / 4u][i % 4u];
}

// Four neighbours of A as stored, or as many as there are, and the last of them again.
fn four_a(i: u32, there: u32) -> vec4<f32> {
    if VECTOR_A == 1u {
        return a[i];
    }
    let last = max(there, 1u) - 1u;
    let at = i + min(vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(last));
    return vec4<f32>(number_a(at.x), number_a(at.y), number_a(at.z), number_a(at.w));
}

fn four_b(i: u32, there: u32) -> vec4<f32> {
    if VECTOR_B == 1u {
        return b[i];
    }
    let last = max(there, 1u) - 1u;
    let at = i + min(vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(last));
    return vec4<f32>(number_b(at.x), number_b(at.y), number_b(at.z), number_b(at.w));
}

// Whether there are four terms from k on; all is known where K is whole steps.
fn are_terms(k: u32) -> vec4<bool> {
    return vec4<bool>(WHOLE_K == 1u) | (k + vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(params.k));
}

// The row of line j of a block, after the first line's.
fn down(j: u32, whole: u32, there: u32) -> u32 {
    let row = j % 4u + j / 4u * THREADS;
    return select(min(row, there), row, whole == 1u);
}

fn line_a(k: u32, j: u32, local: u32) -> vec4<f32> {
    let spot = spot_a(0u, local);
    let ok = are_terms(k + spot.term + select(j * STEP_A, 0u, TURN_A == 1u));
    var i: u32;
    var there = from_a.there;
    if TURN_A == 1u {
        i = down(j, WHOLE_M, there) * params.k + k;
        there = params.k - spot.term - k;
    } else {
        i = (k + j * STEP_A) * params.m;
    }
    let four = four_a(select(0u, from_a.first + i / UNIT_A, ok.x), there);
    return select(vec4<f32>(0.0), four, select(vec4<bool>(ok.x), ok, TURN_A == 1u));
}

fn line_b(k: u32, j: u32, local: u32) -> vec4<f32> {
    let spot = spot_b(0u, local);
    let ok = are_terms(k + spot.term + select(j * STEP_B, 0u, TURN_B == 1u));
    var i: u32;
    var there = from_b.there;
    if TURN_B == 1u {
        i = down(j, WHOLE_N, there) * params.k + k;
        there = params.k - spot.term - k;
    } else {
        i = (k + j * STEP_B) * params.n;
    }
    let four = four_b(select(0u, from_b.first + i / UNIT_B, ok.x), there);
    return select(vec4<f32>(0.0), four, select(vec4<bool>(ok.x), ok, TURN_B == 1u));
}

// Always of the same four columns, for QUADS_A divides THREADS.
fn note_a(four: vec4<f32>) {
    if TURN_A == 0u {
        sum_a += four;
    }
}

fn note_b(four: vec4<f32>) {}

fn store(m: u32, n: u32, sum: vec4<f32>) {
    if m >= params.m || n >= params.n {
        return;
    }
    let x = with_bias(sum, min(n + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(params.n - 1u)));
    let used = vec4<bool>(true, n + 1u < params.n, n + 2u < params.n, n + 3u < params.n);
    put(base_out + m * params.n + n + vec4<u32>(0u, 1u, 2u, 3u), used, x);
}

struct Place { m: u32, n: u32, split: u32, used: bool }

// Computes the tile of workgroup g.
fn product(g: u32, local: u32) -> Place {
    let n = g % params.tiles_n * TILE_N;
    let m = g / params.tiles_n % params.tiles_m * TILE_M;
    let z = g / (params.tiles_n * params.tiles_m);
    let index = z % params.batch;
    let split = z / params.batch;
    // Groups that only fill up the last row of the dispatch read and write nothing.
    let used = split < params.split_k;
    let begin = split * params.k_each;
    let end = select(begin, min(begin + params.k_each, params.k), used);
    base_out = params.out_at + split * outputs_padded() + index * params.m * params.n;
    from_a = source(index * params.m * params.k, m, params.m, spot_a(0u, local), TURN_A);
    from_b = source(index * params.k * params.n, n, params.n, spot_b(0u, local), TURN_B);
    from_a.first /= UNIT_A;
    from_b.first /= UNIT_B;
    sum_steps(begin, end, local);
    // What begins past the last row is not stored: all invocations come here, as barriers want it.
    store_tile(select(params.m, m, used), n, local);
    return Place(m, n, split, used);
}

@compute @workgroup_size(THREADS)
fn tiled(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    _ = product(group.x + group.y * groups.x, local);
}

@compute @workgroup_size(THREADS)
fn tiled_with_sums(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let place = product(group.x + group.y * groups.x, local);
    let four = sum_of_all_a(local, sum_a);
    let quad = summed_quad_a(local);
    let m = place.m + quad * 4u;
    if place.used && place.n == 0u && quad < QUADS_A && m < params.m {
        let used = vec4<bool>(true, m + 1u < params.m, m + 2u < params.m, m + 3u < params.m);
        if SPLIT_K == 1u {
            put(sums_of_split(place.split) + m + vec4<u32>(0u, 1u, 2u, 3u), used, four);
        } else {
            store_sums(m, used, four);
        }
    }
}
