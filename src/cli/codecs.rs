//! The codecs that pictures go through: that of the model that is named, or those that are part of the program.

use std::path::Path;

use crate::error::{Error, Result};
use crate::gpu::DeviceChoice;
use crate::run::say;
use crate::tasks::{BuiltIn, Codec, Header, Quality, Trained, Writer};

/// Codecs, which are loaded as they are needed.
pub(super) struct Codecs {
    device: DeviceChoice,
    /// By the built-in model; that of the model that was named is alone, and for all pictures.
    loaded: Vec<(Option<&'static BuiltIn>, Codec)>,
}

impl Codecs {
    /// That of the model that was named; or those that are part of the program, on the device that `device` comes to.
    pub fn new(named: Option<Codec>, device: DeviceChoice) -> Self {
        Self { device, loaded: named.into_iter().map(|codec| (None, codec)).collect() }
    }

    /// The one for a picture that is gray, or not.
    ///
    /// # Errors
    /// When the device fails.
    pub fn for_picture(
        &mut self,
        is_gray: bool,
        quality: Quality,
        effort: usize,
    ) -> Result<&mut Codec> {
        if self.has_named() {
            return Ok(&mut self.loaded[0].1);
        }
        let Some(model) = BuiltIn::codec(is_gray) else {
            return Err(Error::option("--model", "is needed: no codec is part of this program"));
        };
        if self.loaded.iter().all(|(known, _)| *known != Some(model)) {
            say(format_args!("model: {}, built in: {}", model.name, model.title()));
        }
        self.built_in(model, |codec| codec.with_quality(quality)?.with_effort(effort))
    }

    /// The one that reads the file at `path`.
    ///
    /// # Errors
    /// When it needs a model that has to be named, or the device fails.
    pub fn for_file(&mut self, header: &Header, path: &Path) -> Result<&mut Codec> {
        match header.writer {
            _ if self.has_named() => Ok(&mut self.loaded[0].1),
            Writer::BuiltIn(model) => self.built_in(model, Ok),
            Writer::Own(_) => {
                let what = "was written with a model that is no part of the program; name its run with --model";
                Err(Error::file(path, what))
            }
        }
    }

    fn built_in(
        &mut self,
        model: &'static BuiltIn,
        set: impl FnOnce(Codec) -> Result<Codec>,
    ) -> Result<&mut Codec> {
        let known = self.loaded.iter().position(|(known, _)| *known == Some(model));
        let at = match known {
            Some(at) => at,
            None => {
                let codec = Codec::new(Trained::of_built_in(model, &self.device)?)?;
                self.loaded.push((Some(model), set(codec)?));
                self.loaded.len() - 1
            }
        };
        Ok(&mut self.loaded[at].1)
    }

    fn has_named(&self) -> bool {
        matches!(self.loaded.first(), Some((None, _)))
    }
}
