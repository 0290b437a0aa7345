// tile_wide.wgsl: tiles of 32 x 128 outputs, for few rows. Include tile.wgsl and sums_8x8.wgsl with terms.wgsl, or
// sums_16x4_lanes.wgsl, too.
const TILE_M = 32u;
const TILE_N = 128u;
const COLUMNS = 16u;
