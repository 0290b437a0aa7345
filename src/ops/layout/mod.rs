//! Numbers moved and repeated, none computed.

pub(crate) mod concat;
pub(crate) mod detach;
pub(crate) mod expand;
pub(crate) mod gather;
pub(crate) mod nodes;
pub(crate) mod one_hot;
pub(crate) mod pad;
pub(crate) mod permute;
pub(crate) mod reshape;
pub(crate) mod slice;
pub(crate) mod strided;

pub use concat::{Concat, concat};
pub use detach::{Detach, detach};
pub use expand::{Expand, expand, sum_to};
pub use gather::{Gather, gather};
pub use nodes::{Pad, Slice, pad, slice, slice_axis};
pub use one_hot::{OneHot, one_hot};
pub use permute::{Permute, permute};
pub use reshape::{Reshape, flatten, reshape};
