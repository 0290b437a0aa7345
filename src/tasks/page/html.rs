//! Pages: what comes from a run is escaped, or stands in base64.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use maud::{DOCTYPE, PreEscaped, html};

use super::modules::{Module, script};
use crate::error::{Error, Result};

const STYLE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/web/style.css"));

/// What a page may load: what it is made of, and pictures and the camera of the visitor. It can send nothing.
const POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; \
                      img-src blob: data:; media-src blob: mediastream:";

/// What a page is made of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Page<'a> {
    /// Its title.
    pub title: &'a str,
    /// What stands in it, as HTML of this crate.
    pub body: &'a str,
    /// Its script, each module after those that it imports.
    pub modules: &'a [Module],
    /// What the script reads, as JSON.
    pub contents: &'a [u8],
    /// The bytes that the JSON speaks of.
    pub block: &'a [u8],
}

/// One file of HTML that asks for nothing from anywhere.
///
/// # Errors
/// When there is no memory to pack what it holds.
pub(crate) fn page(page: &Page) -> Result<String> {
    let (contents, block) = (packed(page.contents)?, packed(page.block)?);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (page.title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                (PreEscaped(page.body))
                noscript { p { "This page computes in the browser, and needs JavaScript for it." } }
                script type="application/gzip;base64" id="contents" { (PreEscaped(contents)) }
                script type="application/gzip;base64" id="block" { (PreEscaped(block)) }
                script type="module" { (PreEscaped(script(page.modules))) }
            }
        }
    };
    Ok(page.into_string())
}

/// Bytes as gzip in base64.
fn packed(bytes: &[u8]) -> Result<String> {
    let mut encoder = GzEncoder::new(vec![], Compression::best());
    let packed = encoder.write_all(bytes).and_then(|()| encoder.finish());
    let packed =
        packed.map_err(|error| Error::Memory(format!("the page cannot be packed: {error}")))?;
    Ok(STANDARD.encode(packed))
}
