// needs: tile
// sums_4x4_matrices.wgsl: in place of sums_8x8.wgsl: a block's 32 x 32 outputs in 4 x 4 matrices of 8 x 8.
// c<row><column>: the sums, in quarters of the block.
var<private> c00: MatrixC;
var<private> c01: MatrixC;
var<private> c02: MatrixC;
var<private> c03: MatrixC;
var<private> c10: MatrixC;
var<private> c11: MatrixC;
var<private> c12: MatrixC;
var<private> c13: MatrixC;
var<private> c20: MatrixC;
var<private> c21: MatrixC;
var<private> c22: MatrixC;
var<private> c23: MatrixC;
var<private> c30: MatrixC;
var<private> c31: MatrixC;
var<private> c32: MatrixC;
var<private> c33: MatrixC;

fn accumulate(local: u32) {
    let block = block_of(local);
    accumulate_eight(block.x, block.y);
    accumulate_eight(block.x + 8u * ROW_A, block.y + 8u * ROW_B);
}

// Eight terms, which lie by terms: columns of A, rows of B.
fn accumulate_eight(a: u32, b: u32) {
    let a0 = coopLoad<MatrixA>(&tile_a[a], ROW_A);
    let a1 = coopLoad<MatrixA>(&tile_a[a + 8u], ROW_A);
    let a2 = coopLoad<MatrixA>(&tile_a[a + 16u], ROW_A);
    let a3 = coopLoad<MatrixA>(&tile_a[a + 24u], ROW_A);
    let b0 = coopLoadT<MatrixB>(&tile_b[b], ROW_B);
    let b1 = coopLoadT<MatrixB>(&tile_b[b + 8u], ROW_B);
    let b2 = coopLoadT<MatrixB>(&tile_b[b + 16u], ROW_B);
    let b3 = coopLoadT<MatrixB>(&tile_b[b + 24u], ROW_B);
    c00 = coopMultiplyAdd(a0, b0, c00);
    c01 = coopMultiplyAdd(a0, b1, c01);
    c02 = coopMultiplyAdd(a0, b2, c02);
    c03 = coopMultiplyAdd(a0, b3, c03);
    c10 = coopMultiplyAdd(a1, b0, c10);
    c11 = coopMultiplyAdd(a1, b1, c11);
    c12 = coopMultiplyAdd(a1, b2, c12);
    c13 = coopMultiplyAdd(a1, b3, c13);
    c20 = coopMultiplyAdd(a2, b0, c20);
    c21 = coopMultiplyAdd(a2, b1, c21);
    c22 = coopMultiplyAdd(a2, b2, c22);
    c23 = coopMultiplyAdd(a2, b3, c23);
    c30 = coopMultiplyAdd(a3, b0, c30);
    c31 = coopMultiplyAdd(a3, b1, c31);
    c32 = coopMultiplyAdd(a3, b2, c32);
    c33 = coopMultiplyAdd(a3, b3, c33);
}

// Hands the sums to store(), by way of memory; the tile begins at m, n.
fn store_tile(m: u32, n: u32, local: u32) {
    let at = vec2<u32>(m, n) + block_of(local);
    store_row(c00, c01, c02, c03, at.x, at.y, local);
    store_row(c10, c11, c12, c13, at.x + 8u, at.y, local);
    store_row(c20, c21, c22, c23, at.x + 16u, at.y, local);
    store_row(c30, c31, c32, c33, at.x + 24u, at.y, local);
}

fn store_row(p: MatrixC, q: MatrixC, r: MatrixC, s: MatrixC, m: u32, n: u32, local: u32) {
    let stage = stage_of(local);
    coopStoreT(p, &staged[stage], 32u);
    coopStoreT(q, &staged[stage + 8u], 32u);
    coopStoreT(r, &staged[stage + 16u], 32u);
    coopStoreT(s, &staged[stage + 24u], 32u);
    store_staged(m, n, 32u, local);
}
