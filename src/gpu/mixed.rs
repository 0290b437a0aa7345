//! How far an adapter is trusted with numbers of 16 bits.

/// What an adapter is let do for plans that keep f16, as `--precision mixed` does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mixed {
    /// Nothing: it has no f16 to plans.
    Refused,
    /// Keep f16, and multiply as f32.
    Stored,
    /// Also multiply with its matrix units, if it has any.
    ByMatrices,
}
