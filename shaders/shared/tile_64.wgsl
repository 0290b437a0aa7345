// tile_64.wgsl: tiles of 64 x 64 outputs. Include tile.wgsl and sums_8x8.wgsl with terms.wgsl, or
// sums_16x4_lanes.wgsl, too.
const TILE_M = 64u;
const TILE_N = 64u;
const COLUMNS = 8u;
