// tile_alone.wgsl: in place of tile.wgsl where invocations work alone, see src/ops/software.rs: each of them reads what
// its own 4 x 4 sums need, keeps it for nobody, and waits for nobody.
override TILE_M: u32 = 32u;
override TILE_N: u32 = 32u;
override THREADS: u32 = 64u;
override PREFETCH: u32 = 0u;
override QUADS_A: u32 = TILE_M / 4u; // invocations one above the other
override QUADS_B: u32 = TILE_N / 4u; // and side by side
