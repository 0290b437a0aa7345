//! What adapters that compute on the processor have in place of other parts of kernels. They are what
//! tests run on, and no GPU has any of it: no other file, and no kernel's own text, knows of it.

use super::needs::Replacement;
use super::target::GpuTarget;

/// Where nothing is known of subgroups, as of SwiftShader's: each invocation works alone. Memory that a workgroup shares
/// is no nearer there than any other, each barrier is a switch between all its invocations, and a browser has the memory
/// filled with zeros before each kernel, by code as long as the memory is large.
const ALONE: &[Replacement] = &[
    ("tile", "tile_alone"),
    ("line", "line_alone"),
    ("lines", "lines_alone"),
    ("lines_a", "lines_alone"),
    ("places", "places_alone"),
    ("steps", "steps_alone"),
    ("sums_8x8", "own_4x4"),
    ("sums_4x8", "own_4x4"),
    ("sums_4x4", "own_4x4"),
];

/// Where eight neighbours are a subgroup that computes as one vector, as llvmpipe's.
const EIGHT_LANES: &[Replacement] = &[
    ("lines_a", "lines_a_lanes"),
    ("places", "places_alone"),
    ("steps", "steps_lanes"),
    ("sums_8x8", "sums_16x4_lanes"),
    ("sums_4x4", "sums_4x4_lanes"),
    ("tap", "tap_lanes"),
];

/// The same for sums that take both operands from tiles: those of matrix units, and 4 x 8, which are GPUs' alone.
const EIGHT_LANES_OF_TILES: &[Replacement] = &[("steps", "steps_looped")];

/// The parts that a target has others for, in a kernel that has these in place of others itself.
pub(super) fn replacements(target: &GpuTarget, own: &[Replacement]) -> &'static [Replacement] {
    // Matrix units share their tiles.
    let has_own_tile = own.iter().any(|(old, _)| *old == "tile");
    let of_tiles = own.iter().any(|(_, new)| *new == "sums_4x8");
    match (target.eight_lanes, target.shares_tiles) {
        (true, _) if has_own_tile || of_tiles => EIGHT_LANES_OF_TILES,
        (true, _) => EIGHT_LANES,
        (false, false) if !has_own_tile => ALONE,
        _ => &[],
    }
}
