//! The WGSL text of a kernel, put together: a file says what it needs of others in a line of its head,
//!
//! ```text
//! // needs: tile, sums_8x8
//! ```
//!
//! and gets these parts, and what they need in turn, before its own text, each once.

use std::collections::BTreeSet;

/// A part of kernels: its name, and its text.
pub(super) type Part = (&'static str, &'static str);

/// The part that another one takes the place of, and that one: `(old, new)`.
pub(super) type Replacement = (&'static str, &'static str);

/// The [`Part`]s of files in `shaders/`, by their paths there; a part's name is that of its file.
macro_rules! parts {
    ($($path:literal),* $(,)?) => {
        &[$((
            $crate::ops::needs::file_name($path),
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders/", $path, ".wgsl")),
        )),*]
    };
}

/// Every part there is. Those of `shared/` are for all; those of `matrices/` take their place in kernels for matrix
/// units, and those of `software/` on some adapters, see [`software`](super::software).
const PARTS: &[Part] = parts![
    "matrices/f16_by_16",
    "matrices/f16_by_8",
    "matrices/f32_by_8",
    "matrices/sums_2x2_matrices",
    "matrices/sums_4x4_matrices",
    "matrices/tile_of_matrices",
    "shared/activation",
    "shared/adam",
    "shared/apart",
    "shared/binary",
    "shared/corruption",
    "shared/epilogue",
    "shared/gathered",
    "shared/gaussian",
    "shared/geometry",
    "shared/line",
    "shared/linear",
    "shared/lines",
    "shared/lines_a",
    "shared/metric",
    "shared/neighbours",
    "shared/outputs",
    "shared/own_4x4",
    "shared/parts",
    "shared/philox",
    "shared/places",
    "shared/step",
    "shared/steps",
    "shared/store",
    "shared/sums_4x4",
    "shared/sums_4x8",
    "shared/sums_8x8",
    "shared/tap",
    "shared/taps",
    "shared/terms",
    "shared/tile",
    "shared/tree",
    "shared/unary",
    "shared/update",
    "shared/weights",
    "shared/whole",
    "software/count_hidden",
    "software/fill_looped",
    "software/line_alone",
    "software/lines_a_lanes",
    "software/lines_alone",
    "software/places_alone",
    "software/steps_alone",
    "software/steps_lanes",
    "software/steps_looped",
    "software/sums_16x4_lanes",
    "software/sums_4x4_lanes",
    "software/tap_lanes",
    "software/tile_alone",
];

/// The last part of a path.
pub(crate) const fn file_name(path: &'static str) -> &'static str {
    let mut at = path.len();
    while at > 0 && path.as_bytes()[at - 1] != b'/' {
        at -= 1;
    }
    path.split_at(at).1
}

/// What a text says that it needs, in the comment that it begins with.
fn needs(text: &str) -> impl Iterator<Item = &str> {
    let lines = text.lines().map(str::trim).skip_while(|line| line.is_empty());
    let head = lines.take_while(|line| line.starts_with("//"));
    let lists = head.filter_map(|line| line.strip_prefix("// needs:"));
    lists.flat_map(|list| list.split(',')).map(str::trim)
}

/// A kernel's text as it grows, part by part.
struct Assembly<'a> {
    replaced: &'a [&'a [Replacement]],
    names: Vec<&'a str>,
    texts: Vec<&'a str>,
    missing: Option<&'a str>,
}

impl<'a> Assembly<'a> {
    /// The part that is meant by a name here: a later list of replacements sees what an earlier one
    /// gave.
    fn replace(&self, name: &'a str) -> &'a str {
        self.replaced.iter().fold(name, |name, list| {
            list.iter().find(|(old, _)| *old == name).map_or(name, |(_, new)| new)
        })
    }

    fn add_needs(&mut self, text: &'a str) {
        for name in needs(text) {
            let name = self.replace(name);
            match PARTS.iter().find(|(known, _)| *known == name) {
                Some(part) => self.add_part(part),
                None => self.missing = self.missing.or(Some(name)),
            }
        }
    }

    fn add_part(&mut self, (name, text): &'a Part) {
        if !self.names.contains(name) {
            // Noted before its needs, so that parts that need each other come to an end.
            self.names.push(name);
            self.add_needs(text);
            self.texts.push(text);
        }
    }

    /// A text as the kernel's author gave it, which may be that of a part.
    fn add(&mut self, text: &'a str) {
        match PARTS.iter().find(|(_, known)| *known == text) {
            Some(part) => self.add_part(part),
            None => {
                self.add_needs(text);
                self.texts.push(text);
            }
        }
    }
}

/// The whole text of a kernel that is given as `texts`, after all they need; and the first thing that
/// is needed and is no part.
pub(super) fn resolve<'a>(
    texts: &[&'a str],
    replaced: &'a [&'a [Replacement]],
) -> (String, Option<&'a str>) {
    let mut assembly = Assembly { replaced, names: vec![], texts: vec![], missing: None };
    texts.iter().for_each(|text| assembly.add(text));
    (directives_first(&assembly.texts.join("\n")), assembly.missing)
}

