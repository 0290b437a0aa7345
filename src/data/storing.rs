//! What is kept in memory of images, and where the rest is.

use std::convert::Infallible;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::error::{Error, Result};

/// What `--memory` is unless told otherwise.
const USUAL_MEMORY: u64 = 1 << 30;

/// Where the pixels of a folder's pictures go that are more than is to be kept in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Storing {
    /// `--cache`: the folder in which they are kept, decoded, or that there is none.
    pub cache: Cache,
    /// `--memory`: the most bytes of pixels that are kept in memory.
    pub memory: MemorySize,
}

impl Default for Storing {
    /// In the user's cache folder, beyond 1 GiB.
    fn default() -> Self {
        Self { cache: Cache::default(), memory: MemorySize(USUAL_MEMORY) }
    }
}

/// Where decoded pictures are kept. Parsed from the value of `--cache`, and printed the same way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Cache {
    /// In the user's cache folder.
    #[default]
    Usual,
    /// `DIR`: in this folder.
    Folder(PathBuf),
    /// `none`: nowhere; pictures are decoded whenever they are needed.
    Nowhere,
}

const NOWHERE: &str = "none";

impl FromStr for Cache {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text {
            NOWHERE => Self::Nowhere,
            folder => Self::Folder(folder.into()),
        })
    }
}

impl Cache {
    /// The folder, if there is one.
    ///
    /// # Errors
    /// When it is to be the user's, who has none.
    pub fn folder(&self) -> Result<Option<PathBuf>> {
        match self {
            Self::Nowhere => Ok(None),
            Self::Folder(folder) => Ok(Some(folder.clone())),
            Self::Usual => match dirs::cache_dir() {
                Some(folder) => Ok(Some(folder.join("diabolo").join("pixels"))),
                None => {
                    let what = "this user has no cache folder; set HOME (or XDG_CACHE_HOME), or give \
                                --cache DIR, or --cache none, which decodes pictures anew each time";
                    Err(Error::option("--cache", what))
                }
            },
        }
    }
}

/// A number of bytes, such as `512M` or `2G`. Parsed from the value of `--memory`, and printed the same
/// way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MemorySize(pub u64);

/// Letters of units, each 1024 times the one before.
const UNITS: [&str; 4] = ["K", "M", "G", "T"];

impl FromStr for MemorySize {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let end = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(end);
        let unit = unit.trim_start().to_uppercase();
        let letter = unit.trim_end_matches('B').trim_end_matches('I');
        let power = match letter {
            "" if unit.len() < 2 => Some(0),
            letter => UNITS.iter().position(|known| *known == letter).map(|place| place + 1),
        };
        let bytes =
            power.and_then(|power| number.parse::<u64>().ok()?.checked_mul(1 << (10 * power)));
        bytes.map(Self).ok_or_else(|| {
            let what = format!("`{text}` is no number of bytes, such as 512M or 2G");
            Error::option("--memory", what)
        })
    }
}

impl fmt::Display for MemorySize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = |power: &usize| self.0 != 0 && self.0.is_multiple_of(1 << (10 * power));
        let power = (0..=UNITS.len()).rev().find(whole).unwrap_or(0);
        let unit = power.checked_sub(1).map_or("", |place| UNITS[place]);
        write!(f, "{}{unit}", self.0 >> (10 * power))
    }
}

/// Bytes as a message has them.
pub(crate) fn in_words(bytes: u64) -> String {
    match bytes {
        bytes if bytes < 1 << 20 => format!("{:.1} KiB", bytes as f64 / 1024.0),
        bytes if bytes < 1 << 30 => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
        bytes => format!("{:.2} GiB", bytes as f64 / 1_073_741_824.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_their_units() {
        let cases = [
            ("0", 0, "0"),
            ("1500", 1500, "1500"),
            ("64M", 64 << 20, "64M"),
            ("1GiB", 1 << 30, "1G"),
            ("2 gb", 2 << 30, "2G"),
            ("1024k", 1 << 20, "1M"),
            ("7B", 7, "7"),
        ];
        for (text, bytes, printed) in cases {
            let size: MemorySize = text.parse().expect(text);
            assert_eq!((size.0, size.to_string().as_str()), (bytes, printed), "{text}");
        }
        for text in ["", "M", "-1", "1.5G", "1X", "1MM", "1iB", "99999999999T", "1G B"] {
            let said = text.parse::<MemorySize>().expect_err(text).to_string();
            assert!(said.starts_with("--memory: "), "{said}");
        }
    }

    #[test]
    fn none_is_no_folder() {
        let folder = |text: &str| {
            let cache: Cache = text.parse().expect("any text is one");
            cache.folder().expect("a folder or none")
        };
        assert_eq!(folder("none"), None);
        assert_eq!(folder("./none"), Some("./none".into()));
    }
}
