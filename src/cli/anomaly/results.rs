//! What was found is written and said.

use super::options::AnomalyArgs;
use super::pictures::Judged;
use super::placement::{self, HeatMaps};
use super::table;
use crate::error::Result;
use crate::run::say;
use crate::tasks::anomaly::{Verdict, are_enough};

/// Writes what was found, and says it.
///
/// # Errors
/// When it cannot be written.
pub(super) fn finish(
    args: &AnomalyArgs,
    judged: &Judged,
    scores: &[f64],
    verdict: &Verdict,
    maps: Option<HeatMaps>,
) -> Result<()> {
    save_all(args, judged, scores, verdict.threshold, maps)?;
    verdict.save(&args.out.join("anomaly.json"))?;
    say(format_args!("{}", verdict.summary()));
    if !args.quiet {
        say(format_args!("written to {}", args.out.display()));
    }
    Ok(())
}

/// Writes the scores and the heat maps, in the place of those of an earlier call.
fn save_all(
    args: &AnomalyArgs,
    judged: &Judged,
    scores: &[f64],
    threshold: f64,
    maps: Option<HeatMaps>,
) -> Result<()> {
    let table = args.out.join("scores.csv");
    let places = maps.as_ref().map_or(vec![], |maps| maps.places.clone());
    // In this order, whatever heat map lies there is named at any time, if the machine stops.
    placement::remove_stale(&args.out, &placement::named(&table), &places);
    table::save_scores(&table, judged, scores, threshold, &places)?;
    maps.map_or(Ok(()), |maps| maps.publish(&args.out))?;
    match placement::others(&args.out, &places) {
        0 => {}
        count => log::warn!(
            "{count} files among the heat maps in {} are not of this call; scores.csv names those \
             that are",
            args.out.display()
        ),
    }
    Ok(())
}

/// Says so where the threshold cannot keep its promise.
pub(super) fn warn_of_few(count: usize, rate: f64) {
    if !are_enough(count, rate) {
        log::warn!(
            "{count} held-out normal pictures are too few for a false-positive rate of {rate}: \
             their greatest score is the threshold; {} would do",
            (1.0 / rate).ceil() as u64 - 1
        );
    }
}
