// tile_64.wgsl: tiles of 64 x 64 outputs, see tile.wgsl.
const TILE_M = 64u;
const TILE_N = 64u;
const COLUMNS = 8u;
