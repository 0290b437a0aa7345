//! `diabolo evaluate`: how good a model's samples are, said and written.

use std::path::PathBuf;

use super::outputs::{Output, files_of_run};
use crate::error::{Error, Result};
use crate::nn;
use crate::rng::Seed;
use crate::run::{RunFile, StoringArgs, say};
use crate::tasks::Trained;
use crate::tasks::generation::SampleMeasures;

/// The most samples.
const MOST: usize = 100_000;

/// The options of `diabolo evaluate`.
#[derive(Clone, Debug, clap::Args)]
pub struct EvaluateArgs {
    /// The folder of a finished run
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// Samples, and held-out images that they are compared with; as many as are held out at the most
    #[arg(short = 'n', long, value_name = "N", default_value_t = 5000)]
    count: usize,
    /// Decides which samples are drawn, and the classifier's first weights
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// auto, cpu, gpu, the number of an adapter, or part of its name
    #[arg(long, default_value = "auto")]
    device: String,
    /// The file of numbers to write, - for standard output [default: samples.json in the run folder]
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Where the run's images go
    #[command(flatten)]
    storing: StoringArgs,
}

/// Measures samples of a model, and says and writes what was found.
///
/// # Errors
/// When there is no finished run, its images cannot be read or are too few, the model makes no images of
/// codes alone, the device fails, or the file cannot be written.
pub fn evaluate(args: &EvaluateArgs) -> Result<()> {
    if !(1..=MOST).contains(&args.count) {
        return Err(Error::option("--count", format!("takes 1 to {MOST} samples")));
    }
    let trained = Trained::load(&args.run, &args.device.parse()?)?;
    let mut trained = trained.with_storing(args.storing.storing());
    let path = args.out.clone().unwrap_or_else(|| trained.folder().file(RunFile::SampleMeasures));
    let out = Output::prepare(&path, &files_of_run(&args.run))?;
    let measures = trained.measure_samples(args.count, Seed(args.seed))?;
    let mut text = serde_json::to_string_pretty(&measures)
        .map_err(|error| Error::file(&path, format!("cannot be put in words: {error}")))?;
    text.push('\n');
    out.write(|file| file.write_all(text.as_bytes()))?;
    let unit = match trained.model().output {
        nn::Output::Number => "deviations",
        nn::Output::Sigmoid | nn::Output::Clamp => "of a pixel's range",
    };
    tell(&measures, unit);
    say(format_args!("written to {out}"));
    Ok(())
}

/// Prints what was measured; `unit` is that of distances.
fn tell(measures: &SampleMeasures, unit: &str) {
    let SampleMeasures { coverage, train, .. } = measures;
    if let Some(remark) = &measures.remark {
        say(format_args!("note: {remark}"));
    }
    say(format_args!(
        "{} samples against {} held-out images, by {}",
        measures.samples, measures.held_out, measures.features
    ));
    say(format_args!("                      samples  training images"));
    for (name, samples, train) in [
        ("Frechet distance", measures.frechet, measures.frechet_train),
        ("precision", coverage.precision, train.precision),
        ("recall", coverage.recall, train.recall),
    ] {
        say(format_args!("{name:<20} {samples:>8.3}  {train:>15.3}"));
    }
    say(format_args!(
        "nearest training image: {:.4} {unit} from samples, {:.4} from held-out images",
        measures.nearest, measures.nearest_held_out
    ));
    match measures.classifier_accuracy {
        Some(accuracy) => {
            say(format_args!("classifier: accuracy {accuracy:.4} on held-out images"))
        }
        None => say(format_args!("classes: none, since the images of this run have no labels")),
    }
    if let Some(agreement) = measures.label_agreement {
        say(format_args!("label asked for: borne by {:.1}% of samples", 100.0 * agreement));
    }
    for class in &measures.classes {
        say(format_args!(
            "  {:<18} {:>5.1}% of samples, {:>5.1}% of held-out images",
            class.class,
            100.0 * class.samples,
            100.0 * class.held_out
        ));
    }
}
