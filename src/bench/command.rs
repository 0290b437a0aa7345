//! What `diabolo bench` takes and does.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget};

use super::devices::BenchDevice;
use super::growth::growth;
use super::kernels::write_kernels;
use super::table::{self, Row};
use super::together::together;
use super::workloads::{Ceilings, Workload};
use crate::error::{Error, Result, counted};
use crate::gpu::{self, DeviceChoices, GpuOptions};
use crate::graph::profile_table;
use crate::ops::{GpuTarget, Maker};
use crate::run::say;
use crate::train::Precision;

/// What `diabolo bench` takes.
#[derive(Clone, Debug, Args)]
pub struct BenchArgs {
    /// auto, cpu, gpu, the number of an adapter, part of its name, or all, each by itself; several, such as
    /// 0,1 or cpu,0, for what they gain in training together
    #[arg(long, default_value = "auto")]
    device: String,
    /// Only these workloads, or those whose names begin so, such as W1,conv,M1
    #[arg(long, value_name = "NAME,..", value_delimiter = ',')]
    only: Vec<String>,
    /// Measure training steps at these batch sizes, to see how they grow
    #[arg(long, value_name = "IMAGES,..", value_delimiter = ',')]
    batch: Vec<usize>,
    /// How the numbers of training steps are kept, as `diabolo train` takes it
    #[arg(long, value_enum, default_value = "f32")]
    precision: Precision,
    /// Measure the device's own ceilings first, and show which share of the nearer one is reached
    #[arg(long)]
    roofline: bool,
    /// Print the operations of each plan with their cost, and measure nothing
    #[arg(long, conflicts_with_all = ["roofline", "json"])]
    plan: bool,
    /// Write each kernel of each plan into this folder, one WGSL file a kernel with its constants, and
    /// measure nothing
    #[arg(long, value_name = "DIR", conflicts_with_all = ["roofline", "json", "plan"])]
    kernels: Option<PathBuf>,
    /// With --plan or --kernels: the plans and kernels that a GPU of this maker would get
    #[arg(long = "for", value_name = "MAKER")]
    maker: Option<Maker>,
    /// Print the time that each operation of a workload takes
    #[arg(long, conflicts_with_all = ["roofline", "json", "plan", "kernels"])]
    profile: bool,
    /// Measure the kernels' variants on the adapter, keep the best, and use them from then on
    #[arg(long, conflicts_with_all = ["roofline", "json", "plan", "kernels", "profile", "batch"])]
    tune: bool,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
}

impl BenchArgs {
    /// The devices that are to share training steps, if several are named.
    ///
    /// # Errors
    /// When something else than the steps' time is wanted of them.
    fn sharing(&self) -> Result<Option<DeviceChoices>> {
        let choices: DeviceChoices = self.device.parse()?;
        if choices == DeviceChoices::All || !choices.are_several() {
            return Ok(None);
        }
        let others = [
            ("--roofline", self.roofline),
            ("--plan", self.plan),
            ("--kernels", self.kernels.is_some()),
            ("--profile", self.profile),
            ("--tune", self.tune),
        ];
        match others.iter().find(|(_, is_given)| *is_given) {
            Some((option, _)) => Err(Error::option(*option, "is for one device at a time")),
            None => Ok(Some(choices)),
        }
    }

    /// The adapter that plans are looked at for, where it is another than the one at hand.
    fn counted(&self) -> Result<Option<GpuTarget>> {
        if self.maker.is_some() && !self.plan && self.kernels.is_none() {
            return Err(Error::option("--for", "is for --plan and --kernels; add one of them"));
        }
        Ok(self.maker.map(|maker| GpuTarget::new(&maker.typical())))
    }
}

/// Measures and prints.
///
/// # Errors
/// When an option is wrong, there is no such device, or it is lost.
pub fn bench(args: &BenchArgs) -> Result<()> {
    let workloads = Workload::named(&args.only, &args.batch, args.precision)?;
    if let Some(choices) = args.sharing()? {
        return together(&workloads, &choices, args.json);
    }
    let devices = BenchDevice::chosen(&args.device)?;
    if args.tune {
        return devices.iter().try_for_each(|device| tune(device, &workloads));
    }
    let counted = args.counted()?;
    if let Some(folder) = &args.kernels {
        return write_all_kernels(folder, &devices, &workloads, counted.as_ref());
    }
    if args.plan {
        return print_plans(&devices, &workloads, counted.as_ref());
    }
    if args.profile {
        return print_profiles(&devices, &workloads);
    }
    let ceilings = match args.roofline {
        true => devices.iter().map(BenchDevice::ceilings).collect::<Result<Vec<_>>>()?,
        false => vec![],
    };
    if !args.json {
        say(format_args!("{}", table::head(&devices, &ceilings).trim_end()));
    }
    let bar = progress(workloads.len() * devices.len());
    let mut all_rows = vec![];
    for workload in &workloads {
        let mut rows = vec![];
        for (number, device) in devices.iter().enumerate() {
            bar.set_message(format!("{} on {}", workload.name, device.name()));
            rows.push(measure(workload, device, ceilings.get(number))?);
            bar.inc(1);
        }
        bar.suspend(|| print_rows(&rows, args.json))?;
        all_rows.extend(rows);
    }
    bar.finish_and_clear();
    if !args.json {
        let sentences = growth(&all_rows).into_iter().chain(table::clocks(&all_rows));
        sentences.for_each(|sentence| say(format_args!("{sentence}")));
    }
    Ok(())
}

