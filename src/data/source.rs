//! Where images come from, as the `--data` option names it.

use std::fmt;
use std::path::{PathBuf, is_separator};
use std::str::FromStr;

use super::sprites;
use crate::error::{Error, Result};

/// Where images come from. Parsed from the value of `--data`, and printed the same way.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Source {
    /// `digits`: 1797 handwritten digits of 8x8, built into the program.
    #[default]
    Digits,
    /// `mnist`: the 70000 digits of MNIST, downloaded once; `mnist:DIR`: from the files in `DIR`.
    Mnist(Option<PathBuf>),
    /// `images:DIR`: every image in a folder and its sub-folders.
    Images(PathBuf),
    /// `npy:PATH`: vectors or images of numbers, in a file of NumPy's (`.npy`, `.npz`) or a folder of them.
    Numbers(PathBuf),
    /// `sprites` or `sprites:COUNT`: this many drawn squares, ellipses and hearts.
    Sprites(usize),
}

const CHOICES: &str =
    "digits, mnist, mnist:DIR, images:DIR, npy:FILE, npy:DIR, sprites or sprites:COUNT";

impl FromStr for Source {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (kind, rest) = match text.split_once(':') {
            Some((kind, rest)) => (kind, Some(rest)),
            None => (text, None),
        };
        match (kind, rest) {
            ("digits", None) => Ok(Self::Digits),
            ("mnist", None) => Ok(Self::Mnist(None)),
            ("sprites", None) => Ok(Self::Sprites(sprites::DEFAULT_COUNT)),
            ("mnist" | "images" | "npy", Some("")) | ("images" | "npy", None) => {
                let what = format!("`{text}` lacks a folder; write {kind}:DIR");
                Err(Error::option("--data", what))
            }
            ("mnist", Some(folder)) => Ok(Self::Mnist(Some(at_home(folder)?))),
            ("npy", Some(path)) => Ok(Self::Numbers(at_home(path)?)),
            ("images", Some(folder)) => Ok(Self::Images(at_home(folder)?)),
            ("sprites", Some(count)) => match count.parse() {
                Ok(count) => Ok(Self::Sprites(count)),
                Err(_) => {
                    let what = format!("`{text}`: `{count}` is not a number of images");
                    Err(Error::option("--data", what))
                }
            },
            _ => {
                let what = format!("`{text}` is not a source of images; give {CHOICES}");
                Err(Error::option("--data", what))
            }
        }
    }
}

/// A folder below the user's own, where `~` stands for that: a shell does not say so behind a colon.
fn at_home(folder: &str) -> Result<PathBuf> {
    let Some(rest) = folder.strip_prefix('~').filter(|rest| is_path(rest)) else {
        return Ok(folder.into());
    };
    match dirs::home_dir() {
        Some(home) => Ok(home.join(rest.trim_start_matches(is_separator))),
        None => {
            let what = format!("`{folder}`: this user has no folder of their own; give all of it");
            Err(Error::option("--data", what))
        }
    }
}

/// Whether `~` is all, or a folder follows; `~name` is a name like any other.
fn is_path(rest: &str) -> bool {
    rest.is_empty() || rest.starts_with(is_separator)
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Digits => write!(f, "digits"),
            Self::Mnist(None) => write!(f, "mnist"),
            Self::Mnist(Some(folder)) => write!(f, "mnist:{}", folder.display()),
            Self::Images(folder) => write!(f, "images:{}", folder.display()),
            Self::Numbers(path) => write!(f, "npy:{}", path.display()),
            Self::Sprites(sprites::DEFAULT_COUNT) => write!(f, "sprites"),
            Self::Sprites(count) => write!(f, "sprites:{count}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_parsed_is_printed() {
        let texts = [
            "digits",
            "mnist",
            "mnist:a/b",
            "images:C:\\pictures",
            "npy:a.npz",
            "sprites",
            "sprites:7",
        ];
        for text in texts {
            let source: Source = text.parse().expect(text);
            assert_eq!(source.to_string(), text);
        }
        assert_eq!("sprites".parse::<Source>().expect("valid"), Source::Sprites(10_000));
    }

    #[test]
    fn a_tilde_is_the_home_folder() {
        let home = dirs::home_dir().expect("this user has one");
        for (text, expected) in [
            ("images:~/a/b", Source::Images(home.join("a/b"))),
            ("images:~", Source::Images(home.clone())),
            ("mnist:~/a", Source::Mnist(Some(home.join("a")))),
            ("images:~a/b", Source::Images("~a/b".into())),
            ("images:./~", Source::Images("./~".into())),
        ] {
            assert_eq!(text.parse::<Source>().expect(text), expected);
        }
    }

    #[test]
    fn wrong_text_lists_the_choices_or_what_is_missing() {
        for (text, expected) in [
            ("", CHOICES),
            ("cats", CHOICES),
            ("digits:3", CHOICES),
            ("images", "images:DIR"),
            ("images:", "images:DIR"),
            ("npy:", "npy:DIR"),
            ("mnist:", "mnist:DIR"),
            ("sprites:many", "`many` is not a number"),
            ("sprites:-1", "`-1` is not a number"),
        ] {
            let error = text.parse::<Source>().expect_err(text).to_string();
            assert!(error.starts_with("--data: ") && error.contains(expected), "{error}");
        }
    }
}
