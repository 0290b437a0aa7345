//! `diabolo cache`: what is in the cache of decoded pictures.

use std::path::Path;

use crate::data::{Cache, CacheEntry, Cleared, cache_entries, clear_cache};
use crate::error::{Error, Result, counted};
use crate::graph::Bytes;
use crate::run::say;

/// The options of `diabolo cache`.
#[derive(Clone, Debug, clap::Args)]
pub struct CacheArgs {
    /// List what it holds: images, their size, the bytes they take, and where the pictures were
    #[arg(long, required_unless_present = "clear")]
    list: bool,
    /// Remove all that no other process is using
    #[arg(long)]
    clear: bool,
    /// The folder [default: the user's cache folder]
    #[arg(long, value_name = "DIR")]
    cache: Option<Cache>,
}

/// Lists what the cache holds, or removes it, as `args` say.
///
/// # Errors
/// When there is no such folder, or a file cannot be removed.
pub fn cache(args: &CacheArgs) -> Result<()> {
    let none = || Error::option("--cache", "takes a folder; there is nothing to see of `none`");
    let cache = args.cache.clone().unwrap_or_default();
    let folder = cache.folder()?.ok_or_else(none)?;
    if args.cache.is_some() && !folder.is_dir() {
        return Err(Error::file(folder, "there is no such folder; give that of --cache"));
    }
    if args.list {
        list(&folder);
    }
    if args.clear {
        let Cleared { removed, bytes, in_use } = clear_cache(&folder)?;
        say(format_args!("{} removed, {}", counted(removed, "file"), Bytes(bytes)));
        if in_use > 0 {
            say(format_args!("{} in use by another process, which stay", counted(in_use, "file")));
        }
    }
    Ok(())
}

fn list(folder: &Path) {
    let entries = cache_entries(folder);
    for CacheEntry { path, bytes, source, images, shape } in &entries {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        say(format_args!(
            "{name}  {}, {} of {shape}, from {source}",
            Bytes(*bytes),
            counted(*images, "image")
        ));
    }
    let bytes = entries.iter().map(|entry| entry.bytes).sum();
    let count = counted(entries.len(), "file");
    say(format_args!("{}: {count}, {}", folder.display(), Bytes(bytes)));
}
