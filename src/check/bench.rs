//! How fast an adapter is.

use super::outcome::{Rates, Timing};
use crate::bench::workloads::{Ceilings, Workload, dispatch_seconds};
use crate::bench::{BenchDevice, measure};
use crate::error::Result;

/// The ceilings, which the shares of workloads are of.
///
/// # Errors
/// When the device is lost.
pub(super) fn rates(device: &BenchDevice) -> Result<(Ceilings, Rates)> {
    let ceilings = device.ceilings()?;
    let dispatch_us = 1e6 * dispatch_seconds(device.open()?.as_mut())?;
    let Ceilings { gflops, gbytes } = ceilings;
    Ok((ceilings, Rates { gflops, gbytes, dispatch_us }))
}

/// Times a workload.
///
/// # Errors
/// When the device has no memory for it, or is lost.
pub(super) fn timing(
    workload: &Workload,
    device: &BenchDevice,
    ceilings: &Ceilings,
) -> Result<Timing> {
    let row = measure(workload, device, Some(ceilings))?;
    Ok(Timing {
        name: row.name,
        median_ms: row.median_ms,
        clock: row.clock,
        share: row.roofline.unwrap_or_default(),
        dispatches: row.fused.dispatches,
    })
}
