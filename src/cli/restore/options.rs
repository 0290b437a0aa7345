//! The options of `diabolo restore`.

use std::path::{Path, PathBuf};

use crate::tasks::restore::CorruptedBy;

/// The options of `diabolo restore`.
#[derive(Clone, Debug, clap::Args)]
pub struct RestoreArgs {
    /// Pictures of any size, or folders of them; what is wholly transparent in them is missing
    #[arg(value_name = "IN", required = true)]
    pub(super) inputs: Vec<PathBuf>,
    /// The folder for the restored pictures, each a PNG named after its picture, in sub-folders as the
    /// pictures are
    #[arg(short, long, value_name = "DIR")]
    pub(super) out: PathBuf,
    /// Corrupt the pictures first, to see what the model can do: gaussian:0.2, salt-pepper:0.3,
    /// haze or haze:0.5, and all that training takes; or mask:MASK.png, dark where pixels are missing
    #[arg(long, value_name = "KIND:AMOUNT|mask:FILE")]
    pub(super) noise: Option<CorruptedBy>,
    /// What the pictures should be, to measure by: a picture, or a folder of pictures of the same
    /// names in the same sub-folders [default: with --noise, the pictures as they were]
    #[arg(long, value_name = "FILE|DIR")]
    pub(super) clean: Option<PathBuf>,
    /// Decides which noise is drawn [default: 0]
    #[arg(long, value_name = "N")]
    pub(super) seed: Option<u64>,
    /// The standard deviation of the pictures' noise, for a model that is told it, where black is 0 and
    /// white 1 [default: estimated from each picture]
    #[arg(long, value_name = "DEVIATION")]
    pub(super) noise_level: Option<f32>,
    /// The folder of a finished run, or the name of a built-in model, see `diabolo models` [default: the
    /// built-in one against --noise; or against noise, with --noise-level; or for files of JPEG, or pictures that are
    /// transparent in parts]
    #[arg(short, long, value_name = "RUN|NAME")]
    pub(super) model: Option<PathBuf>,
    /// Take noise away by what each picture itself says, without a model
    #[arg(long, conflicts_with_all = ["model", "label", "device"])]
    pub(super) zero_shot: bool,
    /// Beside a model that is told how strong noise is, go by what each picture itself says, too: nearer to what it was, and
    /// some ten times as slow
    #[arg(long, conflicts_with = "zero_shot")]
    pub(super) nonlocal: bool,
    /// auto, cpu, gpu, the number of an adapter, or part of its name
    #[arg(long, default_value = "auto")]
    pub(super) device: String,
    /// The label of the pictures, for a model that is told labels
    #[arg(long, value_name = "NAME|N")]
    pub(super) label: Option<String>,
    /// Write over pictures that are read, where --out asks for that
    #[arg(long)]
    pub(super) overwrite: bool,
    /// Leave out pictures of which the restored one is there already
    #[arg(long, conflicts_with = "overwrite")]
    pub(super) skip_existing: bool,
}

impl RestoreArgs {
    /// The picture that says which pixels are missing.
    pub(super) fn mask(&self) -> Option<&Path> {
        match &self.noise {
            Some(CorruptedBy::Mask(mask)) => Some(mask),
            _ => None,
        }
    }
}
