//! Where heat maps lie: in the folder of those of an earlier call, of which none may stay.
//!
//! The scores of a call name its heat maps. What a call names is what a later one may remove; all else
//! in the folder is somebody else's.

use std::collections::HashSet;
use std::fs;
use std::path::{Component, Path, PathBuf};

use image::RgbImage;
use tempfile::TempDir;

use super::pictures::Judged;
use super::table::SCORES_HEAD;
use crate::error::{Error, Result};
use crate::tasks::code_table::Records;
use crate::{file, plot};

/// The folder of heat maps in that of the call.
const FOLDER: &str = "heat_maps";
/// The most bytes of an earlier call's scores.
const MOST_BYTES: u64 = 1 << 28;

/// The heat maps of a call. They are drawn in a folder of their own, so that a call that fails leaves
/// those of an earlier one as they were.
#[derive(Debug)]
pub struct HeatMaps {
    /// Where each will be, from the folder of the call on.
    pub places: Vec<PathBuf>,
    drawn: TempDir,
}

impl HeatMaps {
    /// Those of the pictures that are `judged`, for the folder `out`.
    ///
    /// # Errors
    /// When no folder can be made there.
    pub fn begin(out: &Path, judged: &Judged) -> Result<Self> {
        let drawn = tempfile::Builder::new()
            .prefix(".diabolo-heat-maps-")
            .tempdir_in(out)
            .map_err(|error| Error::file(out, format!("no folder can be made there: {error}")))?;
        Ok(Self { places: places(judged), drawn })
    }

    /// Draws the heat map of a picture by its number.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn draw(&self, number: usize, map: &RgbImage) -> Result<()> {
        plot::save_png(&self.drawn_at(number), map)
    }

    fn drawn_at(&self, number: usize) -> PathBuf {
        self.drawn.path().join(format!("{number}.png"))
    }

    /// Brings all of them, each of which has been drawn, to their places in `out`.
    ///
    /// # Errors
    /// When one cannot be brought there.
    pub fn publish(self, out: &Path) -> Result<()> {
        for (number, place) in self.places.iter().enumerate() {
            let path = out.join(place);
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent)
                    .map_err(|error| Error::file(parent, format!("cannot be made: {error}")))?;
            }
            fs::rename(self.drawn_at(number), &path).map_err(|error| {
                Error::file(path, format!("cannot be written: {error}; move what is there away"))
            })?;
        }
        Ok(())
    }
}

/// The places of heat maps: those of the pictures in their folder, numbered where two would agree.
fn places(judged: &Judged) -> Vec<PathBuf> {
    let mut taken = HashSet::new();
    let place = |inner: &PathBuf| {
        let mut place = inner.with_extension("png");
        let mut number = 2;
        while !taken.insert(place.clone()) {
            let stem = inner.file_stem().unwrap_or_default().to_string_lossy();
            place = inner.with_file_name(format!("{stem}-{number}.png"));
            number += 1;
        }
        Path::new(FOLDER).join(place)
    };
    judged.inner.iter().map(place).collect()
}

/// The heat maps that the scores in the file `scores` name; none where they are no scores.
pub fn named(scores: &Path) -> Vec<PathBuf> {
    let text = file::read_text(scores, MOST_BYTES).unwrap_or_default();
    let rows = text.strip_prefix(SCORES_HEAD).filter(|rows| rows.starts_with(['\r', '\n']));
    let Some(rows) = rows else { return vec![] };
    let last = SCORES_HEAD.split(',').count() - 1;
    let (mut records, mut named) = (Records::new(rows), vec![]);
    loop {
        let record = records.next(|_, place, field| {
            named.extend((place == last).then(|| PathBuf::from(field)));
            Ok(())
        });
        match record {
            Ok(Some(_)) => {}
            // What stands behind a damaged line cannot be told.
            Ok(None) | Err(_) => break,
        }
    }
    named.retain(|place| is_a_place(place));
    named
}

/// Whether a path that a file names leads into the folder of heat maps, and to a picture.
fn is_a_place(path: &Path) -> bool {
    let is_inside = path.components().all(|part| matches!(part, Component::Normal(_)));
    let is_picture = path.extension().is_some_and(|ending| ending == "png");
    is_inside && is_picture && path.starts_with(FOLDER)
}

