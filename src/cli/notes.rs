//! What is said of pictures that lose something on the way to a model: one line on standard error a
//! call and a kind of loss, however many pictures there are.

use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::data::deep_picture::{Form, form};
use crate::data::{colour_profile, picture};
use crate::models::Model;
use crate::run::note;
use crate::train::Config;

/// Says which pictures have other channels than the images of `model`, and what becomes of them.
pub(super) fn channels(paths: &[PathBuf], model: &Model) {
    let knows_colours = model.images().channels == 3;
    let other = those(paths, |form, _| form.has_colour != knows_colours);
    match knows_colours {
        true => say(&other, "gray, and given to the model in three equal channels"),
        false => say(&other, "turned gray, since the model knows no colours"),
    }
}

/// Says which pictures, of another size than the parts that the model of a run knows (`--patches`), are
/// brought to that size as a whole.
pub(super) fn parts(paths: &[PathBuf], config: &Config) {
    let Some((width, height)) = config.patches else { return };
    let part = (width as u32, height as u32);
    let other = those(paths, |form, _| form.size != part);
    let what = format!("brought to {width}x{height} as a whole, by a model of parts of that size");
    say(&other, &what);
}

/// Says what of the pictures' files compressed files do not keep.
pub(super) fn of_compression(paths: &[PathBuf]) {
    let deep = those(paths, |form, _| form.bits > 8);
    say(&deep, "of 16 bits a channel, of which 8 bits are kept");
    let clear = those(paths, |form, path| {
        let opacity = if form.has_opacity { picture::opacity(path).ok().flatten() } else { None };
        opacity.is_some_and(|opacity| opacity.iter().any(|alpha| *alpha < 255))
    });
    say(&clear, "laid over white where transparent; transparency is not kept");
    let noted = those(paths, |form, _| form.exif.is_some());
    say(&noted, "written without what a camera noted (EXIF)");
    if let Some(what) = colour_profile::note(paths) {
        note(format_args!("{what}, and the profile is not kept"));
    }
}

/// Those pictures of which something is so. What cannot be read is an error elsewhere.
fn those(paths: &[PathBuf], so: impl Fn(&Form, &Path) -> bool + Sync) -> Vec<&Path> {
    let paths = paths.par_iter().map(PathBuf::as_path);
    paths.filter(|path| form(path).is_some_and(|form| so(&form, path))).collect()
}

fn say(pictures: &[&Path], what: &str) {
    match pictures {
        [] => {}
        [path] => note(format_args!("{} is {what}", path.display())),
        [first, ..] => note(format_args!(
            "{} pictures are {what}; the first is {}",
            pictures.len(),
            first.display()
        )),
    }
}
