//! How many units GPUs have that do workgroups of their own, by their names: what their makers publish, since no API
//! tells. Products are cut into as many parts as keep them busy.

/// Words of a name, all of which are in it, and its units: streaming multiprocessors, compute units, Xe cores. Names
/// that others begin with come after those.
const UNITS: [(&str, usize); 62] = [
    ("b200", 148),
    ("gh200", 132),
    ("h200", 132),
    ("h100 pcie", 114),
    ("h100", 132),
    ("a100", 108),
    ("a40", 84),
    ("a30", 56),
    ("a10", 72),
    ("v100", 80),
    ("l40", 142),
    ("l4", 58),
    ("t4", 40),
    ("rtx pro 6000", 188),
    ("rtx 6000 ada", 142),
    ("5090 laptop", 82),
    ("5090", 170),
    ("5080", 84),
    ("5070 ti", 70),
    ("5070", 48),
    ("5060", 30),
    ("4090 laptop", 76),
    ("4090", 128),
    ("4080 laptop", 58),
    ("4080", 76),
    ("4070 laptop", 36),
    ("4070 ti", 60),
    ("4070", 46),
    ("4060 ti", 34),
    ("4060", 24),
    ("4050", 20),
    ("3090", 82),
    ("3080 laptop", 48),
    ("3080", 68),
    ("3070 laptop", 40),
    ("3070", 46),
    ("3060 ti", 38),
    ("3060", 28),
    ("3050", 20),
    ("2080 ti", 68),
    ("2080", 46),
    ("2070", 36),
    ("2060", 30),
    ("1660", 22),
    ("1650", 14),
    ("mi300x", 304),
    ("mi210", 104),
    ("7900 xtx", 96),
    ("7900", 84),
    ("7800 xt", 60),
    ("7700 xt", 54),
    ("7600", 32),
    ("9070 xt", 64),
    ("9070", 56),
    ("6900 xt", 80),
    ("6800 xt", 72),
    ("6800", 60),
    ("6700 xt", 40),
    ("6600", 28),
    ("a770", 32),
    ("a380", 8),
    ("b580", 20),
];

/// The units of the GPU of this name, in small letters; none where it is not known.
pub(super) fn published(name: &str) -> Option<usize> {
    let has = |word: &str| name.split(|it: char| !it.is_ascii_alphanumeric()).any(|it| it == word);
    let known = UNITS.iter().find(|(words, _)| words.split(' ').all(has));
    known.map(|(_, units)| *units)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_by_whole_words() {
        for (name, units) in [
            ("nvidia h200", Some(132)),
            ("nvidia h100 80gb hbm3", Some(132)),
            ("nvidia h100 pcie", Some(114)),
            ("nvidia geforce rtx 4090", Some(128)),
            ("nvidia geforce rtx 4090 laptop gpu", Some(76)),
            ("nvidia geforce rtx 3060 ti", Some(38)),
            ("nvidia a100-sxm4-40gb", Some(108)),
            ("amd radeon rx 7900 xtx (radv navi31)", Some(96)),
            ("intel(r) arc(tm) a770 graphics", Some(32)),
            ("nvidia geforce gt 1030", None),
            ("", None),
        ] {
            assert_eq!(published(name), units, "{name}");
        }
    }

    #[test]
    fn no_name_hides_one_behind_it() {
        for (number, (words, _)) in UNITS.iter().enumerate() {
            let found = UNITS.iter().position(|(known, _)| words.contains(known));
            assert_eq!(found, Some(number), "{words}");
        }
    }
}
