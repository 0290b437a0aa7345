//! The static graph: nodes with known shapes, made once, then differentiated, fused and planned.

mod bytes;
mod cost;
mod differentiate;
mod dot;
mod draft;
mod executor;
mod finding;
mod fuse;
mod halves;
mod held;
mod listing;
mod memory;
mod nodes;
mod parameter;
mod plan;
mod planning;
mod pooled;
mod pooling;
mod profile;
mod recording;
mod staging;
mod summing;
mod updates;

pub use bytes::Bytes;
pub use cost::Cost;
pub use executor::{
    Arriving, Clock, DataId, Executor, MetricRow, PlanId, ProfileRow, State, Timed,
};
pub use finding::{Finding, find_not_finite};
pub use halves::HalfStorage;
pub(crate) use held::HeldPlans;
pub use memory::MemoryReport;
pub(crate) use memory::buffer_bytes;
pub use nodes::{Data, Graph, Kind, Node};
pub use parameter::{Initialiser, ParamName, Role, StateEntry, StateLayout};
pub use plan::{Area, Location, METRIC_ROWS, Plan, PlanRequest, Stage, Step, Training};
pub use pooling::Pooling;
pub(crate) use pooling::pooled_name;
pub use profile::{ProfileTally, profile_table};
pub use staging::Staging;
pub(crate) use summing::gradient_pieces;
