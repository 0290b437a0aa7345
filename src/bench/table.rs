//! What is printed.

use std::fmt::Write;

use super::devices::BenchDevice;
use super::workloads::{Ceilings, Measured, PlanCosts, Workload};
use crate::graph::{Bytes, Clock, Cost};

/// A workload on a device: what was measured and what was counted.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Row {
    /// The workload.
    pub name: String,
    /// The device.
    pub device: String,
    /// The median time of a step.
    pub median_ms: f64,
    /// What that was measured by.
    pub clock: Clock,
    /// The time from opening the device to the end of the first step: memory is made, kernels are
    /// compiled or come from the caches.
    pub start_ms: f64,
    /// Floating-point operations a second, in 10^9, by the plan's count.
    pub gflops: f64,
    /// Bytes a second, in 10^9, by the plan's count.
    pub gbytes: f64,
    /// The share of the nearer ceiling, where they were measured.
    pub roofline: Option<f64>,
    /// What a step costs.
    pub fused: Cost,
    /// What the same graph would cost, each operation by itself.
    pub unfused: Cost,
    /// Bytes of activations and gradients, as planned.
    pub planned_bytes: u64,
    /// The same if each had memory of its own and nothing were fused.
    pub apart_bytes: u64,
}

impl Row {
    pub(super) fn new(
        workload: &Workload,
        device: &str,
        costs: &PlanCosts,
        measured: Measured,
        ceilings: Option<&Ceilings>,
    ) -> Self {
        let PlanCosts { fused, unfused, planned_bytes, apart_bytes, .. } = *costs;
        Self {
            name: workload.name.clone(),
            device: device.into(),
            median_ms: measured.median * 1e3,
            clock: measured.clock,
            start_ms: measured.first * 1e3,
            gflops: fused.flops as f64 / measured.median / 1e9,
            gbytes: fused.bytes as f64 / measured.median / 1e9,
            roofline: ceilings.map(|ceilings| ceilings.share(&fused, measured.median)),
            fused,
            unfused,
            planned_bytes,
            apart_bytes,
        }
    }
}

/// What stands above the rows: the devices, by the number of their column, and their ceilings.
pub(super) fn head(devices: &[BenchDevice], ceilings: &[Ceilings]) -> String {
    let mut text = String::new();
    for (number, device) in devices.iter().enumerate() {
        let _ = write!(text, "[{}] {}", number + 1, device.name());
        if let Some(Ceilings { gflops, gbytes }) = ceilings.get(number) {
            let _ = write!(text, ": at most {gflops:.1} GFLOP/s, {gbytes:.1} GB/s");
        }
        text.push('\n');
    }
    let _ = write!(text, "{:<28}", "workload");
    for number in 1..=devices.len() {
        let _ = write!(text, " {:>10} {:>8} {:>6}", format!("[{number}] ms"), "GFLOP/s", "share");
        let _ = write!(text, " {:>9}", "start ms");
    }
    let costs = ["dispatches", "bytes moved", "memory"];
    let _ = write!(text, "  {:>11} {:>21} {:>21}", costs[0], costs[1], costs[2]);
    let _ = writeln!(text, "   (each next to the same graph not fused)");
    text
}

/// One workload on all devices.
pub(super) fn line(rows: &[Row]) -> String {
    let Some(first) = rows.first() else { return String::new() };
    let mut text = format!("{:<28}", first.name);
    for row in rows {
        let share = row.roofline.map_or("-".into(), |share| format!("{:.0}%", 100.0 * share));
        let _ = write!(text, " {:>10.3} {:>8.2} {share:>6}", row.median_ms, row.gflops);
        let _ = write!(text, " {:>9.0}", row.start_ms);
    }
    let Row { fused, unfused, planned_bytes, apart_bytes, .. } = first;
    let of = |part: u64, whole: u64| format!("{} / {}", Bytes(part), Bytes(whole));
    let dispatches = format!("{} / {}", fused.dispatches, unfused.dispatches);
    let _ = write!(text, "  {dispatches:>11} {:>21}", of(fused.bytes, unfused.bytes));
    let _ = write!(text, " {:>21}", of(*planned_bytes, *apart_bytes));
    text
}

/// A sentence for each device that took the time of some rows itself.
pub(super) fn clocks(rows: &[Row]) -> Vec<String> {
    let mut sentences: Vec<String> = vec![];
    for Row { device, .. } in rows.iter().filter(|row| row.clock == Clock::Timestamps) {
        let own = rows.iter().filter(|row| row.device == *device);
        let wall: Vec<&str> =
            own.filter(|row| row.clock == Clock::Wall).map(|row| row.name.as_str()).collect();
        let others = match wall[..] {
            [] => String::new(),
            _ => format!(", but of {} by the host's clock", wall.join(", ")),
        };
        let sentence = format!("{device}: times of steps are by its own timestamps{others}");
        if !sentences.contains(&sentence) {
            sentences.push(sentence);
        }
    }
    sentences
}

/// The operations of a plan, and what they cost together.
pub(super) fn plan(name: &str, device: &str, costs: &PlanCosts) -> String {
    let mut text = format!("{name} on {device}\n{}", costs.listing());
    let line = |text: &mut String, Cost { dispatches, bytes, flops }: Cost, what: &str| {
        let bytes = Bytes(bytes).to_string();
        let _ =
            writeln!(text, "{dispatches:>4} {bytes:>11} {:>9.2} MFLOP  {what}", flops as f64 / 1e6);
    };
    line(&mut text, costs.fused, "in all");
    line(&mut text, costs.unfused, "in all, were each operation by itself");
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::GpuTarget;
    use crate::train::Precision;

    #[test]
    fn a_line_holds_every_device_and_what_was_counted() {
        let fused = Cost { dispatches: 3, bytes: 2048, flops: 4_000_000 };
        let unfused = Cost { dispatches: 9, bytes: 8192, ..fused };
        let costs = PlanCosts {
            fused,
            unfused,
            planned_bytes: 512,
            apart_bytes: 4096,
            plan: None,
            target: GpuTarget::default(),
        };
        let workload = Workload::named(&["W1".into()], &[], Precision::F32).unwrap().remove(0);
        let measured = Measured { first: 0.5, median: 0.002, clock: Clock::Timestamps };
        let ceilings = Ceilings { gflops: 4.0, gbytes: 1.0 };
        let rows = [None, Some(&ceilings)]
            .map(|ceilings| Row::new(&workload, "device", &costs, measured, ceilings));
        let line = line(&rows);
        for part in ["W1", "2.000", "2.00", " - ", "50%", "3 / 9", "2.0 KiB / 8.0 KiB"] {
            assert!(line.contains(part), "{part} is not in {line}");
        }
        let json = serde_json::to_value(&rows[1]).unwrap();
        assert_eq!(json["clock"], "timestamps");
        let wall = |row: &Row| Row { clock: Clock::Wall, name: "W3".into(), ..row.clone() };
        assert_eq!(clocks(&[wall(&rows[0])]), [""; 0]);
        assert_eq!(
            clocks(&[rows[0].clone(), wall(&rows[0]), rows[1].clone()]),
            ["device: times of steps are by its own timestamps, but of W3 by the host's clock"]
        );
        assert_eq!(json["roofline"], 0.5);
        assert_eq!(json["unfused"]["dispatches"], 9);
        assert!(plan("W1", "device", &costs).contains("9     8.0 KiB"));
    }
}
