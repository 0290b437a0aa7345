//! Whether a JPEG is whole, and of a kind that is read.
//!
//! The decoder fills what is missing of a file with gray and says nothing, so the file is followed
//! from marker to marker here, up to the one that ends the picture (ITU-T T.81, annex B). What comes
//! behind that one is not the picture's: another picture, a video, or what some camera adds.
//!
//! From the first scan on, markers have their places: damage in the middle of a file makes some that have none,
//! at which the decoder would leave the rest of the picture gray. Damage that makes no marker goes unnoticed, as
//! the data have no checksum.

/// Why a file is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    /// It is damaged; in words.
    Damaged(String),
    /// It is whole, for all that is known, but of this kind, which is not read.
    Unread(String),
}

const START: u8 = 0xd8;
const END: u8 = 0xd9;
const SCAN: u8 = 0xda;
/// The first of eight markers that divide a scan, in turn.
const RESTART: u8 = 0xd0;
/// How often they do.
const RESTART_INTERVAL: u8 = 0xdd;
/// Frames of JPEG-LS begin with a marker of their own.
const FRAME_OF_JPEG_LS: u8 = 0xf7;

/// Refuses files that end too early, and kinds of JPEG that are not read.
pub(super) fn check(bytes: &[u8]) -> Result<(), Flaw> {
    if !bytes.starts_with(&[0xff, START]) {
        return Err(Flaw::Damaged("it is no JPEG, nor in another format that is read".into()));
    }
    let mut place = 2;
    let (mut has_frame, mut has_scan, mut has_restarts) = (false, false, false);
    while let Some(marker) = next_marker(bytes, &mut place) {
        match marker {
            _ if has_scan && !may_follow_a_scan(marker) => return Err(broken()),
            END if has_scan => return Ok(()),
            END => return Err(Flaw::Damaged("it holds no picture".into())),
            // These stand alone.
            0x01 | RESTART..=START => continue,
            _ => {}
        }
        let segment = segment(bytes, &mut place)?;
        match marker {
            0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf | FRAME_OF_JPEG_LS => {
                check_frame(marker, segment)?;
                has_frame = true;
            }
            SCAN if !has_frame => return Err(Flaw::Damaged("its size is missing".into())),
            SCAN => {
                has_scan = true;
                // A count of components, two bytes for each, and three more.
                if segment.first().is_none_or(|count| segment.len() != 4 + 2 * usize::from(*count))
                {
                    return Err(broken());
                }
                skip_scan(bytes, &mut place, has_restarts)?;
                continue;
            }
            RESTART_INTERVAL => has_restarts = segment.iter().any(|byte| *byte != 0),
            _ => {}
        }
        if has_scan && bytes.get(place).is_some_and(|byte| *byte != 0xff) {
            return Err(broken());
        }
    }
    Err(cut_off())
}

fn cut_off() -> Flaw {
    Flaw::Damaged("the JPEG ends before its picture does: the file is cut off".into())
}

fn broken() -> Flaw {
    Flaw::Damaged("the JPEG is broken in the middle of its picture".into())
}

/// Whether a marker may stand behind a scan: those of tables, of remarks, of another scan, and of the end.
fn may_follow_a_scan(marker: u8) -> bool {
    matches!(marker, 0xc4 | 0xcc | END..=RESTART_INTERVAL | 0xe0..=0xef | 0xfe)
}

/// The next marker; `place` then stands behind it. Bytes in between are passed over, as the decoder
/// does.
fn next_marker(bytes: &[u8], place: &mut usize) -> Option<u8> {
    let marker = bytes.get(*place..)?.windows(2).position(is_marker)?;
    *place += marker + 2;
    bytes.get(*place - 1).copied()
}

/// Any number of 0xff may stand before a marker, and 0xff 0x00 is none.
fn is_marker(pair: &[u8]) -> bool {
    pair[0] == 0xff && !matches!(pair[1], 0x00 | 0xff)
}

/// The bytes of a segment, which begins with its length; `place` then stands behind it.
fn segment<'a>(bytes: &'a [u8], place: &mut usize) -> Result<&'a [u8], Flaw> {
    let rest = bytes.get(*place..).unwrap_or_default();
    let Some((length, _)) = rest.split_first_chunk::<2>() else { return Err(cut_off()) };
    let length = usize::from(u16::from_be_bytes(*length));
    let within = rest.get(2..length.max(2)).ok_or_else(cut_off)?;
    *place += length.max(2);
    Ok(within)
}

/// Passes over the data of a scan, in which markers of restarts may stand, in their order.
fn skip_scan(bytes: &[u8], place: &mut usize, has_restarts: bool) -> Result<(), Flaw> {
    let mut count = 0;
    while let Some(marker) = next_marker(bytes, place) {
        match marker {
            RESTART..START if !has_restarts || marker != RESTART + count % 8 => {
                return Err(broken());
            }
            RESTART..START => count = (count + 1) % 8,
            _ => {
                *place -= 2;
                return Ok(());
            }
        }
    }
    *place = bytes.len();
    Ok(())
}

