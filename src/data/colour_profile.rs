//! ICC profiles: which colours the numbers of a picture stand for. Pixels are taken as they are
//! stored, which is right for sRGB and worth a word for all else.

use std::path::Path;

use rayon::prelude::*;

use super::deep_picture::form;

/// The red, green and blue of sRGB in the profile's space, under its white (ICC.1:2022, and the
/// profiles of the ICC and of the W3C).
const PRIMARIES: [[f64; 3]; 3] =
    [[0.4360, 0.2225, 0.0139], [0.3851, 0.7169, 0.0971], [0.1431, 0.0606, 0.7141]];
/// How far from these a profile's own may lie.
const NEAR: f64 = 0.006;
/// Light at half of the numbers' range, of sRGB; a power of 2.2, as many a profile has, is near it.
const HALF: f64 = 0.2140;
/// How far from that a profile's own may lie.
const NEAR_HALF: f64 = 0.02;

/// What a picture's colours are, from the bytes of an ICC profile.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ColourProfile<'a>(&'a [u8]);

impl<'a> ColourProfile<'a> {
    /// A profile of these bytes, of which nothing is believed.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Whether it is of pictures with so many channels.
    pub fn fits(self, channels: usize) -> bool {
        let space = self.0.get(16..20);
        space == Some(if channels == 1 { b"GRAY" } else { b"RGB " })
    }

    /// Whether its numbers mean what those of sRGB do, or nearly.
    pub fn is_srgb(self) -> bool {
        let near =
            |tag: &[u8; 4]| self.half(tag).is_some_and(|half| (half - HALF).abs() < NEAR_HALF);
        if self.fits(1) {
            return near(b"kTRC");
        }
        let primaries = [b"rXYZ", b"gXYZ", b"bXYZ"].iter().zip(PRIMARIES);
        let close = |found: [f64; 3], known: [f64; 3]| {
            found.iter().zip(known).all(|(found, known)| (found - known).abs() < NEAR)
        };
        self.fits(3)
            && primaries
                .into_iter()
                .all(|(tag, known)| self.xyz(tag).is_some_and(|found| close(found, known)))
            && [b"rTRC", b"gTRC", b"bTRC"].iter().all(|tag| near(tag))
    }

    /// What it calls itself.
    pub fn name(self) -> String {
        let name = self.tag(b"desc").and_then(described).unwrap_or_default();
        let name: String = name.chars().filter(|letter| !letter.is_control()).take(60).collect();
        if name.trim().is_empty() { "without a name".into() } else { name.trim().into() }
    }

    fn tag(self, wanted: &[u8; 4]) -> Option<&'a [u8]> {
        let count = number(self.0, 128)?.min(100);
        let entry = (0..count).map(|entry| 132 + 12 * entry).find(|at| {
            let name = self.0.get(*at..at + 4);
            name == Some(wanted)
        })?;
        let (from, size) = (number(self.0, entry + 4)?, number(self.0, entry + 8)?);
        self.0.get(from..from.checked_add(size)?)
    }

    fn xyz(self, tag: &[u8; 4]) -> Option<[f64; 3]> {
        let tag = self.tag(tag)?;
        Some([fixed(tag, 8)?, fixed(tag, 12)?, fixed(tag, 16)?])
    }

    /// Light at half of a curve's range.
    fn half(self, tag: &[u8; 4]) -> Option<f64> {
        let tag = self.tag(tag)?;
        if tag.get(..4)? == b"para" {
            let kind = short(tag, 8)?;
            let gamma = fixed(tag, 12)?;
            if kind == 0 {
                return Some(0.5_f64.powf(gamma));
            }
            let (a, b) = (fixed(tag, 16)?, fixed(tag, 20)?);
            // Beyond where the curve is straight, which is below half for all that are in use.
            return Some((a * 0.5 + b).powf(gamma));
        }
        match number(tag, 8)? {
            0 => Some(0.5),
            1 => Some(0.5_f64.powf(f64::from(short(tag, 12)?) / 256.0)),
            count => Some(f64::from(short(tag, 12 + 2 * ((count - 1) / 2))?) / 65_535.0),
        }
    }
}

