//! The page's modules as one script, since a page by itself has nowhere to import from.

/// The modules of `web/` by name.
macro_rules! modules {
    ($($name:literal),* $(,)?) => {
        [$(($name, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/web/", $name, ".js")))),*]
    };
}

/// Each after those that it imports.
const MODULES: [(&str, &str); 12] = modules![
    "bytes",
    "philox",
    "player",
    "schedule",
    "trainer",
    "safetensors",
    "pictures",
    "dom",
    "model",
    "reconstruct",
    "generate",
    "training",
];
/// The one that begins.
const LAST: (&str, &str) = modules!["page"][0];

/// All modules in one: without imports, which stand on lines of their own, and with nothing exported.
pub(super) fn script() -> String {
    let mut script = String::new();
    for (name, text) in MODULES.iter().chain([&LAST]) {
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

    fn all() -> impl Iterator<Item = &'static (&'static str, &'static str)> {
        MODULES.iter().chain([&LAST])
    }

    #[test]
    fn modules_come_after_what_they_import() {
        let mut known = HashSet::new();
        for (name, text) in all() {
            for line in text.lines().filter(|line| line.starts_with("import ")) {
                let from = line.split("from \"./").nth(1).and_then(|rest| rest.split('.').next());
                let from =
                    from.unwrap_or_else(|| panic!("{name}: `{line}` is no import of one line"));
                assert!(known.contains(from), "{name} imports {from}, which comes later");
            }
            known.insert(*name);
        }
    }

    #[test]
    fn no_two_modules_declare_one_name() {
        let mut known = HashMap::new();
        for (module, text) in all() {
            let lines = text.lines().map(|line| line.strip_prefix("export ").unwrap_or(line));
            for line in lines {
                let line = line.strip_prefix("async ").unwrap_or(line);
                let keywords = ["const ", "let ", "class ", "function "];
                let declared = keywords.iter().find_map(|keyword| line.strip_prefix(keyword));
                let Some(declared) = declared else { continue };
                let name = declared.split(|c: char| !c.is_alphanumeric() && c != '_').next();
                let other = known.insert(name, module);
                assert_eq!(other, None, "{name:?} of {module}");
            }
        }
    }

    #[test]
    fn the_script_is_one_that_a_page_can_hold() {
        let script = script();
        assert!(!script.contains("</script") && !script.contains("<!--"));
        assert!(
            !script.lines().any(|line| line.starts_with("import ") || line.starts_with("export "))
        );
    }
}