/// Refuses kinds of JPEG that are not read.
fn check_frame(marker: u8, segment: &[u8]) -> Result<(), Flaw> {
    let coding = if marker > 0xc8 { "an arithmetic-coded" } else { "a" };
    let kind = match marker {
        0xc0..=0xc2 => match segment.first() {
            Some(8) => return Ok(()),
            Some(bits) => format!("a JPEG of {bits} bits a channel"),
            None => return Err(cut_off()),
        },
        FRAME_OF_JPEG_LS => "a JPEG-LS file".into(),
        0xc9 | 0xca => format!("{coding} JPEG"),
        0xc3 | 0xcb => format!("{coding} lossless JPEG"),
        _ => format!("{coding} hierarchical JPEG"),
    };
    Err(Flaw::Unread(kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment_of(marker: u8, content: &[u8]) -> Vec<u8> {
        let length = (content.len() as u16 + 2).to_be_bytes();
        [&[0xff, marker][..], &length, content].concat()
    }

    /// A file with a frame of this kind and two scans, the first with a restart.
    fn file(frame: u8) -> Vec<u8> {
        // A thumbnail that is whole itself, and must not be taken for the end.
        let thumbnail = segment_of(0xe1, &[0xff, START, 0xff, SCAN, 0, 2, 7, 0xff, END]);
        [
            &[0xff, START][..],
            &thumbnail,
            &[0xff, 0xff],
            &segment_of(frame, &[8, 0, 1, 0, 1, 1, 1, 0x11, 0]),
            &segment_of(RESTART_INTERVAL, &[0, 2]),
            &segment_of(SCAN, &[1, 1, 0, 0, 63, 0]),
            &[1, 2, 0xff, 0, 3, 0xff, 0xd0, 4],
            &segment_of(0xc4, &[0]),
            &segment_of(SCAN, &[1, 1, 0, 0, 63, 0]),
            &[5, 6],
            &[0xff, END],
        ]
        .concat()
    }

    #[test]
    fn a_file_is_whole_up_to_its_end_marker_and_no_further() {
        let whole = file(0xc0);
        assert_eq!(check(&whole), Ok(()));
        assert_eq!(check(&[&whole[..], b"trailing", &whole[..20]].concat()), Ok(()));
        for length in 0..whole.len() {
            assert!(matches!(check(&whole[..length]), Err(Flaw::Damaged(_))), "{length} bytes");
        }
    }

    /// Every kind of damage that makes a marker where it has no place.
    #[test]
    fn a_broken_middle_is_noticed() {
        let whole = file(0xc0);
        let scan = whole.windows(8).position(|bytes| bytes == [1, 2, 0xff, 0, 3, 0xff, 0xd0, 4]);
        let scan = scan.expect("the data of the first scan");
        let broken = |what: &str, change: &dyn Fn(&mut Vec<u8>)| {
            let mut bytes = whole.clone();
            change(&mut bytes);
            assert_eq!(check(&bytes), Err(broken()), "{what}");
        };
        broken("a marker that there is not", &|bytes| bytes[scan + 3] = 0x02);
        broken("a frame", &|bytes| bytes[scan + 3] = 0xc0);
        broken("the start of a picture", &|bytes| bytes[scan + 3] = START);
        broken("a restart out of turn", &|bytes| bytes[scan + 3] = 0xd3);
        broken("a restart less", &|bytes| drop(bytes.splice(scan + 5..scan + 7, [0xff, 0xd1])));
        broken("a remark whose length says nothing", &|bytes| {
            bytes.splice(scan + 3..scan + 4, [0xfe, 0, 3, 9, 9]);
        });
        broken("a scan without a head", &|bytes| {
            bytes.splice(scan + 3..scan + 4, [SCAN, 0, 4, 9, 9]);
        });
        let none = whole.windows(6).position(|bytes| bytes == [0xff, RESTART_INTERVAL, 0, 4, 0, 2]);
        let none = none.expect("the interval") + 5;
        broken("restarts that were not announced", &|bytes| bytes[none] = 0);
    }

    #[test]
    fn kinds_that_are_not_read_have_names() {
        for (marker, words) in [
            (0xc9, "an arithmetic-coded JPEG"),
            (0xc3, "a lossless JPEG"),
            (0xcb, "an arithmetic-coded lossless JPEG"),
            (0xc5, "a hierarchical JPEG"),
            (0xcd, "an arithmetic-coded hierarchical JPEG"),
            (0xf7, "a JPEG-LS file"),
        ] {
            assert_eq!(check(&file(marker)), Err(Flaw::Unread(words.into())));
        }
        let mut deep = file(0xc1);
        let frame = deep.windows(2).position(|pair| pair == [0xff, 0xc1]).expect("there");
        deep[frame + 4] = 12;
        assert_eq!(check(&deep), Err(Flaw::Unread("a JPEG of 12 bits a channel".into())));
    }
}
