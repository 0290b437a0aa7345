//! What the arrays of an archive are, by their names.

/// Which samples an array is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Half {
    /// Of all of them.
    All,
    /// Of those that are trained on.
    Train,
    /// Of those that are held out.
    Test,
    /// Of others, which are used neither for training nor for the last measure.
    Validation,
}

/// What an array holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Role {
    /// The samples.
    Samples,
    /// Their labels.
    Labels,
}

const HALVES: [(Half, &[&str]); 3] = [
    (Half::Train, &["train", "training"]),
    (Half::Test, &["test", "testing"]),
    (Half::Validation, &["val", "valid", "validation"]),
];
const LABELS: [&str; 7] = ["y", "label", "labels", "target", "targets", "class", "classes"];
const SAMPLES: [&str; 10] =
    ["x", "data", "dataset", "image", "images", "imgs", "features", "samples", "inputs", "vectors"];

/// What an array of this name is, if the name says so: `x_train`, `test_images`, `labels`; or, as
/// `numpy.savez` names what it is given without names, `arr_0` and `arr_1`.
pub(super) fn of_name(name: &str) -> Option<(Half, Role)> {
    let name = name.to_lowercase();
    match &*name {
        "arr_0" => return Some((Half::All, Role::Samples)),
        "arr_1" => return Some((Half::All, Role::Labels)),
        _ => {}
    }
    let words: Vec<&str> = name.split(|letter: char| !letter.is_alphanumeric()).collect();
    let has = |known: &[&str]| words.iter().any(|word| known.contains(word));
    let half = HALVES.iter().find(|(_, known)| has(known)).map(|(half, _)| *half);
    match (has(&LABELS), has(&SAMPLES), half) {
        (true, _, half) => Some((half.unwrap_or(Half::All), Role::Labels)),
        (_, true, half) => Some((half.unwrap_or(Half::All), Role::Samples)),
        (_, _, Some(half)) => Some((half, Role::Samples)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_arrays_are() {
        for (name, expected) in [
            ("x_train", Some((Half::Train, Role::Samples))),
            ("y_train", Some((Half::Train, Role::Labels))),
            ("test_images", Some((Half::Test, Role::Samples))),
            ("val_labels", Some((Half::Validation, Role::Labels))),
            ("X", Some((Half::All, Role::Samples))),
            ("target", Some((Half::All, Role::Labels))),
            ("train-labels", Some((Half::Train, Role::Labels))),
            ("test", Some((Half::Test, Role::Samples))),
            ("arr_0", Some((Half::All, Role::Samples))),
            ("arr_1", Some((Half::All, Role::Labels))),
            ("feature_names", None),
            ("latest", None),
        ] {
            assert_eq!(of_name(name), expected, "{name}");
        }
    }
}
