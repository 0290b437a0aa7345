//! The plan of the house, held: a file imports from lower rooms only, none from its own table of
//! contents, and no files import each other in a circle.
//!
//! What counts is the file that a path names as it is written: `crate::graph::Plan` is an import of
//! `graph/mod.rs`, which re-exports it from `graph/plan.rs`. So a file within `graph` names
//! `super::plan::Plan`. Tests and documentation may import what they like.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};

/// The rooms from the ground up. Each may import those before it.
const ROOMS: [&str; 24] = [
    "arithmetic",
    "shape",
    "error",
    "tensor",
    "file",
    "rng",
    "plot",
    "data",
    "ops",
    "graph",
    "cpu",
    "gpu",
    "portable",
    "nn",
    "models",
    "inference",
    "evaluate",
    "train",
    "run",
    "tasks",
    "bench",
    "check",
    "cli",
    "prelude",
];

/// A module by the names that lead to it.
type Module = Vec<String>;

/// The files of a crate by their modules, and which of them each imports.
struct House {
    files: BTreeMap<Module, PathBuf>,
    imports: BTreeMap<Module, BTreeSet<Module>>,
    /// Tables of contents that hold something else, with what it is.
    crowded: Vec<String>,
}

impl House {
    fn read(source: &Path) -> Self {
        let mut files = BTreeMap::new();
        find(source, &mut vec![], &mut files);
        let mut house = Self { files, imports: BTreeMap::new(), crowded: vec![] };
        let mut tests = BTreeSet::new();
        for (module, path) in house.files.clone() {
            let text = fs::read_to_string(&path).expect("a file of the crate");
            let file = syn::parse_file(&text).unwrap_or_else(|error| panic!("{path:?}: {error}"));
            tests.extend(test_modules(&module, &file));
            if path.ends_with("mod.rs") && !file.items.iter().all(is_listing) {
                house.crowded.push(path.display().to_string());
            }
            let mut seen = Imports { house: &house, base: module.clone(), found: BTreeSet::new() };
            seen.visit_file(&file);
            let found = seen.found;
            house.imports.insert(module, found);
        }
        house.imports.retain(|module, _| !tests.contains(module));
        for (module, imports) in &mut house.imports {
            imports.remove(module);
        }
        house
    }

    /// The file that holds what `path` names, seen from the module `base`.
    fn file_of(&self, base: &[String], path: &[String]) -> Option<Module> {
        let mut at = base.to_vec();
        let mut rest = path;
        match path.first().map(String::as_str)? {
            "crate" => (at, rest) = (vec![], &path[1..]),
            "self" => rest = &path[1..],
            "super" => {
                while rest.first().is_some_and(|name| name == "super") {
                    at.pop()?;
                    rest = &rest[1..];
                }
            }
            first => {
                let child = [base, &[first.to_owned()]].concat();
                self.files.contains_key(&child).then_some(())?;
            }
        }
        for name in rest {
            at.push(name.clone());
            if !self.files.contains_key(&at) {
                at.pop();
                break;
            }
        }
        // A module within a file is part of that file.
        while !self.files.contains_key(&at) {
            at.pop()?;
        }
        Some(at)
    }

    /// Imports of a room that stands no lower.
    fn upward(&self) -> Vec<String> {
        let height = |module: &Module| {
            let room = module.first()?;
            let known = ROOMS.iter().position(|known| known == room);
            Some(known.unwrap_or_else(|| panic!("`{room}` has no place in ROOMS")))
        };
        let mut found = vec![];
        for (module, imports) in &self.imports {
            let Some(own) = height(module) else { continue };
            let is_upward = |import: &&Module| height(import).is_none_or(|other| other > own);
            let wrong = imports.iter().filter(is_upward);
            found.extend(wrong.map(|import| format!("{} -> {}", name(module), name(import))));
        }
        found
    }

    /// Files that reach themselves, each with the way.
    fn circles(&self) -> Vec<String> {
        let mut found = vec![];
        let mut known = BTreeSet::new();
        for module in self.imports.keys() {
            let Some(way) = self.way_back(module) else { continue };
            let members: BTreeSet<_> = way.iter().cloned().collect();
            if known.insert(members) {
                found.push(way.iter().map(name).collect::<Vec<_>>().join(" -> "));
            }
        }
        found
    }

    /// The shortest way from a file's imports back to it.
    fn way_back(&self, from: &Module) -> Option<Vec<Module>> {
        let mut ways = vec![vec![from.clone()]];
        let mut seen = BTreeSet::new();
        while !ways.is_empty() {
            let mut longer = vec![];
            for way in ways {
                let last = way.last().expect("a way has a beginning");
                for next in self.imports.get(last).into_iter().flatten() {
                    let way = [&way[..], std::slice::from_ref(next)].concat();
                    if next == from {
                        return Some(way);
                    }
                    if seen.insert(next.clone()) {
                        longer.push(way);
                    }
                }
            }
            ways = longer;
        }
        None
    }
}

/// The library's files below `folder`, whose module is `module`.
fn find(folder: &Path, module: &mut Module, files: &mut BTreeMap<Module, PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of the crate") {
        let path = entry.expect("a readable folder").path();
        let stem = path.file_stem().expect("a name").to_string_lossy().into_owned();
        if path.is_dir() {
            module.push(stem);
            find(&path, module, files);
            module.pop();
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            match stem.as_str() {
                // The program is no part of the library; its root lists rooms as tables do.
                "main" | "lib" if module.is_empty() => {}
                "mod" => drop(files.insert(module.clone(), path)),
                _ => drop(files.insert([&module[..], &[stem]].concat(), path)),
            }
        }
    }
}

