//! The page's modules as one script, since a page by itself has nowhere to import from.

/// The modules of `web/` by name.
macro_rules! modules {
    ($($name:literal),* $(,)?) => {
        [$(($name, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/web/", $name, ".js")))),*]
    };
}

/// A module's name and text.
pub(crate) type Module = (&'static str, &'static str);

/// Those of a model's page.
pub(super) const MODEL: &[Module] = &modules![
    "bytes",
    "philox",
    "device",
    "pipelines",
    "player",
    "schedule",
    "trainer",
    "safetensors",
    "pictures",
    "dom",
    "model",
    "reconstruct",
    "codebook",
    "generate",
    "training",
    "page",
];

/// Those of the page that checks an adapter.
pub(crate) const CHECK: &[Module] = &modules![
    "bytes",
    "philox",
    "device",
    "pipelines",
    "player",
    "dom",
    "values",
    "verdict",
    "timing",
    "check",
];

/// All modules in one: without imports, which stand on lines of their own, and with nothing exported.
pub(super) fn script(modules: &[Module]) -> String {
    let mut script = String::new();
    for (name, text) in modules {
        script += &format!("// web/{name}.js\n");
        for line in text.lines().filter(|line| !line.starts_with("import ")) {
            script += line.strip_prefix("export ").unwrap_or(line);
            script.push('\n');
        }
    }
    script
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::*;

    const PAGES: [&[Module]; 2] = [MODEL, CHECK];

    #[test]
    fn modules_come_after_what_they_import() {
        for page in PAGES {
            let mut known = HashSet::new();
            for (name, text) in page {
                for line in text.lines().filter(|line| line.starts_with("import ")) {
                    let from = line.split("from \"./").nth(1);
                    let from = from.and_then(|rest| rest.split('.').next());
                    let from =
                        from.unwrap_or_else(|| panic!("{name}: `{line}` is no import of one line"));
                    assert!(known.contains(from), "{name} imports {from}, which comes later");
                }
                known.insert(*name);
            }
        }
    }

    #[test]
    fn no_two_modules_of_a_page_declare_one_name() {
        for page in PAGES {
            let mut known = HashMap::new();
            for (module, text) in page {
                for name in text.lines().filter_map(declared) {
                    let other = known.insert(name, module);
                    assert_eq!(other, None, "{name} of {module}");
                }
            }
        }
    }

    /// The name that a line of a module's outermost scope declares.
    fn declared(line: &str) -> Option<&str> {
        let line = line.strip_prefix("export ").unwrap_or(line);
        let line = line.strip_prefix("async ").unwrap_or(line);
        let keywords = ["const ", "let ", "class ", "function "];
        let declared = keywords.iter().find_map(|keyword| line.strip_prefix(keyword))?;
        declared.split(|c: char| !c.is_alphanumeric() && c != '_').next()
    }

    #[test]
    fn scripts_are_such_that_a_page_can_hold_them() {
        for page in PAGES {
            let script = script(page);
            assert!(!script.contains("</script") && !script.contains("<!--"));
            let mut lines = script.lines();
            assert!(!lines.any(|line| line.starts_with("import ") || line.starts_with("export ")));
        }
    }
}
