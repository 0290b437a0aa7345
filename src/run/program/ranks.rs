//! A training by several processes: how they meet, what they have to agree in, and how they end.

use std::fs;
use std::path::Path;

use log::LevelFilter;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result, counted};
use crate::run::terminal::say;
use crate::train::{Config, Team};

/// What each process tells the others of itself.
#[derive(Serialize, Deserialize)]
struct Hello {
    version: String,
    host: String,
    /// The cores that it may use, as the system lists them.
    cores: String,
}

/// What decides a training's numbers, which all processes have to agree in.
#[derive(Serialize, Deserialize)]
struct Agreement {
    config: String,
    data: String,
}

/// Meets the processes that MPI has started together with this one, does `work` with them, and ends them all: in
/// good order, where the leading process has said that it is over; else at once, with the error and its exit code.
///
/// # Errors
/// As `work`, where the others have ended.
#[cfg(feature = "mpi")]
pub(super) fn together(work: impl FnOnce(&Team) -> Result<()>) -> Result<()> {
    use std::sync::Arc;
    use std::thread::sleep;
    use std::time::Duration;

    use crate::run::terminal::print_error;
    use crate::train::Mpi;

    /// How long the leading process has to hear that another one has failed, and to end all.
    const PATIENCE: Duration = Duration::from_secs(60);

    let mpi = Arc::new(Mpi::join()?);
    let team = Team::new(mpi.clone());
    let done = work(&team);
    match &done {
        _ if team.has_ended() => mpi.leave(),
        Ok(()) => mpi.leave(),
        Err(error) => {
            if !team.leads() {
                team.fail(error);
                sleep(PATIENCE);
            }
            print_error(error);
            mpi.abort(error.exit_code());
        }
    }
    done
}

/// Says what a program lacks that was built without MPI.
#[cfg(not(feature = "mpi"))]
pub(super) fn together(_: impl FnOnce(&Team) -> Result<()>) -> Result<()> {
    let what = "is not in this program: build it with `cargo build --release --features mpi`, where there are an \
        MPI and libclang to build with (on Debian, `apt-get install libopenmpi-dev openmpi-bin libclang-dev`)";
    Err(Error::option("--mpi", what))
}

/// Meets the other processes. The number of this one among those of its machine. Where several of them may use the
/// same cores, each has its share of them as threads, unless `RAYON_NUM_THREADS` says how many.
///
/// # Errors
/// When another process has failed, or is another version of the program.
pub(super) fn meet(team: &Team) -> Result<usize> {
    let own = Hello {
        version: env!("CARGO_PKG_VERSION").into(),
        host: team.host().into(),
        cores: cores(),
    };
    team.tell_all(&own)?;
    let (mut number, mut sharing) = (0, 1);
    for from in team.others() {
        let other: Hello = team.hear(from)?;
        if other.version != own.version {
            let what = format!(
                "rank {from} on {} is diabolo {}, and {} is {}; install the same version on all machines",
                other.host,
                other.version,
                team.name(),
                own.version
            );
            return Err(Error::Rank { what, code: 1 });
        }
        if other.host == own.host {
            number += usize::from(from < team.rank());
            sharing += usize::from(other.cores == own.cores);
        }
    }
    if sharing > 1 && std::env::var_os("RAYON_NUM_THREADS").is_none() {
        let threads = std::thread::available_parallelism().map_or(1, usize::from) / sharing;
        // Threads that are there already stay as they are.
        let _ = rayon::ThreadPoolBuilder::new().num_threads(threads.max(1)).build_global();
    }
    Ok(number)
}

/// The cores that this process may use, as Linux lists them. Elsewhere all processes are taken to use the same.
fn cores() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    line.unwrap_or_default().trim().to_owned()
}

/// Makes sure that this process has the leading one's options and images, by their digest.
///
/// # Errors
/// When it has others, or another process has failed.
pub(super) fn agree(team: &Team, config: &Config, data: &str) -> Result<()> {
    if team.leads() {
        return team.tell_all(&Agreement { config: config.to_toml()?, data: data.into() });
    }
    let lead: Agreement = team.hear(0)?;
    let theirs = Config::from_toml(&lead.config, Path::new("the options of rank 0"))?;
    if let Some(first) = config.differences(&theirs).first() {
        let what = format!(
            "is {} here and {} with rank 0; give all processes the same options",
            first.here, first.there
        );
        return Err(Error::option(&first.option, what));
    }
    match lead.data == data {
        true => Ok(()),
        false => {
            let what = "has other images here than with rank 0; give every machine the same copy";
            Err(Error::option("--data", what))
        }
    }
}

/// Says so where there are more processes than shards, of which each can have one at most.
pub(super) fn note_idle(team: &Team, shards: usize) {
    if let Some(idle) = team.count().checked_sub(shards).filter(|idle| *idle > 0) {
        let (all, idle) = (counted(team.count(), "process"), counted(idle, "process"));
        say(format_args!(
            "note: {all} share {shards} shards a step, so that {idle} at least have nothing to do; give --shards {} \
             or a multiple",
            team.count()
        ));
    }
}

/// Does what rank 0 does as well, whose warnings are enough.
pub(super) fn without_warnings<T>(work: impl FnOnce() -> T) -> T {
    let before = log::max_level();
    log::set_max_level(before.min(LevelFilter::Error));
    let done = work();
    log::set_max_level(before);
    done
}