/// A bar on a terminal, else nothing.
pub(crate) fn progress(steps: usize) -> ProgressBar {
    let target = match std::io::stderr().is_terminal() {
        true => ProgressDrawTarget::stderr(),
        false => ProgressDrawTarget::hidden(),
    };
    let style = indicatif::ProgressStyle::with_template("{bar:24} {pos}/{len} {msg}");
    let bar = ProgressBar::with_draw_target(Some(steps as u64), target);
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// A device of its own for each workload, so that none pays for the memory of those before.
///
/// # Errors
/// When it has no memory for it, or is lost.
pub(crate) fn measure(
    workload: &Workload,
    device: &BenchDevice,
    ceilings: Option<&Ceilings>,
) -> Result<Row> {
    let begin = Instant::now();
    let mut executor = device.open()?;
    let loaded = workload.load(executor.as_mut())?;
    let ready = begin.elapsed().as_secs_f64();
    let measured = loaded.measure(executor.as_mut())?;
    let row = Row::new(workload, device.name(), &loaded.costs, measured, ceilings);
    Ok(Row { start_ms: (ready + measured.first) * 1e3, ..row })
}

fn print_rows(rows: &[Row], json: bool) -> Result<()> {
    if !json {
        say(format_args!("{}", table::line(rows)));
        return Ok(());
    }
    for row in rows {
        let line = serde_json::to_string(row)
            .map_err(|error| Error::Graph(format!("a row has no JSON: {error}")))?;
        say(format_args!("{line}"));
    }
    Ok(())
}

fn print_plans(
    devices: &[BenchDevice],
    workloads: &[Workload],
    other: Option<&GpuTarget>,
) -> Result<()> {
    for device in devices {
        for workload in workloads {
            let mut executor = device.open()?;
            let loaded = workload.load_counted(executor.as_mut(), other)?;
            let counted = match (other, executor.target()) {
                (Some(_), _) => ", counted as for another GPU",
                (None, Some(_)) => "",
                (None, None) => ", counted as for a discrete GPU",
            };
            let place = format!("{}{counted}", device.name());
            say(format_args!("{}", table::plan(&workload.name, &place, &loaded.costs)));
        }
    }
    Ok(())
}

fn write_all_kernels(
    folder: &Path,
    devices: &[BenchDevice],
    workloads: &[Workload],
    other: Option<&GpuTarget>,
) -> Result<()> {
    let [device] = devices else {
        return Err(Error::option("--kernels", "is for one device; give --device"));
    };
    for workload in workloads {
        let costs = workload.load_counted(device.open()?.as_mut(), other)?.costs;
        let count = write_kernels(folder, &workload.name, &costs)?;
        let count = counted(count, "kernel");
        say(format_args!(
            "{} on {}: {count} in {}",
            workload.name,
            device.name(),
            folder.display()
        ));
    }
    Ok(())
}

fn print_profiles(devices: &[BenchDevice], workloads: &[Workload]) -> Result<()> {
    for device in devices {
        for workload in workloads {
            let mut executor = device.open()?;
            let loaded = workload.load(executor.as_mut())?;
            loaded.run(executor.as_mut(), WARM_UP)?;
            executor.set_profiling(true)?;
            loaded.run(executor.as_mut(), PROFILED)?;
            let table = profile_table(&executor.profile()?);
            say(format_args!("{} on {}, {PROFILED} steps", workload.name, device.name()));
            say(format_args!("{}", table.trim_end()));
        }
    }
    Ok(())
}

/// Tunes the kernels that the workloads use.
fn tune(device: &BenchDevice, workloads: &[Workload]) -> Result<()> {
    let folder = GpuOptions::default().tuning;
    let (Some(folder), true) = (folder, device.is_adapter()) else {
        say(format_args!("{}: there is nothing to choose, or no folder for it", device.name()));
        return Ok(());
    };
    let mut steps = vec![];
    for workload in workloads {
        let loaded = workload.load(device.open()?.as_mut())?;
        steps.extend(loaded.costs.plan.into_iter().flat_map(|plan| plan.steps));
    }
    let open = || device.open_adapter();
    let file = gpu::tune(&open, &folder, &steps, &mut |line| say(format_args!("{line}")))?;
    say(format_args!("kept in {}", file.display()));
    Ok(())
}

/// Steps before those that `--profile` looks at.
const WARM_UP: usize = 3;
/// Steps that it looks at.
const PROFILED: usize = 20;
