// tile_32.wgsl: tiles of 32 x 32 outputs, for narrow matrices. Include tile.wgsl and sums_4x4.wgsl with
// terms.wgsl, or sums_4x4_lanes.wgsl, too.
const TILE_M = 32u;
const TILE_N = 32u;
const COLUMNS = 8u;
