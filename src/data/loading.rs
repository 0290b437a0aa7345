//! Loading a dataset, from wherever its images come.

use std::path::Path;

use super::dataset::{Dataset, ImageFile, Images};
use super::load_options::LoadOptions;
use super::manifest::Manifest;
use super::partition::{LOOSE, class_of};
use super::source::Source;
use super::{arrays, digits, folder, mnist, order, sprites};
use crate::error::{Error, Result};
use crate::shape::MAX_SIDE;

impl Dataset {
    /// Loads, or makes, the images of `source`.
    ///
    /// # Errors
    /// When an option has no effect on this source or makes no sense, when files are missing,
    /// damaged or do not fit together, when a download fails, and when there are fewer than two
    /// images.
    pub fn load(source: &Source, options: &LoadOptions) -> Result<Dataset> {
        Self::load_known(source, options, None)
    }

    /// The same, but that pictures of a folder are in the parts that a run remembers them in.
    ///
    /// # Errors
    /// As [`Dataset::load`], and when none of the pictures is left that the run had.
    pub fn load_known(
        source: &Source,
        options: &LoadOptions,
        known: Option<&Manifest>,
    ) -> Result<Dataset> {
        options.check(source)?;
        match source {
            Source::Digits => digits::load(options),
            Source::Mnist(folder) => mnist::load(folder.as_deref(), options),
            Source::Images(folder) => folder::load(folder, options, known),
            Source::Numbers(path) => arrays::load(path, options, known),
            Source::Pairs { noisy, clean } => folder::load_pairs(noisy, clean, options, known),
            Source::Sprites(count) => sprites::load(*count, options),
        }
    }

    /// The same images to train on, with those of `source` as the held-out ones: all of a folder, or the
    /// part that other sources hold out themselves. They are brought to the same colours, and their
    /// classes are found by name.
    ///
    /// # Errors
    /// When they cannot be read, are of another size, are pairs where these are none or the other way round,
    /// or are of a class that there is none to train on of.
    pub fn with_test(
        self,
        source: &Source,
        options: &LoadOptions,
        known: Option<&Manifest>,
    ) -> Result<Dataset> {
        let is_folder = source.is_of_pictures();
        let are_numbers = matches!(source, Source::Numbers(_));
        let options = LoadOptions {
            limit: None,
            gray: is_folder && self.shape.channels == 1,
            patches: options.patches.filter(|_| is_folder),
            scales: if is_folder { options.scales.clone() } else { vec![] },
            size: options.size.filter(|_| is_folder || matches!(source, Source::Sprites(_))),
            hold_out: (is_folder || are_numbers).then_some(0.0),
            ..options.clone()
        };
        // Numbers are standardised as those are that are trained on.
        let same = Manifest { scaling: self.scaling.clone(), ..Manifest::default() };
        let known = known.or_else(|| are_numbers.then_some(&same));
        let other = Self::load_known(source, &options, known)?;
        self.check_kind(&other, source)?;
        let mut test = if other.trains_on_all { other.train } else { other.test };
        if (other.shape.width, other.shape.height) != (self.shape.width, self.shape.height) {
            let what = format!(
                "{source} has images of {}, but --data images of {}; give --size",
                other.shape, self.shape
            );
            return Err(Error::option("--test-data", what));
        }
        let times = self.shape.channels / other.shape.channels;
        match (other.shape.channels, self.shape.channels) {
            (had, wanted) if had == wanted => {}
            (1, 3) => match test.stored.take() {
                Some(stored) => test.stored = Some(stored.repeated(times)),
                None => {
                    let planes = test.pixels.chunks(other.shape.height * other.shape.width);
                    test.pixels = planes.flat_map(|plane| plane.repeat(times)).collect();
                }
            },
            _ => {
                let what = format!("{source} has images in colour, but --data has gray ones");
                return Err(Error::option("--test-data", what));
            }
        }
        test.labels = self.labels_of(&other.classes, &test, source)?;
        Ok(Dataset { test, trains_on_all: false, ..self })
    }

