//! What updates of the state read of a whole batch, where a batch comes in shards.

/// How a number of a whole batch comes of its shards'.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pooling {
    /// Their mean, each shard weighing as many images as it has.
    Mean,
    /// Their sum.
    Sum,
    /// The first one's.
    First,
}

/// What pooled node number `number` is called, as an output of a shard's plan and as an input of an update's.
pub(crate) fn pooled_name(number: usize) -> String {
    format!("pooled {number}")
}
