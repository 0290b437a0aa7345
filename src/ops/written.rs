//! Kernels that are written for each use: a file of `shaders/` has an example between its first two titles, and
//! other lines stand there in what runs. So sizes and strides are numbers of the text, by which compilers divide
//! without dividing, and nothing loops over axes.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use md5::{Digest, Md5};

use super::kernel::{Kernel, Source};

/// How the line before each section begins.
pub(crate) const TITLE: &str = "// ---- ";

/// Every kernel that was made, by its text.
static KERNELS: Mutex<BTreeMap<String, Kernel>> = Mutex::new(BTreeMap::new());

/// The kernel of a text, but for what it needs; the same for the same text. Its name begins with `name`.
pub(crate) fn kernel(name: &str, text: String) -> Kernel {
    let mut kernels = KERNELS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(kernel) = kernels.get(&text) {
        return kernel.clone();
    }
    // One that stays as it is: profiles, and pipelines that drivers keep, go by the name.
    let digest: String = Md5::digest(&text)[..6].iter().map(|byte| format!("{byte:02x}")).collect();
    // Kept as long as the program runs, once for each text, as devices keep what they compile.
    let name = Box::leak(format!("{name}_{digest}").into_boxed_str());
    let kernel = Kernel { trusted: true, ..Kernel::from_text(name, text.clone()) };
    kernels.insert(text, kernel.clone());
    kernel
}

impl Kernel {
    /// The kernel of a file with these lines in place of its example.
    pub(crate) fn with_lines(&self, lines: &str) -> Kernel {
        let text = self.own_text();
        let mut sections = text.splitn(3, TITLE);
        let [head, example, rest] = [(); 3].map(|()| sections.next().unwrap_or_default());
        let title = example.lines().next().unwrap_or_default();
        kernel(self.name, format!("{head}{TITLE}{title}\n{lines}\n{TITLE}{rest}"))
    }

    /// The text of its file.
    pub(crate) fn own_text(&self) -> String {
        match &self.source {
            Source::Parts(parts) => parts.concat(),
            Source::Whole(text) => text.to_string(),
        }
    }
}

/// Fails unless the example of a kernel's file is these lines.
#[cfg(test)]
pub(crate) fn assert_example(kernel: &Kernel, lines: &str) {
    let text = kernel.own_text();
    let example = text.split(TITLE).nth(1).expect("a file with titles");
    let shown = example.split_once('\n').expect("a title is a line").1;
    assert_eq!(shown.trim_end(), lines.trim_end(), "\n{lines}");
    kernel.with_lines(lines).parse().unwrap_or_else(|error| panic!("{error}"));
}
