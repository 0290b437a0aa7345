//! What adapters that compute on the processor have in place of other parts of kernels. They are what
//! tests run on, and no GPU has any of it: no other file, and no kernel's own text, knows of it.

use super::needs::Replacement;
use super::target::GpuTarget;

/// On all of them.
const SOFTWARE: &[Replacement] = &[("terms", "terms_looped"), ("steps", "steps_looped")];

/// Where eight neighbours are a subgroup that computes as one vector, as llvmpipe's.
const EIGHT_LANES: &[Replacement] = &[
    ("count", "count_hidden"),
    ("steps", "steps_looped"),
    ("sums_8x8", "sums_16x4_lanes"),
    ("sums_4x4", "sums_4x4_lanes"),
];

/// The parts that a target has others for.
pub(super) fn replacements(target: &GpuTarget) -> &'static [Replacement] {
    match (target.eight_lanes, target.unrolls_terms) {
        (true, _) => EIGHT_LANES,
        (false, false) => SOFTWARE,
        (false, true) => &[],
    }
}
