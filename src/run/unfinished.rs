//! Runs that were broken off, told from those that are finished.

use std::path::Path;

use super::checkpoint::Header;
use super::folder::RunFile;
use crate::train::Config;

/// What is to be said of the run in `folder`, whose model has this header and options, where it has not
/// had all its epochs: how far it is, and what ends it.
pub fn unfinished(folder: &Path, header: &Header, config: &Config) -> Option<String> {
    if header.epoch >= config.epochs.into() {
        return None;
    }
    let (done, all, run) = (header.epoch, config.epochs, folder.display());
    let options = folder.join(RunFile::Config.name());
    let how = match options.is_file() {
        true => format!("`diabolo train --config {} --out {run} --resume`", options.display()),
        false => "`diabolo train --resume`".to_owned(),
    };
    Some(format!("{run} is unfinished: {done} of {all} epochs; {how} ends it"))
}