/// The text with its directives, which parts have for themselves, where WGSL wants them.
fn directives_first(text: &str) -> String {
    let is_directive = |line: &&str| line.starts_with("enable ");
    let directives: BTreeSet<&str> = text.lines().filter(is_directive).collect();
    let rest = text.split_inclusive('\n').filter(|line| !is_directive(line));
    directives.into_iter().flat_map(|line| [line, "\n"]).chain(rest).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::adapter::{AdapterKind, AdapterTraits};
    use crate::ops::catalogue::kernels;
    use crate::ops::kernel::Kernel;
    use crate::ops::shared;
    use crate::ops::target::GpuTarget;

    /// The words of a text, without its comments.
    fn words(text: &str) -> BTreeSet<&str> {
        let code = text.lines().map(|line| line.split("//").next().unwrap_or_default());
        code.flat_map(|line| line.split(|c: char| !c.is_alphanumeric() && c != '_')).collect()
    }

    /// What a text declares for others.
    fn declared(text: &str) -> BTreeSet<&str> {
        let keywords = ["fn", "const", "override", "struct", "alias", "var"];
        let declarations = text.lines().filter(|line| !line.starts_with(' ')).filter_map(|line| {
            let words = line.split(|c: char| !c.is_alphanumeric() && c != '_');
            let mut words = words.skip_while(|word| !keywords.contains(word)).skip(1);
            // After `var<storage, read_write>` and the like.
            let after = |word: &&str| {
                let known =
                    ["workgroup", "private", "storage", "uniform", "read", "read_write", ""];
                !known.contains(word)
            };
            words.find(after)
        });
        declarations.collect()
    }

    fn part(name: &str) -> &'static str {
        PARTS.iter().find(|(known, _)| *known == name).unwrap_or_else(|| panic!("no {name}")).1
    }

    /// Own texts of kernels and of parts, by name.
    fn texts() -> Vec<(&'static str, String)> {
        let parts = PARTS.iter().map(|(name, text)| (*name, (*text).to_owned()));
        let own = |kernel: &Kernel| match &kernel.source {
            crate::ops::kernel::Source::Parts(texts) => texts.join("\n"),
            crate::ops::kernel::Source::Whole(text) => text.to_string(),
        };
        let kernels = kernels().into_iter().map(|kernel| (kernel.name, own(kernel)));
        parts.chain(kernels).collect()
    }

    #[test]
    fn what_is_needed_is_there_and_used() {
        let mut needed = BTreeSet::new();
        for (name, text) in texts() {
            for need in needs(&text) {
                let used = words(&text);
                let gives = declared(part(need));
                assert!(!gives.is_disjoint(&used), "{name} needs {need} and uses nothing of it");
                needed.insert(need.to_owned());
            }
            let prose = ["Include ", "include "].iter().any(|word| text.contains(word));
            assert!(!prose, "{name} says in prose what it needs");
        }
        let software = GpuTarget::new(&AdapterTraits::of(AdapterKind::Software));
        let llvmpipe = GpuTarget::new(&AdapterTraits::llvmpipe());
        let shared: &[Replacement] = &[("tile", "tile_of_matrices")];
        let lists = [(&software, &[][..]), (&llvmpipe, &[]), (&llvmpipe, shared)]
            .map(|(target, own)| crate::ops::software::replacements(target, own));
        let own = kernels().into_iter().map(|kernel| kernel.replaced[0]);
        for (old, new) in own.chain(lists).flatten() {
            assert!(part(old) != part(new), "{old} is replaced by itself");
            needed.insert((*new).to_owned());
        }
        let idle = PARTS.iter().find(|(name, _)| !needed.contains(*name));
        assert_eq!(idle, None, "a part that nobody needs");
    }

    #[test]
    fn every_file_is_a_kernel_or_a_part() {
        let all = kernels().into_iter().map(|kernel| kernel.name);
        // The frame of users' own operations has the names that these give.
        let known: BTreeSet<&str> =
            PARTS.iter().map(|part| part.0).chain(all).chain(["custom"]).collect();
        let folders = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders"));
        let files = folders.expect("is there").flat_map(|folder| {
            std::fs::read_dir(folder.expect("can be read").path()).expect("a folder")
        });
        for path in files.map(|file| file.expect("can be read").path()) {
            let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
            assert!(known.contains(name), "{} is in no kernel", path.display());
        }
    }

    #[test]
    fn every_kernel_is_whole_on_every_kind_of_adapter() {
        let [discrete, software] =
            [AdapterKind::Discrete, AdapterKind::Software].map(AdapterTraits::of);
        for adapter in [discrete, software, AdapterTraits::llvmpipe()] {
            let target = GpuTarget::new(&adapter);
            for kernel in kernels() {
                let kernel = kernel.on(&target);
                let (text, missing) = kernel.assemble();
                assert_eq!(missing, None, "{}", kernel.name);
                let parsed = naga::front::wgsl::parse_str(&text);
                parsed.unwrap_or_else(|error| panic!("{}", error.emit_to_string(&text)));
            }
        }
    }

    #[test]
    fn parts_come_once_and_before_those_that_need_them() {
        let place = |text: &str, part: &str| {
            assert_eq!(text.matches(part).count(), 1);
            text.find(part)
        };
        let own = "\n  // needs: linear, philox\n  fn own() {}\n";
        // By name, by hand, and both.
        for texts in [&[own][..], &[shared::PHILOX, own], &[shared::STEP, shared::PHILOX, own]] {
            let (text, missing) = resolve(texts, &[]);
            let all = [shared::STEP, shared::PHILOX, own].map(|part| place(&text, part));
            assert!(missing.is_none() && all.is_sorted(), "{text}");
            assert!(place(&text, shared::LINEAR) < place(&text, own));
        }
        let replaced: [&[Replacement]; 2] = [&[("philox", "unary")], &[("unary", "gaussian")]];
        let (text, _) = resolve(&[own], &replaced);
        assert_eq!(text, [shared::LINEAR, shared::GAUSSIAN, own].join("\n"));
        assert_eq!(resolve(&["// needs: linear, philix\n"], &[]).1, Some("philix"));
    }

    #[test]
    fn files_are_named_by_the_last_part_of_their_paths() {
        assert_eq!(["a", "b/a", "c/b/a", "b/"].map(file_name), ["a", "a", "a", ""]);
    }
}
