//! Downloads that arrive whole or not at all: from the first mirror that works, checked by MD5,
//! written under another name and renamed when complete.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::time::Duration;

use flate2::bufread::MultiGzDecoder;
use md5::{Digest, Md5};

use super::bar::progress_bar;
use crate::error::{Error, Result};

/// The most bytes a server may send for one file; MNIST's largest has 10 million.
const MAX_RESPONSE: u64 = 64 << 20;

/// The most bytes one file may unpack to; MNIST's largest has 47 million.
const MAX_UNPACKED: u64 = 256 << 20;

const TEMPLATE: &str = "{msg} [{bar:30}] {bytes} of {total_bytes}, {eta} left";

/// A gzipped file to download.
pub(super) struct Download {
    /// Its name, at the server and here.
    pub name: &'static str,
    /// The MD5 of what it unpacks to (mirrors may have packed it differently), in hexadecimal.
    pub md5: &'static str,
}

/// Where to download from, and how.
pub(super) struct Mirrors<'a> {
    /// Addresses of folders, each ending in a slash, in the order in which they are tried.
    pub urls: &'a [String],
    /// How long a server may take to accept, or to send anything at all.
    pub patience: Duration,
    /// Show a progress bar.
    pub progress: bool,
    /// What a user can do when no mirror works.
    pub otherwise: &'static str,
}

impl Mirrors<'_> {
    /// Downloads `file` into `folder`. On an error nothing is left there.
    ///
    /// # Errors
    /// When no mirror delivers the right bytes, with the reason for each; when `folder` cannot be
    /// written to.
    pub fn fetch(&self, file: &Download, folder: &Path) -> Result<()> {
        let mut failures = Vec::new();
        for base in self.urls {
            let url = format!("{base}{}", file.name);
            match self.get(&url, file) {
                Ok(bytes) => return store(&bytes, folder, file.name),
                Err(reason) => failures.push((url, reason)),
            }
        }
        let (url, mut what) =
            failures.pop().unwrap_or_else(|| (file.name.to_owned(), "no server is known".into()));
        for (url, reason) in failures {
            what.push_str(&format!("; before that, {url}: {reason}"));
        }
        Err(Error::Download { url, what: format!("{what}; {}", self.otherwise) })
    }

    /// The bytes at `url`, if they are the right ones, or else the reason in words.
    fn get(&self, url: &str, file: &Download) -> std::result::Result<Vec<u8>, String> {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .timeout_resolve(Some(self.patience))
            .timeout_connect(Some(self.patience))
            .timeout_recv_response(Some(self.patience))
            .timeout_per_read(Some(self.patience))
            // The file is gzipped already: a second layer would only be taken off again.
            .accept_encoding("identity")
            .build()
            .into();
        let mut response = agent.get(url).call().map_err(|error| error.to_string())?;
        let length = response.body().content_length();
        if length.is_some_and(|length| length > MAX_RESPONSE) {
            return Err(format!("the server offers more than {MAX_RESPONSE} bytes"));
        }
        let bar = progress_bar(length.unwrap_or(0), self.progress, TEMPLATE)
            .with_message(file.name.to_owned());
        let mut bytes = Vec::new();
        let mut body = bar.wrap_read(response.body_mut().as_reader()).take(MAX_RESPONSE + 1);
        let read = body.read_to_end(&mut bytes);
        bar.finish_and_clear();
        read.map_err(|error| format!("the transfer broke off ({error})"))?;
        if bytes.len() as u64 > MAX_RESPONSE {
            return Err(format!("the server sent more than {MAX_RESPONSE} bytes"));
        }
        let found = unpacked_md5(&bytes).map_err(|error| format!("not a whole gzip ({error})"))?;
        if found != file.md5 {
            return Err(format!("wrong contents (MD5 {found}, expected {})", file.md5));
        }
        Ok(bytes)
    }
}

/// The MD5 of what `gzip` unpacks to, in hexadecimal.
fn unpacked_md5(gzip: &[u8]) -> io::Result<String> {
    let mut unpacked = MultiGzDecoder::new(gzip).take(MAX_UNPACKED + 1);
    let mut digest = Md5::new();
    let mut total = 0;
    let mut chunk = [0; 1 << 14];
    loop {
        let length = match unpacked.read(&mut chunk)? {
            0 => break,
            length => length,
        };
        total += length as u64;
        digest.update(&chunk[..length]);
    }
    if total > MAX_UNPACKED {
        return Err(io::Error::other(format!("unpacks to more than {MAX_UNPACKED} bytes")));
    }
    Ok(digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Writes a file so that its name never stands for half of it, even if the machine stops.
fn store(bytes: &[u8], folder: &Path, name: &str) -> Result<()> {
    let path = folder.join(name);
    let written = || -> io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(&path)?;
        if cfg!(unix) {
            // The new name is in the folder, which has to reach the disk as well.
            File::open(folder)?.sync_all()?;
        }
        Ok(())
    };
    written().map_err(|error| Error::file(&path, format!("cannot be written: {error}")))
}

#[cfg(test)]
mod tests;