    /// Refuses images of numbers beside others of pixels, those that lack some beside others that do not, and
    /// pairs beside others that are none.
    fn check_kind(&self, other: &Dataset, source: &Source) -> Result<()> {
        if other.paired != self.paired {
            let (had, wanted) = match self.paired {
                true => ("pictures by themselves", "pairs; give pairs:NOISY,CLEAN"),
                false => ("pairs", "none; give images:DIR"),
            };
            let what = format!("{source} has {had}, but --data has {wanted}");
            return Err(Error::option("--test-data", what));
        }
        let what = match (self.element == other.element, self.masked == other.masked) {
            (true, true) => return Ok(()),
            (false, _) => {
                format!("{source} and --data hold numbers and pixels; both must be of one kind")
            }
            (true, false) => {
                format!(
                    "numbers are missing (NaN) in one of {source} and --data and not in the other"
                )
            }
        };
        Err(Error::option("--test-data", what))
    }

    /// The labels here of images that have classes of the same names: those of their folders, or of
    /// `classes`; none where there are no classes here.
    fn labels_of(
        &self,
        classes: &[String],
        images: &Images,
        source: &Source,
    ) -> Result<Option<Vec<u32>>> {
        if self.classes.is_empty() {
            return Ok(None);
        }
        let refuse = |what: String| Error::option("--test-data", format!("{source} {what}"));
        let label = |name: &str| {
            let found = self.classes.iter().position(|class| class == name);
            found.map(|place| place as u32).ok_or_else(|| {
                let known = self.classes.join(", ");
                refuse(format!("has a class `{name}`, which --data has not; there are {known}"))
            })
        };
        if !images.files.is_empty() {
            // A folder of a single class has none of its own.
            let of_file = |file: &ImageFile| {
                let class = class_of(Path::new(""), Path::new(&file.file));
                let label = label(class.as_deref().unwrap_or(LOOSE))?;
                Ok(std::iter::repeat_n(label, file.images))
            };
            let labels = images.files.iter().map(of_file).collect::<Result<Vec<_>>>()?;
            return Ok(Some(labels.into_iter().flatten().collect()));
        }
        let Some(labels) = &images.labels else {
            return Err(refuse("has no classes, but --data has".into()));
        };
        let places = classes.iter().map(|name| label(name)).collect::<Result<Vec<u32>>>()?;
        Ok(Some(labels.iter().map(|label| places[*label as usize]).collect()))
    }
}

