//! The page itself. What comes from the run is escaped, or stands in base64.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use maud::{DOCTYPE, PreEscaped, html};

use super::modules::script;
use crate::error::{Error, Result};

const STYLE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/web/style.css"));
const BODY: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/web/body.html"));

/// What the page may load: what it is made of, and pictures and the camera of the visitor. It can send nothing.
const POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; \
                      img-src blob: data:; media-src blob: mediastream:";

/// The page of a model by this name.
pub(super) fn page(name: &str, contents: &[u8], block: &[u8]) -> Result<String> {
    let (contents, block) = (packed(contents)?, packed(block)?);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (name) " - Diabolo" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                (PreEscaped(BODY))
                noscript { p { "This page computes in the browser, and needs JavaScript for it." } }
                script type="application/gzip;base64" id="contents" { (PreEscaped(contents)) }
                script type="application/gzip;base64" id="block" { (PreEscaped(block)) }
                script type="module" { (PreEscaped(script())) }
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
