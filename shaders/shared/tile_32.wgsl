// tile_32.wgsl: tiles of 32 x 32 outputs, for narrow matrices, see tile.wgsl.
const TILE_M = 32u;
const TILE_N = 32u;
const COLUMNS = 8u;