/// The text of a description: in ASCII as version 2 has it, or in the first language of version 4.
fn described(tag: &[u8]) -> Option<String> {
    if tag.get(..4)? == b"mluc" {
        let (size, from) = (number(tag, 20)?, number(tag, 24)?);
        let text = tag.get(from..from.checked_add(size)?)?;
        let units = text.chunks_exact(2).map(|unit| u16::from_be_bytes([unit[0], unit[1]]));
        return Some(char::decode_utf16(units).map_while(Result::ok).collect());
    }
    let text = tag.get(12..12_usize.checked_add(number(tag, 8)?)?)?;
    let ends = text.iter().position(|byte| *byte == 0).unwrap_or(text.len());
    Some(String::from_utf8_lossy(&text[..ends]).into_owned())
}

fn number(bytes: &[u8], at: usize) -> Option<usize> {
    let four: [u8; 4] = bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
    usize::try_from(u32::from_be_bytes(four)).ok()
}

fn fixed(bytes: &[u8], at: usize) -> Option<f64> {
    let four: [u8; 4] = bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
    Some(f64::from(i32::from_be_bytes(four)) / 65_536.0)
}

fn short(bytes: &[u8], at: usize) -> Option<u16> {
    let two: [u8; 2] = bytes.get(at..at.checked_add(2)?)?.try_into().ok()?;
    Some(u16::from_be_bytes(two))
}

/// What is to be said of those pictures in colour whose profile is not sRGB, if there are any.
pub(crate) fn note<P: AsRef<Path> + Sync>(paths: &[P]) -> Option<String> {
    let strange: Vec<(&Path, String)> = paths
        .par_iter()
        .filter_map(|path| {
            let bytes = form(path.as_ref())?.profile?;
            let profile = ColourProfile::new(&bytes);
            (!profile.is_srgb()).then(|| (path.as_ref(), profile.name()))
        })
        .collect();
    let (first, name) = strange.first()?;
    let others = match strange.len() - 1 {
        0 => String::new(),
        1 => " and another picture have a colour profile".into(),
        others => format!(" and {others} other pictures have a colour profile"),
    };
    let has = if others.is_empty() { " has a colour profile" } else { &others };
    Some(format!(
        "{}{has} that is not sRGB ({name}); pixels are taken as they are stored",
        first.display()
    ))
}

#[cfg(test)]
#[path = "../../tests/support/profiles.rs"]
mod profiles;

#[cfg(test)]
mod tests {
    use super::profiles::{WIDE, profile};
    use super::*;

    #[test]
    fn srgb_is_known_by_its_numbers() {
        let own = profile(PRIMARIES, 2.2, "c2");
        let own = ColourProfile::new(&own);
        assert!(own.is_srgb() && own.fits(3) && !own.fits(1));
        assert_eq!(own.name(), "c2");
        let linear = profile(PRIMARIES, 1.0, "linear");
        assert!(!ColourProfile::new(&linear).is_srgb());
        let mut other = PRIMARIES;
        other[0] = WIDE[0];
        assert!(!ColourProfile::new(&profile(other, 2.2, "Display P3")).is_srgb());
    }

    #[test]
    fn damaged_profiles_are_no_harm() {
        let whole = profile(PRIMARIES, 2.2, "name");
        for length in 0..whole.len() {
            let cut = ColourProfile::new(&whole[..length]);
            let _ = (cut.is_srgb(), cut.name(), cut.fits(1));
        }
        for at in 128..whole.len() {
            let mut odd = whole.clone();
            odd[at] = 255;
            let odd = ColourProfile::new(&odd);
            let _ = (odd.is_srgb(), odd.name());
        }
    }
}
