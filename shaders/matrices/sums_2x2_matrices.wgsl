// needs: tile
// sums_2x2_matrices.wgsl: in place of sums_8x8.wgsl: a block's 32 x 32 outputs in 2 x 2 matrices of 16 x 16.
// c<row><column>: the sums, in halves of the block.
var<private> c00: MatrixC;
var<private> c01: MatrixC;
var<private> c10: MatrixC;
var<private> c11: MatrixC;

fn accumulate(local: u32) {
    let block = block_of(local);
    // By terms: columns of A, rows of B.
    let a0 = coopLoad<MatrixA>(&tile_a[block.x], ROW_A);
    let a1 = coopLoad<MatrixA>(&tile_a[block.x + 16u], ROW_A);
    let b0 = coopLoadT<MatrixB>(&tile_b[block.y], ROW_B);
    let b1 = coopLoadT<MatrixB>(&tile_b[block.y + 16u], ROW_B);
    c00 = coopMultiplyAdd(a0, b0, c00);
    c01 = coopMultiplyAdd(a0, b1, c01);
    c10 = coopMultiplyAdd(a1, b0, c10);
    c11 = coopMultiplyAdd(a1, b1, c11);
}

// Hands the sums to store(), by way of memory; the tile begins at m, n.
fn store_tile(m: u32, n: u32, local: u32) {
    let at = vec2<u32>(m, n) + block_of(local);
    store_matrix(c00, at.x, at.y, local);
    store_matrix(c01, at.x, at.y + 16u, local);
    store_matrix(c10, at.x + 16u, at.y, local);
    store_matrix(c11, at.x + 16u, at.y + 16u, local);
}

fn store_matrix(c: MatrixC, m: u32, n: u32, local: u32) {
    coopStoreT(c, &staged[stage_of(local)], 16u);
    store_staged(m, n, 16u, local);
}
