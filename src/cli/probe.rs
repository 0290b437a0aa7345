//! `diabolo probe`: what codes tell of classes, said and written.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use super::model::ModelArgs;
use super::notes;
use super::outputs::{Output, PictureFile, files_of_run, is_folder};
use crate::data::{Intake, class_of, folder, in_natural_order};
use crate::error::{Error, Result, counted};
use crate::inference::Inference;
use crate::plot;
use crate::rng::Seed;
use crate::run::{RunFile, say};
use crate::tasks::probe::{ClassScore, Confusion, Labelled, MOST_NUMBERS, from_run, linear_probe};
use crate::tasks::{Pictures, Samples, Trained, holds_numbers};

/// Pictures read at once, and their numbers.
const PICTURES_AT_ONCE: usize = 256;
const NUMBERS_AT_ONCE: usize = 1 << 23;

/// Why folders of classes do not go with some models.
const TOLD_LABELS: &str = "has no effect on a model that is told labels, which it knows by number only; \
                           leave --train and --test out";

/// The options of `diabolo probe`.
#[derive(Clone, Debug, clap::Args)]
pub struct ProbeArgs {
    #[command(flatten)]
    model: ModelArgs,
    /// A folder with a sub-folder of pictures a class, or an .npz file of x and y, to learn from [default:
    /// the images of the run]
    #[arg(long, value_name = "DIR|FILE", requires = "test")]
    train: Option<PathBuf>,
    /// A folder with sub-folders of the same names, or such a file, to predict
    #[arg(long, value_name = "DIR|FILE", requires = "train")]
    test: Option<PathBuf>,
    /// Decides the classifier's first weights and the order it learns in
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// The folder for probe.json and confusion.png, or the file of numbers, FILE.json, with the picture
    /// beside it [default: the run folder, where it can be written]
    #[arg(short, long, value_name = "DIR|FILE.json")]
    out: Option<PathBuf>,
}

/// What was found, as `probe.json` has it.
#[derive(serde::Serialize)]
struct ProbeFile<'a> {
    /// The share of pictures whose class is predicted right.
    accuracy: f64,
    /// Codes that were learned from, and that were predicted.
    train: usize,
    test: usize,
    /// Numbers of a code.
    code: usize,
    classes: Vec<ClassScore>,
    /// Counts, a row a true class.
    confusion: &'a [Vec<u64>],
}

/// Trains a linear probe on a model's codes, and says and writes how well it predicts classes.
///
/// # Errors
/// When there is no finished run, images have no classes, the device fails, or what `--out` names
/// cannot be written.
pub fn probe(args: &ProbeArgs) -> Result<()> {
    let mut trained = args.model.load()?;
    let place = Place::find(args, &trained)?;
    let (learned, judged, names) = match (&args.train, &args.test) {
        (Some(train), Some(test)) => from_folders(&mut trained, train, test)?,
        _ => from_run(&mut trained)?,
    };
    let examples = [learned.examples(), judged.examples()];
    let confusion = linear_probe(trained.device(), examples, names, Seed(args.seed))?;
    let file = ProbeFile {
        accuracy: confusion.accuracy(),
        train: learned.labels.len(),
        test: judged.labels.len(),
        code: learned.width,
        classes: confusion.classes(),
        confusion: &confusion.counts,
    };
    say(format_args!("{}", confusion.class_table()));
    say(format_args!("{}", confusion.matrix_table()));
    say(format_args!(
        "accuracy {:.4} of {} of {}, by a linear probe that learned from {}",
        file.accuracy,
        counted(file.test, "code"),
        counted(file.code, "number"),
        file.train
    ));
    match place {
        Some(place) => place.save(&file, &confusion),
        None => Ok(()),
    }
}

/// Where results are written.
struct Place {
    numbers: Output,
    /// Not beside standard output.
    picture: Option<PictureFile>,
}

impl Place {
    /// What `--out` names, or the run folder; nothing where that one cannot be written, which is said.
    fn find(args: &ProbeArgs, trained: &Trained) -> Result<Option<Self>> {
        let run = trained.folder().path();
        let Some(out) = &args.out else {
            let own = Self::prepare(
                &trained.folder().file(RunFile::Probe),
                &trained.folder().file(RunFile::Confusion),
                run,
            );
            return match own {
                Ok(place) => Ok(Some(place)),
                Err(error) => {
                    log::warn!("{error}; results are printed only");
                    Ok(None)
                }
            };
        };
        let place = match is_folder(out) {
            true => Self::prepare(
                &out.join(RunFile::Probe.name()),
                &out.join(RunFile::Confusion.name()),
                run,
            ),
            false => Self::prepare(out, &out.with_extension("png"), run),
        };
        place.map(Some)
    }

    fn prepare(numbers: &Path, picture: &Path, run: &Path) -> Result<Self> {
        let read = files_of_run(run);
        let numbers = Output::prepare(numbers, &read)?;
        let picture = match numbers.path() {
            Some(numbers) if numbers == picture => {
                let what = format!("is {}; name a folder, or a file .json", picture.display());
                return Err(Error::option("--out", what));
            }
            Some(_) => Some(PictureFile::prepare(picture, &read)?),
            None => None,
        };
        Ok(Self { numbers, picture })
    }

