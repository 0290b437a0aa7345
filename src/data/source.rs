//! Where images come from, as the `--data` option names it.

use std::fmt;
use std::path::{Path, PathBuf, is_separator};
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
    /// `images:DIR`: every image in a folder and its sub-folders; or in an archive, `images:FILE.tar`, or in several,
    /// `images:DIR/*.tar`.
    Images(PathBuf),
    /// `pairs:NOISY,CLEAN`: every image in the folder `NOISY`, and what it should be made into: the one in
    /// `CLEAN` of its name.
    Pairs {
        /// What is given.
        noisy: PathBuf,
        /// What it should become.
        clean: PathBuf,
    },
    /// `npy:PATH`: vectors or images of numbers, in a file of NumPy's (`.npy`, `.npz`) or a folder of them.
    Numbers(PathBuf),
    /// `sprites` or `sprites:COUNT`: this many drawn squares, ellipses and hearts.
    Sprites(usize),
}

const CHOICES: &str = "digits, mnist, mnist:DIR, images:DIR, images:FILE.tar, pairs:NOISY,CLEAN, npy:FILE, npy:DIR, sprites or sprites:COUNT";

impl Source {
    /// Whether images are pictures of folders, whatever their size and colours.
    pub fn is_of_pictures(&self) -> bool {
        self.pictures().is_some()
    }

    /// The folder of the pictures that its images are; in pairs, that of those that are given.
    pub fn pictures(&self) -> Option<&Path> {
        match self {
            Self::Images(folder) | Self::Pairs { noisy: folder, .. } => Some(folder),
            Self::Digits | Self::Mnist(_) | Self::Numbers(_) | Self::Sprites(_) => None,
        }
    }
}

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
            ("pairs", folders) => {
                let (noisy, clean) = two_folders(folders.unwrap_or_default(), Path::is_dir)?;
                Ok(Self::Pairs { noisy, clean })
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

/// The two folders that a comma parts; of several commas, the one that has a folder on either side.
fn two_folders(text: &str, is_folder: impl Fn(&Path) -> bool) -> Result<(PathBuf, PathBuf)> {
    let at = |(place, comma): (usize, &str)| (&text[..place], &text[place + comma.len()..]);
    let ways = text.match_indices(',').map(at);
    let ways = ways.filter(|(noisy, clean)| !noisy.is_empty() && !clean.is_empty());
    let both = |(noisy, clean)| Ok((at_home(noisy)?, at_home(clean)?));
    let ways = ways.map(both).collect::<Result<Vec<_>>>()?;
    let of_folders = ways.iter().filter(|(noisy, clean)| is_folder(noisy) && is_folder(clean));
    let of_folders: Vec<&(PathBuf, PathBuf)> = of_folders.collect();
    let refuse = |what: &str| {
        let what = format!(
            "`pairs:{text}` {what}; write pairs:NOISY,CLEAN, the folder of the pictures that are given and \
             that of what they should become"
        );
        Err(Error::option("--data", what))
    };
    match (&ways[..], &of_folders[..]) {
        ([], _) => refuse("lacks a folder"),
        ([way], _) => Ok(way.clone()),
        (_, []) => refuse("has no comma with a folder on either side that is there"),
        (_, [way]) => Ok((*way).clone()),
        _ => refuse("has several commas with folders on either side, one of which must be renamed"),
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
            Self::Pairs { noisy, clean } => {
                write!(f, "pairs:{},{}", noisy.display(), clean.display())
            }
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
            "pairs:a/b,c",
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
    fn of_several_commas_one_parts_two_folders() {
        let place = tempfile::tempdir().expect("a temporary folder");
        let top = place.path();
        for name in ["a,b", "c", "b,c"] {
            std::fs::create_dir(top.join(name)).expect("the folder is ours");
        }
        let text = |rest: &str| format!("pairs:{}/{rest}", top.display());
        let folders = format!("a,b,{}", top.join("c").display());
        let source: Source = text(&folders).parse().expect("one comma has folders beside it");
        assert_eq!(source.to_string(), text(&folders));
        assert_eq!(source, Source::Pairs { noisy: top.join("a,b"), clean: top.join("c") });
        let said = two_folders("a,b,c", |_| true).expect_err("both commas").to_string();
        assert!(said.contains("several commas"), "{said}");
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
            ("pairs:~/a,~/b", Source::Pairs { noisy: home.join("a"), clean: home.join("b") }),
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
            ("pairs", "pairs:NOISY,CLEAN"),
            ("pairs:", "lacks a folder"),
            ("pairs:a", "lacks a folder"),
            ("pairs:a,", "lacks a folder"),
            ("pairs:,b", "lacks a folder"),
            ("pairs:a,b,c", "no comma with a folder on either side"),
            ("sprites:many", "`many` is not a number"),
            ("sprites:-1", "`-1` is not a number"),
        ] {
            let error = text.parse::<Source>().expect_err(text).to_string();
            assert!(error.starts_with("--data: ") && error.contains(expected), "{error}");
        }
    }
}
