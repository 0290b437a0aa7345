//! What tasks write, where, and under which names: nothing that is read is written over, and nothing is
//! done in vain.

#[path = "../support/pictures.rs"]
mod pictures;
#[path = "../support/program.rs"]
mod program;

mod folders;
mod single;

use std::sync::LazyLock;

use pictures::{few_pictures, folder};
use program::Runs;
use tempfile::TempDir;

/// Pictures of 8x8 in gray, and runs trained on them.
struct Trained {
    /// Kept for the runs, which read them.
    _pictures: TempDir,
    runs: Runs,
}

/// Trained once for all tests: `dense`, and `codec`, whose codes can be stored.
static TRAINED: LazyLock<Trained> = LazyLock::new(|| {
    let pictures = folder();
    few_pictures(pictures.path(), 6);
    let dense = "--variant dense --arch dense:4 --latent 2 --epochs 1";
    let codec = "--variant conv --arch conv:4 --latent map:2 --quantise 0.25 --epochs 1";
    let data = format!("--data images:{}", pictures.path().display());
    let runs = Runs::train(&data, &[("dense", dense), ("codec", codec)]);
    Trained { _pictures: pictures, runs }
});