    fn save(&self, file: &ProbeFile, confusion: &Confusion) -> Result<()> {
        let mut text = serde_json::to_string_pretty(file).map_err(|error| {
            Error::file(self.numbers.to_string(), format!("cannot be put in words: {error}"))
        })?;
        text.push('\n');
        self.numbers.write(|out| out.write_all(text.as_bytes()))?;
        let Some(picture) = &self.picture else { return Ok(()) };
        picture.write(&plot::confusion(&confusion.counts, &confusion.names)?.into())?;
        say(format_args!("written to {} and {}", self.numbers, picture.file()));
        Ok(())
    }
}

/// The codes of pictures in two folders of class folders.
fn from_folders(
    trained: &mut Trained,
    train: &Path,
    test: &Path,
) -> Result<(Labelled, Labelled, Vec<String>)> {
    if [train, test].iter().all(|path| holds_numbers(path)) {
        return from_numbers(trained, train, test);
    }
    trained.check_pixels()?;
    if trained.model().is_conditional() {
        return Err(Error::option("--train", TOLD_LABELS));
    }
    let learned = ClassFolder::find(train)?;
    let judged = ClassFolder::find(test)?;
    let names: BTreeSet<&String> = learned.classes.iter().collect();
    let names: Vec<String> = names.into_iter().cloned().collect();
    if names.len() < 2 {
        return Err(Error::file(train, "holds one class; a probe needs two sub-folders or more"));
    }
    if let Some(unknown) = judged.classes.iter().find(|class| !names.contains(class)) {
        let what = format!("has a class `{unknown}` that {} has not", train.display());
        return Err(Error::file(test, what));
    }
    notes::channels(&[&learned.paths[..], &judged.paths].concat(), trained.model());
    let (intake, width) = (trained.config().intake(), trained.model().network.latent());
    let mut inference = trained.inference();
    let learned = learned.encode(&mut inference, intake, width, &names)?;
    let judged = judged.encode(&mut inference, intake, width, &names)?;
    Ok((learned, judged, names))
}

/// The codes of labelled samples in two files of numbers, or folders of them.
fn from_numbers(
    trained: &mut Trained,
    train: &Path,
    test: &Path,
) -> Result<(Labelled, Labelled, Vec<String>)> {
    if trained.model().is_conditional() {
        return Err(Error::option("--train", TOLD_LABELS));
    }
    let (units, width) = (trained.units()?, trained.model().network.latent());
    let read = |path: &Path| -> Result<(Samples, Vec<String>)> {
        let mut samples = units.read(&[path.to_path_buf()])?;
        let labels = samples.labels.take().ok_or_else(|| {
            let what = "holds no classes: an .npz file has them as y, and a folder as sub-folders";
            Error::file(path, what)
        })?;
        Ok((samples, labels))
    };
    let (learned, judged) = (read(train)?, read(test)?);
    let classes = in_natural_order(&learned.1);
    if classes.len() < 2 {
        return Err(Error::file(train, "holds one class; a probe needs two or more"));
    }
    if let Some(label) = judged.1.iter().find(|label| !classes.contains(label)) {
        let what = format!("has a class `{label}` that {} has not", train.display());
        return Err(Error::file(test, what));
    }
    let places: HashMap<&String, u32> = classes.iter().zip(0..).collect();
    let mut inference = trained.inference();
    let mut labelled = |(samples, labels): &(Samples, Vec<String>)| -> Result<Labelled> {
        let codes = inference.represent(&samples.images, None)?.values;
        Ok(Labelled { width, codes, labels: labels.iter().map(|label| places[label]).collect() })
    };
    let (learned, judged) = (labelled(&learned)?, labelled(&judged)?);
    Ok((learned, judged, classes))
}

/// Pictures in class folders.
struct ClassFolder {
    folder: PathBuf,
    paths: Vec<PathBuf>,
    /// The class of each.
    classes: Vec<String>,
}

impl ClassFolder {
    fn find(folder: &Path) -> Result<Self> {
        let paths = folder::files_in(folder)?;
        let class = |path: &PathBuf| {
            class_of(folder, path).ok_or_else(|| {
                Error::file(path, "lies in no class folder; move it into one, or away")
            })
        };
        let classes = paths.iter().map(class).collect::<Result<_>>()?;
        Ok(Self { folder: folder.to_path_buf(), paths, classes })
    }

    fn encode(
        &self,
        inference: &mut Inference,
        intake: Intake,
        width: usize,
        names: &[String],
    ) -> Result<Labelled> {
        if self.paths.len().saturating_mul(width) > MOST_NUMBERS {
            let what = format!(
                "holds {} pictures, whose codes of {width} numbers are too many; at most {} fit",
                self.paths.len(),
                MOST_NUMBERS / width.max(1)
            );
            return Err(Error::file(&self.folder, what));
        }
        let number = |class: &String| names.partition_point(|name| name < class) as u32;
        let labels = self.classes.iter().map(number).collect();
        let mut codes = vec![];
        let chunk = (NUMBERS_AT_ONCE / intake.shape.elements().max(1)).clamp(1, PICTURES_AT_ONCE);
        for paths in self.paths.chunks(chunk) {
            let images = Pictures::read(paths, intake)?.images;
            codes.extend(inference.represent(&images, None)?.values);
        }
        Ok(Labelled { width, codes, labels })
    }
}
