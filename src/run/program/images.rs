//! The images of a run: those of its folder of pictures; or, of a run that goes on, those that it had, though others
//! have been added to the folder since.

use std::path::{Path, PathBuf};

use super::occupant::{Earlier, Occupant, place};
use super::options::TrainArgs;
use super::place::usual;
use crate::data::{Dataset, Manifest, Source, folder};
use crate::error::Result;
use crate::models::Kind;
use crate::run::folder::{CHECKPOINTS, RunFolder};
use crate::train::Config;

/// The images and the options of a run. Where it goes on with an earlier one, the images are those that it
/// remembers; which of them are gone, and how many are none of them, is said in a warning. `tell` hears what is
/// remembered of them, as soon as that is known.
///
/// # Errors
/// When an option makes no sense, or images cannot be read, or `tell` fails.
pub(super) fn load(
    args: &TrainArgs,
    kind: Kind,
    tell: impl Fn(Option<&Manifest>) -> Result<()>,
) -> Result<(Dataset, Config)> {
    let remembered = remembered(args, kind)?;
    if let [] | [_] = &remembered[..] {
        // Whatever else is the matter with it, is found out where it goes on.
        let only = remembered.first().map(|(_, manifest)| manifest);
        tell(only)?;
        return load_known(args, kind, only);
    }
    for (earlier, manifest) in &remembered {
        let (dataset, config) = load_known(args, kind, Some(manifest))?;
        if earlier.differences(&config, &dataset.digest()?).is_empty() {
            tell(Some(manifest))?;
            return Ok((dataset, config));
        }
    }
    tell(None)?;
    load_known(args, kind, None)
}

/// The images, in the parts in which they are remembered, if they are; and the options of a run.
///
/// # Errors
/// When an option makes no sense, or images cannot be read.
pub(super) fn load_known(
    args: &TrainArgs,
    kind: Kind,
    known: Option<&Manifest>,
) -> Result<(Dataset, Config)> {
    let dataset = args.load_known(known)?;
    let config = args.config(&dataset, kind)?;
    Ok((dataset, config))
}

/// The runs on the same folder of pictures that this one may go on with, and what they remember of the pictures.
fn remembered(args: &TrainArgs, kind: Kind) -> Result<Vec<(Box<Earlier>, Manifest)>> {
    let data = args.settled.as_ref().map_or(&args.data, |config| &config.data);
    let Ok(source) = data.parse::<Source>() else { return Ok(vec![]) };
    let folder = match &source {
        Source::Numbers(path) if path.is_dir() => Some(path.as_path()),
        other => other.pictures(),
    };
    let Some(folder) = folder else { return Ok(vec![]) };
    let mut found = vec![];
    for path in folders(args, kind, folder) {
        let Occupant::Run(earlier) = Occupant::of(&path) else { continue };
        if place(&earlier.config.data) != place(data) {
            continue;
        }
        let manifest = RunFolder::at(path).manifest()?;
        found
            .extend(manifest.filter(|known| !known.train.is_empty()).map(|known| (earlier, known)));
    }
    Ok(found)
}

/// The folders of runs that this one may go on with.
fn folders(args: &TrainArgs, kind: Kind, pictures: &Path) -> Vec<PathBuf> {
    if let Some(file) = &args.saving.resume_from {
        let folder = file.parent().unwrap_or(Path::new(""));
        let is_inner = folder.file_name().is_some_and(|name| name == CHECKPOINTS);
        return vec![if is_inner { folder.join("..") } else { folder.to_path_buf() }];
    }
    match (&args.out, args.saving.resume) {
        (_, false) => vec![],
        (Some(out), true) => vec![out.clone()],
        (None, true) => {
            let name = format!("{}-{}", kind.name(), folder::name(pictures));
            (1..).map(|number| usual(&name, number)).take_while(|path| path.exists()).collect()
        }
    }
}
