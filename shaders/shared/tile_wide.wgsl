// tile_wide.wgsl: tiles of 32 x 128 outputs, for few rows, see tile.wgsl.
const TILE_M = 32u;
const TILE_N = 128u;
const COLUMNS = 16u;
