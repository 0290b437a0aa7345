//! Colour profiles (ICC), as tests make them.

/// The primaries of Display P3, which are not those of sRGB.
pub const WIDE: [[f64; 3]; 3] =
    [[0.5151, 0.2412, -0.0011], [0.2920, 0.6922, 0.0419], [0.1571, 0.0666, 0.7841]];

/// A profile of version 2 with these primaries, curves of one power, and a name.
pub fn profile(primaries: [[f64; 3]; 3], power: f64, name: &str) -> Vec<u8> {
    let mut tags: Vec<(&[u8; 4], Vec<u8>)> = vec![];
    let fixed = |number: f64| ((number * 65_536.0).round() as i32).to_be_bytes();
    for (tag, xyz) in [b"rXYZ", b"gXYZ", b"bXYZ"].into_iter().zip(primaries) {
        let numbers = xyz.into_iter().flat_map(fixed);
        tags.push((tag, b"XYZ \0\0\0\0".iter().copied().chain(numbers).collect()));
    }
    for tag in [b"rTRC", b"gTRC", b"bTRC"] {
        let power = ((power * 256.0).round() as u16).to_be_bytes();
        tags.push((tag, [&b"curv\0\0\0\0\0\0\0\x01"[..], &power].concat()));
    }
    let length = (name.len() as u32 + 1).to_be_bytes();
    tags.push((b"desc", [b"desc\0\0\0\0", &length[..], name.as_bytes(), b"\0"].concat()));
    let mut bytes = vec![0; 128];
    bytes[16..20].copy_from_slice(b"RGB ");
    bytes.extend((tags.len() as u32).to_be_bytes());
    let mut at = 132 + 12 * tags.len();
    for (name, tag) in &tags {
        bytes.extend_from_slice(*name);
        bytes.extend((at as u32).to_be_bytes());
        bytes.extend((tag.len() as u32).to_be_bytes());
        at += tag.len();
    }
    bytes.extend(tags.into_iter().flat_map(|(_, tag)| tag));
    bytes
}