/// Removes those heat maps of an `earlier` call from `out` that are not among the `places` of this
/// one, and folders that this leaves empty.
pub fn remove_stale(out: &Path, earlier: &[PathBuf], places: &[PathBuf]) {
    let kept: HashSet<&PathBuf> = places.iter().collect();
    for place in earlier.iter().filter(|place| !kept.contains(place)) {
        let path = out.join(place);
        // A link into other folders, or in the place of one, is not followed.
        let mut parts = place.ancestors().filter(|part| !part.as_os_str().is_empty());
        let leads_elsewhere = parts.any(|part| out.join(part).is_symlink());
        if leads_elsewhere || !path.is_file() {
            continue;
        }
        if let Err(error) = fs::remove_file(&path) {
            log::warn!("{} is of an earlier call and cannot be removed: {error}", path.display());
        }
        let folders = place.ancestors().skip(1).filter(|part| !part.as_os_str().is_empty());
        // Only what is empty can be removed so.
        for folder in folders {
            if fs::remove_dir(out.join(folder)).is_err() {
                break;
            }
        }
    }
}

/// How many files lie among the heat maps in `out` that are not at these `places`.
pub fn others(out: &Path, places: &[PathBuf]) -> usize {
    let own: HashSet<PathBuf> = places.iter().map(|place| out.join(place)).collect();
    let (mut folders, mut count) = (vec![out.join(FOLDER)], 0);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                _ => count += usize::from(!own.contains(&entry.path())),
            }
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heat_maps_stand_apart() {
        let inner = ["a/1.png", "a/1.jpg", "b/1.png", "2.gif"].map(PathBuf::from).to_vec();
        let judged = Judged { inner, ..Judged::default() };
        let expected = ["a/1.png", "a/1-2.png", "b/1.png", "2.png"];
        assert_eq!(places(&judged), expected.map(|place| Path::new("heat_maps").join(place)));
    }

    #[test]
    fn only_heat_maps_are_taken_from_a_table() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("scores.csv");
        let rows = "a,b,1,true,heat_maps/a/1.png\n\"c,d\",b,1,false,\"heat_maps/c,d.png\"\n\
                    x,b,1,true,../x.png\nx,b,1,true,heat_maps/../../x.png\nx,b,1,true,/x.png\n\
                    x,b,1,true,model.png\nx,b,1,true,heat_maps/notes.txt\nx,b,1,true,\nx,b,1,true\n";
        fs::write(&path, format!("{SCORES_HEAD}\n{rows}")).expect("writable");
        assert_eq!(named(&path), ["heat_maps/a/1.png", "heat_maps/c,d.png"].map(PathBuf::from));
        // The tables of other programs name nothing.
        fs::write(&path, format!("path,label,score,flagged,file\n{rows}")).expect("writable");
        assert!(named(&path).is_empty() && named(folder.path()).is_empty());
    }

    #[test]
    fn what_nobody_named_stays() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let out = folder.path();
        let [a, b, c, mine] =
            ["heat_maps/a/1.png", "heat_maps/b/2.png", "heat_maps/c/3.png", "heat_maps/c/mine.png"]
                .map(PathBuf::from);
        for place in [&a, &b, &c, &mine] {
            fs::create_dir_all(out.join(place).parent().expect("has one")).expect("writable");
            fs::write(out.join(place), "a picture").expect("writable");
        }
        remove_stale(out, &[a.clone(), b.clone(), c.clone()], std::slice::from_ref(&b));
        assert!(!out.join("heat_maps/a").exists() && !out.join(&c).exists());
        assert!(out.join(&b).exists() && out.join(&mine).exists());
        assert_eq!(others(out, &[b]), 1);
    }

    #[cfg(unix)]
    #[test]
    fn links_are_not_followed() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (out, away) = (folder.path().join("out"), folder.path().join("away"));
        fs::create_dir_all(out.join("heat_maps")).expect("writable");
        fs::create_dir(&away).expect("writable");
        fs::write(away.join("1.png"), "a picture").expect("writable");
        std::os::unix::fs::symlink(&away, out.join("heat_maps/a")).expect("can be made");
        remove_stale(&out, &["heat_maps/a/1.png".into()], &[]);
        assert!(away.join("1.png").exists());
    }
}
