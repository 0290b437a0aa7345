//! A single picture, alone in its folder or named by itself, of which parts are trained on and others are held out.

use std::path::Path;

use super::dataset::{ImageFile, Images};
use super::decoding::decode_only;
use super::load_options::LoadOptions;
use super::partition::Member;
use super::parts::cut_at_scales;
use super::patches::crop;
use super::picture::Picture;
use crate::error::{Error, Result};
use crate::shape::ImageShape;

/// The share of the picture that is held out unless told otherwise.
const HELD_OUT: f64 = 0.1;

/// Parts of the picture at `file`, to train on and held out. They do not overlap: the held-out ones are
/// cut from a strip at the right, or at the bottom of a picture that is higher than wide.
///
/// # Errors
/// When parts are not asked for, or there is no room for both kinds.
pub(super) fn load(
    folder: &Path,
    only: &Member,
    options: &LoadOptions,
) -> Result<(ImageShape, Images, Images)> {
    let file = &*only.path;
    let Some(size) = options.patches else {
        let holds = if folder.is_dir() { "holds" } else { "is" };
        let what = format!(
            "{holds} a single image; at least 2 are needed, as one is held out, or --patches WxH, which \
             holds out a part of it; or --hold-out 0, which holds out nothing"
        );
        return Err(Error::file(folder, what));
    };
    let picture = decode_only(folder, only, options)?;
    let Some((train, test)) = halves(&picture, size, options.hold_out.unwrap_or(HELD_OUT)) else {
        let (ImageShape { width, height, .. }, (part_width, part_height)) = (picture.shape, size);
        let what = format!(
            "is {width}x{height}, too small for a part to train on and one that is held out; give \
             smaller ones than --patches {part_width}x{part_height}, or more pictures"
        );
        return Err(Error::file(file, what));
    };
    let parts = |picture: &Picture, number| {
        cut_at_scales(picture, size, file, options, number).map_err(|fault| fault.error())
    };
    let images = |parts: Vec<Picture>| images(&parts, only);
    let mut train = images(parts(&train, 0)?);
    if let Some(limit) = options.limit {
        train = train.take(limit);
    }
    let (width, height) = size;
    let shape = ImageShape { height, width, ..picture.shape };
    Ok((shape, train, images(parts(&test, 1)?)))
}

fn images(parts: &[Picture], from: &Member) -> Images {
    let pixels = parts.iter().flat_map(|part| part.pixels.iter().copied()).collect();
    let files = vec![ImageFile { images: parts.len(), ..from.file.clone() }];
    Images { pixels, labels: None, count: parts.len(), files, stored: None }
}

/// The picture without a strip at one side, and that strip: about the `share` of it, and wide enough for
/// a part of this size. None if the rest is not.
fn halves(picture: &Picture, size: (usize, usize), share: f64) -> Option<(Picture, Picture)> {
    let whole = picture.shape;
    let is_wide = whole.width >= whole.height;
    // Along the way on which the strip lies beside the rest.
    let (length, least) = if is_wide { (whole.width, size.0) } else { (whole.height, size.1) };
    let most = length.checked_sub(least)?;
    let strip = ((length as f64 * share).round() as usize).clamp(least.min(most), most);
    if strip < least || size.0 > whole.width || size.1 > whole.height {
        return None;
    }
    let rest = length - strip;
    let part = |length: usize, start: usize| match is_wide {
        true => crop(picture, ImageShape { width: length, ..whole }, (0, start)),
        false => crop(picture, ImageShape { height: length, ..whole }, (start, 0)),
    };
    Some((part(rest, 0), part(strip, rest)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::picture::Origin;

    fn picture(width: usize, height: usize) -> Picture {
        let shape = ImageShape { channels: 1, height, width };
        let pixels = (0..shape.elements()).map(|at| at as u8).collect();
        Picture { shape, pixels, origin: Origin::default() }
    }

    #[test]
    fn the_strip_and_the_rest_are_all_of_the_picture_and_have_room() {
        for (width, height) in [(60, 40), (40, 60), (16, 8), (8, 16), (500, 8)] {
            for share in [0.01, 0.1, 0.5, 0.99] {
                let whole = picture(width, height);
                let (rest, strip) = halves(&whole, (8, 8), share).expect("room for both");
                let area = |picture: &Picture| picture.shape.elements();
                assert_eq!(area(&rest) + area(&strip), width * height);
                for part in [&rest, &strip] {
                    assert!(part.shape.width >= 8 && part.shape.height >= 8);
                }
                assert_eq!(strip.pixels.last(), whole.pixels.last());
                assert_eq!(rest.pixels.first(), whole.pixels.first());
            }
        }
        for (width, height) in [(15, 8), (8, 15), (15, 15), (100, 7), (7, 7)] {
            assert!(halves(&picture(width, height), (8, 8), 0.1).is_none(), "{width}x{height}");
        }
    }
}