impl LoadOptions {
    fn check(&self, source: &Source) -> Result<()> {
        if self.limit == Some(0) {
            return Err(Error::option(
                "--limit",
                "must be at least 1; leave it out for all images",
            ));
        }
        if let Some((width, height)) = self.size {
            if !source.is_of_pictures() && !matches!(source, Source::Sprites(_)) {
                let what = format!("has no effect on --data {source}: its images have one size");
                return Err(Error::option("--size", what));
            }
            if width == 0 || height == 0 || width > MAX_SIDE || height > MAX_SIDE {
                let what =
                    format!("{width}x{height}: both sides must lie between 1 and {MAX_SIDE}");
                return Err(Error::option("--size", what));
            }
        }
        if let Some((width, height)) = self.patches {
            if !source.is_of_pictures() {
                let what =
                    format!("has no effect on --data {source}; only pictures of folders take it");
                return Err(Error::option("--patches", what));
            }
            if self.size.is_some() {
                let what = "cuts pictures as they are; leave --size out";
                return Err(Error::option("--patches", what));
            }
            if width == 0 || height == 0 || width > MAX_SIDE || height > MAX_SIDE {
                let what =
                    format!("{width}x{height}: both sides must lie between 1 and {MAX_SIDE}");
                return Err(Error::option("--patches", what));
            }
        }
        self.check_scales(source)?;
        if let Some(share) = self.hold_out {
            order::check_held_out(share)?;
        }
        let is_folder = source.is_of_pictures();
        let is_own = is_folder || matches!(source, Source::Numbers(_));
        let of_folders = [("--gray", self.gray), ("--fit", self.fit.is_some())];
        let of_own = [
            ("--hold-out", self.hold_out.is_some()),
            ("--range", self.range.is_some()),
            ("--skip-damaged", self.skip_damaged),
        ];
        let without = |options: &[(&'static str, bool)]| {
            options.iter().find(|(_, is_given)| *is_given).map(|(option, _)| *option)
        };
        let refused = match (is_folder, is_own) {
            (true, _) => None,
            (false, true) => {
                without(&of_folders).map(|option| (option, "pictures of folders take it"))
            }
            (false, false) => without(&of_own)
                .map(|option| (option, "pictures of folders and npy: take it"))
                .or(without(&of_folders).map(|option| (option, "pictures of folders take it"))),
        };
        if let Some((option, who)) = refused {
            let what = format!("has no effect on --data {source}; only {who}");
            return Err(Error::option(option, what));
        }
        if self.fit.is_some() && self.size.is_none() {
            let what = "has no effect without --size, to which it brings pictures; give both";
            return Err(Error::option("--fit", what));
        }
        Ok(())
    }

    fn check_scales(&self, source: &Source) -> Result<()> {
        let refused = |what: &str| Err(Error::option("--scales", what));
        match (self.scales.as_slice(), self.patches, source) {
            ([], ..) => Ok(()),
            (_, None, _) => refused("has no effect without --patches, which it cuts; give both"),
            (_, _, Source::Pairs { .. }) => refused("would average the noise of pairs; leave it out"),
            (scales, ..) if !scales.iter().all(|scale| *scale > 0.0 && *scale <= 1.0) => {
                refused("takes numbers above 0, up to 1, such as 1,0.7,0.5")
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::fit::Fit;

    #[test]
    fn options_without_effect_are_errors() {
        let sized = LoadOptions { size: Some((16, 16)), ..LoadOptions::default() };
        let gray = LoadOptions { gray: true, ..LoadOptions::default() };
        let fitted = LoadOptions { fit: Some(Fit::Crop), ..sized.clone() };
        let ranged = LoadOptions { range: "0-4095".parse().ok(), ..LoadOptions::default() };
        let skipping = LoadOptions { skip_damaged: true, ..LoadOptions::default() };
        let nothing = LoadOptions { limit: Some(0), ..LoadOptions::default() };
        let flat = LoadOptions { size: Some((16, 0)), ..LoadOptions::default() };
        let share = |share| LoadOptions { hold_out: Some(share), ..LoadOptions::default() };
        let scaled = |patches, scales: &[f32]| LoadOptions {
            patches,
            scales: scales.to_vec(),
            ..LoadOptions::default()
        };
        let folder = || Source::Images("pictures".into());
        let refused = [
            (Source::Digits, sized.clone(), "--size"),
            (Source::Mnist(None), sized, "--size"),
            (Source::Digits, gray.clone(), "--gray"),
            (Source::Sprites(10), gray, "--gray"),
            (Source::Sprites(10), fitted.clone(), "--fit"),
            (folder(), LoadOptions { size: None, ..fitted }, "--fit"),
            (Source::Digits, ranged, "--range"),
            (Source::Mnist(None), skipping, "--skip-damaged"),
            (Source::Digits, nothing, "--limit"),
            (Source::Sprites(10), flat, "--size"),
            (Source::Digits, share(0.5), "--hold-out"),
            (folder(), scaled(None, &[0.5]), "--scales"),
            (folder(), scaled(Some((8, 8)), &[1.5]), "--scales"),
            (folder(), scaled(Some((8, 8)), &[f32::NAN]), "--scales"),
            (folder(), share(1.0), "--hold-out"),
            (folder(), share(-0.1), "--hold-out"),
            (folder(), share(f64::NAN), "--hold-out"),
        ];
        for (source, options, option) in refused {
            let error = Dataset::load(&source, &options).expect_err(option).to_string();
            assert!(error.starts_with(option), "{error}");
        }
    }
}
