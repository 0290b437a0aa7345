//! What has no meaning for pairs of pictures.

use crate::error::{Error, Result};
use crate::models::Kind;

/// Whether the value of `--data` names pairs.
pub(crate) fn are_pairs(data: &str) -> bool {
    data.starts_with("pairs:")
}

/// Refuses pairs for a model that makes of an image nothing but the image itself, and beside those of these
/// options that are `given`, which would make something else of their pictures.
///
/// # Errors
/// When the model is no denoising one, or an option is given.
pub(crate) fn check_pairs(kind: Kind, given: &[(&str, bool)]) -> Result<()> {
    if kind != Kind::Denoising {
        let what = format!(
            "has pairs, from which only a denoising model learns; give --variant denoising, or \
             images:DIR for a {} model",
            kind.name()
        );
        return Err(Error::option("--data", what));
    }
    match given.iter().find(|(_, is_given)| *is_given) {
        Some((option, _)) => {
            let what =
                "has no effect on pairs, of which one picture is the corrupted one; leave it out";
            Err(Error::option(*option, what))
        }
        None => Ok(()),
    }
}
