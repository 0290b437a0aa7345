// needs: epilogue, parts, tile, sums_8x8, whole
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

@group(0) @binding(0) var<storage, read> a: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> b: array<vec4<f32>>;

var<private> base_out: u32;
var<private> sum_a: vec4<f32>; // of four columns of A as stored

// Vec4 number i of an operand, and its number i alone. Which one is known wherever it is asked for.
fn quad(of_b: bool, i: u32) -> vec4<f32> {
    if of_b {
        return b[i];
    }
    return a[i];
}

fn number_of(of_b: bool, i: u32) -> f32 {
    if of_b {
        return b[i / 4u][i % 4u];
    }
    return a[i / 4u][i % 4u];
}

// Four neighbours of a row of an operand as stored; 0 beyond its end.
fn line(of_b: bool, base: u32, row: u32, column: u32, rows: u32, columns: u32) -> vec4<f32> {
    var four = vec4<f32>(0.0);
    if row < rows && column < columns {
        let i = base + row * columns + column;
        if select(VECTOR_A, VECTOR_B, of_b) == 1u {
            four = quad(of_b, i / 4u);
        } else {
            four.x = number_of(of_b, i);
            if column + 1u < columns {
                four.y = number_of(of_b, i + 1u);
            }
            if column + 2u < columns {
                four.z = number_of(of_b, i + 2u);
            }
            if column + 3u < columns {
                four.w = number_of(of_b, i + 3u);
            }
        }
    }
    return four;
}

// A block of 4 x 4 from a row and column of an operand on, turned: its columns.
fn turned(of_b: bool, base: u32, row: u32, column: u32, rows: u32, columns: u32) -> mat4x4<f32> {
    return transpose(mat4x4<f32>(
        line(of_b, base, row, column, rows, columns),
        line(of_b, base, row + 1u, column, rows, columns),
        line(of_b, base, row + 2u, column, rows, columns),
        line(of_b, base, row + 3u, column, rows, columns),
    ));
}

fn load_a(base: u32, m: u32, k: u32, rows: u32, local: u32) {
    if TRANSPOSE_A == 1u {
        for (var i = local; i < QUADS_A * 16u; i += 64u) {
            let at = vec2<u32>(i / QUADS_A, i % QUADS_A);
            let end = select(0u, params.k, rows > 0u);
            let four = line(false, base, k + at.x, m + at.y * 4u, end, params.m);
            tile_a[at.x * ROW_A + at.y] = four;
            // Always of the same columns, for QUADS_A divides 64.
            sum_a += four;
        }
    } else if local < TILE_M {
        let q = local / 4u;
        let t = local % 4u * 4u;
        let block = turned(false, base, m + q * 4u, k + t, rows, params.k);
        tile_a[t * ROW_A + q] = block[0];
        tile_a[(t + 1u) * ROW_A + q] = block[1];
        tile_a[(t + 2u) * ROW_A + q] = block[2];
        tile_a[(t + 3u) * ROW_A + q] = block[3];
    }
}

fn load_b(base: u32, n: u32, k: u32, columns: u32, local: u32) {
    if TRANSPOSE_B == 0u {
        for (var i = local; i < QUADS_B * 16u; i += 64u) {
            let at = vec2<u32>(i / QUADS_B, i % QUADS_B);
            let end = select(0u, params.k, columns > 0u);
            tile_b[at.x * ROW_B + at.y] = line(true, base, k + at.x, n + at.y * 4u, end, params.n);
        }
    } else {
        for (var i = local; i < TILE_N; i += 64u) {
            let q = i / 4u;
            let t = i % 4u * 4u;
            let block = turned(true, base, n + q * 4u, k + t, columns, params.k);
            tile_b[t * ROW_B + q] = block[0];
            tile_b[(t + 1u) * ROW_B + q] = block[1];
            tile_b[(t + 2u) * ROW_B + q] = block[2];
            tile_b[(t + 3u) * ROW_B + q] = block[3];
        }
    }
}

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
    let rows = select(0u, params.m, used);
    let columns = select(0u, params.n, used);
    let begin = split * params.k_each;
    let end = select(begin, min(begin + params.k_each, params.k), used);
    base_out = params.out_at + split * outputs_padded() + index * params.m * params.n;
    for (var k = begin; k < end; k += 16u) {
        load_a(index * params.m * params.k, m, k, rows, local);
        load_b(index * params.k * params.n, n, k, columns, local);
        multiply_tiles(local);
    }
    if used {
        store_tile(m, n, local);
    }
    return Place(m, n, split, used);
}

@compute @workgroup_size(64)
fn tiled(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    _ = product(group.x + group.y * groups.x, local);
}

@compute @workgroup_size(64)
fn tiled_with_sums(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let place = product(group.x + group.y * groups.x, local);
    tile_a[local] = sum_a;
    // All sums are written before they are added up.
    workgroupBarrier();
    let m = place.m + local * 4u;
    if place.used && place.n == 0u && local < QUADS_A && m < params.m {
        var four = vec4<f32>(0.0);
        for (var row = 0u; row < 64u / QUADS_A; row++) {
            four += tile_a[row * QUADS_A + local];
        }
        let used = vec4<bool>(true, m + 1u < params.m, m + 2u < params.m, m + 3u < params.m);
        if SPLIT_K == 1u {
            put(sums_of_split(place.split) + m + vec4<u32>(0u, 1u, 2u, 3u), used, four);
        } else {
            store_sums(m, used, four);
        }
    }
}