/// What the imports of one file are found by.
struct Imports<'a> {
    house: &'a House,
    base: Module,
    found: BTreeSet<Module>,
}

impl Imports<'_> {
    fn add(&mut self, path: &[String]) {
        self.found.extend(self.house.file_of(&self.base, path));
    }

    fn add_tree(&mut self, before: &[String], tree: &syn::UseTree) {
        let with = |name: &syn::Ident| [before, &[name.to_string()]].concat();
        match tree {
            syn::UseTree::Path(path) => self.add_tree(&with(&path.ident), &path.tree),
            syn::UseTree::Name(name) if name.ident == "self" => self.add(before),
            syn::UseTree::Name(name) => self.add(&with(&name.ident)),
            syn::UseTree::Rename(name) => self.add(&with(&name.ident)),
            syn::UseTree::Glob(_) => self.add(before),
            syn::UseTree::Group(group) => {
                group.items.iter().for_each(|tree| self.add_tree(before, tree));
            }
        }
    }

    /// Paths in what a macro is given, which is no syntax yet.
    fn add_tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = vec![];
        let mut joined = false;
        for token in tokens {
            match token {
                TokenTree::Ident(ident) if joined || path.is_empty() => {
                    path.push(ident.to_string())
                }
                TokenTree::Ident(ident) => {
                    self.add(&path);
                    path = vec![ident.to_string()];
                }
                TokenTree::Punct(mark) if mark.as_char() == ':' => {
                    joined = true;
                    continue;
                }
                other => {
                    self.add(&path);
                    path.clear();
                    if let TokenTree::Group(group) = other {
                        self.add_tokens(group.stream());
                    }
                }
            }
            joined = false;
        }
        self.add(&path);
    }
}

impl<'ast> Visit<'ast> for Imports<'_> {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        if !is_for_tests(item) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        self.base.push(module.ident.to_string());
        visit::visit_item_mod(self, module);
        self.base.pop();
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.add_tree(&[], &item.tree);
    }

    /// Who may see an item is no import.
    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names: Vec<String> = path.segments.iter().map(|part| part.ident.to_string()).collect();
        self.add(&names);
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.add_tokens(call.tokens.clone());
        visit::visit_macro(self, call);
    }
}

/// Whether an item is compiled for tests only.
fn is_for_tests(item: &syn::Item) -> bool {
    let attributes = match item {
        syn::Item::Mod(item) => &item.attrs,
        syn::Item::Use(item) => &item.attrs,
        syn::Item::Fn(item) => &item.attrs,
        syn::Item::Impl(item) => &item.attrs,
        _ => return false,
    };
    attributes.iter().any(|attribute| match &attribute.meta {
        syn::Meta::List(list) if list.path.is_ident("cfg") => list.tokens.to_string() == "test",
        _ => false,
    })
}

/// Modules of `file` that are compiled for tests only.
fn test_modules(module: &Module, file: &syn::File) -> Vec<Module> {
    let tests = file.items.iter().filter(|item| is_for_tests(item));
    let modules = tests.filter_map(|item| match item {
        syn::Item::Mod(item) => Some([&module[..], &[item.ident.to_string()]].concat()),
        _ => None,
    });
    modules.collect()
}

/// Whether an item belongs into a table of contents: modules in other files, and re-exports.
fn is_listing(item: &syn::Item) -> bool {
    match item {
        syn::Item::Mod(module) => module.content.is_none(),
        syn::Item::Use(item) => !matches!(item.vis, syn::Visibility::Inherited),
        _ => false,
    }
}

fn name(module: &Module) -> String {
    module.join("/")
}

fn own() -> House {
    House::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"))
}

#[test]
fn imports_run_down_only() {
    let found = own().upward();
    assert!(
        found.is_empty(),
        "these rooms stand above those that import them:\n{}",
        found.join("\n")
    );
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    let found = own().circles();
    assert!(
        found.is_empty(),
        "circles; what two files need goes to a third:\n{}",
        found.join("\n")
    );
}

#[test]
fn a_table_of_contents_holds_nothing_else() {
    let found = own().crowded;
    assert!(found.is_empty(), "move what they hold to files with names:\n{}", found.join("\n"));
}

/// The check itself, on a house with every kind of mistake.
#[test]
fn mistakes_are_found() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let files = [
        ("error.rs", "use crate::graph::Plan;"),
        ("graph/mod.rs", "mod plan; mod draft; mod lonely; pub use plan::Plan; fn extra() {}"),
        ("graph/plan.rs", "fn a() { log(crate::graph::draft::b()) } macro_rules! m { () => {} }"),
        ("graph/draft.rs", "use super::{lonely, plan::{self as p}};"),
        ("graph/lonely.rs", "#[cfg(test)] mod tests { use crate::graph::plan::Plan; }"),
        ("ops/mod.rs", "mod one; pub use one::One;"),
        ("ops/one.rs", "fn f() { say!(x, crate::ops::One, y) }"),
    ];
    for (path, text) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("writable");
        fs::write(path, text).expect("writable");
    }
    let house = House::read(folder.path());
    assert_eq!(house.upward(), ["error -> graph"]);
    let circles = house.circles();
    let expected = ["graph/draft -> graph/plan -> graph/draft", "ops -> ops/one -> ops"];
    assert_eq!(circles, expected);
    assert_eq!(house.crowded.len(), 1);
    assert!(house.crowded[0].ends_with("graph/mod.rs"));
}
