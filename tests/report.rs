//! The page of a run is whole: every tag is closed, nothing is loaded from elsewhere, and no name can
//! break out of its place.

#[path = "support/program.rs"]
mod program;

use std::fs;
use std::path::Path;

use program::{check_failed, diabolo_in, printed, text};
use tempfile::TempDir;

fn succeeds(arguments: &str, folder: &Path) {
    printed(&diabolo_in(folder, arguments));
}

/// A run, and its page.
fn run_with_page(options: &str) -> (TempDir, String) {
    let folder = TempDir::new().expect("a temporary folder");
    succeeds(&format!("train --device cpu --out run {options}"), folder.path());
    succeeds("report run -o page.html", folder.path());
    let page = fs::read_to_string(folder.path().join("page.html")).expect("is written");
    (folder, page)
}

/// Tags that have no end.
const VOID: [&str; 3] = ["meta", "img", "br"];

/// Checks that tags are nested and attributes quoted; the names of all tags.
fn well_formed(page: &str) -> Vec<String> {
    let mut rest = page.strip_prefix("<!DOCTYPE html>").expect("begins as HTML does");
    let (mut open, mut all): (Vec<String>, Vec<String>) = (vec![], vec![]);
    while let Some(start) = rest.find('<') {
        assert!(!rest[..start].contains('>'), "a stray >: {}", &rest[..start]);
        let end = tag_end(&rest[start..]);
        let tag = &rest[start + 1..start + end];
        rest = &rest[start + end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name), "an end without a beginning");
            continue;
        }
        let name = tag.split_whitespace().next().expect("a name").to_owned();
        all.push(name.clone());
        if !VOID.contains(&name.as_str()) {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "never closed: {open:?}");
    all
}

/// Where a tag ends: the first `>` outside quotes.
fn tag_end(text: &str) -> usize {
    let mut quoted = false;
    for (at, letter) in text.char_indices() {
        match letter {
            '"' => quoted = !quoted,
            '>' if !quoted => return at,
            _ => {}
        }
    }
    panic!("a tag without an end: {}", &text[..text.len().min(80)]);
}

fn count(tags: &[String], name: &str) -> usize {
    tags.iter().filter(|tag| *tag == name).count()
}

/// The page without its pictures, in whose base64 any letters may follow each other.
fn without_pictures(page: &str) -> String {
    let mut parts = page.split("data:image/png;base64,");
    let first = parts.next().unwrap_or_default();
    let rest = parts.filter_map(|part| part.split_once('"')).map(|(_, after)| after);
    std::iter::once(first).chain(rest).collect()
}

#[test]
fn a_run_is_one_page_that_needs_no_other() {
    let (folder, page) = run_with_page("--variant vae --arch dense:30 --epochs 3 --profile");
    let tags = well_formed(&page);
    for word in ["http:", "https:", "@import", "href", "<link", "<script", "url("] {
        assert!(!page.contains(word), "{word}");
    }
    let sources = page.matches("src=").count();
    assert_eq!(page.matches("src=\"data:image/png;base64,").count(), sources);
    let run = folder.path().join("run");
    let names = fs::read_dir(&run).expect("is there").flatten().map(|entry| entry.file_name());
    let pictures = names.filter(|name| name.to_string_lossy().ends_with(".png")).count();
    // The loss is drawn as curves.
    assert_eq!(count(&tags, "img"), pictures - 1);
    assert_eq!((count(&tags, "svg"), count(&tags, "polyline")), (1, 2));
    assert_eq!(count(&tags, "circle"), 6);
    assert!(!without_pictures(&page).contains("NaN"));
    let metrics = fs::read_to_string(run.join("metrics.json")).expect("is written");
    let metrics: serde_json::Value = serde_json::from_str(&metrics).expect("is JSON");
    let measures = metrics["test"].as_object().expect("measures");
    for name in measures.keys() {
        assert!(page.contains(&format!("<th scope=\"row\">{name}</th>")), "{name}");
    }
    let adapter = metrics["adapter"].as_str().expect("is text");
    for word in ["nats per image", "dB", adapter, "learning_rate = ", "prefers-color-scheme"] {
        assert!(page.contains(word), "{word}");
    }
    // What took time, as profile.json has it.
    let profile = fs::read_to_string(run.join("profile.json")).expect("--profile was given");
    let profile: serde_json::Value = serde_json::from_str(&profile).expect("is JSON");
    let longest = profile["operations"][0]["operation"].as_str().expect("is text");
    assert!(page.contains("Time by operation") && page.contains(longest), "{longest}");
    // A picture is the file, byte for byte.
    let file = fs::read(run.join("samples.png")).expect("is written");
    let encoded = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &file);
    assert!(page.contains(&format!("src=\"data:image/png;base64,{encoded}\"")));
    // The usual place, and a run without a profile.
    succeeds(
        "train --device cpu --out run --variant dense --arch dense --epochs 1 --overwrite",
        folder.path(),
    );
    succeeds("report run", folder.path());
    let page = fs::read_to_string(run.join("report.html")).expect("is written");
    well_formed(&page);
    assert!(!page.contains("Time by operation"), "the profile was another run's");
}

#[test]
fn what_a_model_adapts_is_drawn() {
    let options = "--variant sparse --latent 20 --target-sparsity 0.2 --penalty 0.01 --epochs 3";
    let (_folder, page) = run_with_page(options);
    assert_eq!(count(&well_formed(&page), "svg"), 2);
}

/// A folder with what is needed of a run, in which the adapter and the like have hostile names.
fn hostile(folder: &Path) {
    let evil = r#"</title></style></pre></svg><script>alert("'&")</script>"#;
    let metrics = serde_json::json!({
        "diabolo": evil, "device": evil, "adapter": evil, "loss_unit": evil, "parameters": 1,
        "planned_bytes": 1, "images_per_second": null,
        "epochs": [{"epoch": 1, "train_loss": 1.5, "test_loss": null, "seconds": 0.5}],
        "test": {evil: 0.5, "mse": null},
    });
    fs::write(folder.join("metrics.json"), metrics.to_string()).expect("writable");
    let config = format!("data = '''{evil}'''\n");
    fs::write(folder.join("config.toml"), config).expect("writable");
    let profile = serde_json::json!({
        "adapter": evil,
        "operations": [
            {"operation": evil, "shape": evil, "calls": 1, "seconds": 0.0, "flops": 0},
        ],
    });
    fs::write(folder.join("profile.json"), profile.to_string()).expect("writable");
}

#[test]
fn hostile_names_stay_text() {
    let folder = TempDir::new().expect("a temporary folder");
    let run = folder.path().join("a<b>&amp;");
    fs::create_dir(&run).expect("writable");
    hostile(&run);
    let name = if cfg!(unix) { "x\" onload=\"alert(1)\"<i>.png" } else { "x' onload='a'.png" };
    image::RgbImage::new(2, 3).save(run.join(name)).expect("writable");
    succeeds("report a<b>&amp; -o page.html", folder.path());
    let page = fs::read_to_string(folder.path().join("page.html")).expect("is written");
    let tags = well_formed(&page);
    for tag in ["script", "i", "b"] {
        assert_eq!(count(&tags, tag), 0, "{tag}");
    }
    assert_eq!((count(&tags, "style"), count(&tags, "img"), count(&tags, "pre")), (1, 1, 1));
    assert!(page.contains("&lt;script&gt;") && page.contains("not finite"));
    assert!(!page.contains("\" onload="), "an attribute was begun");
    assert!(page.contains("<h1>a&lt;b&gt;&amp;amp;</h1>"));
}

#[test]
fn what_is_missing_is_left_out_and_what_is_damaged_is_named() {
    let folder = TempDir::new().expect("a temporary folder");
    let run = folder.path().join("run");
    fs::create_dir(&run).expect("writable");
    let fails = |word: &str| {
        let output = diabolo_in(folder.path(), "report run -o page.html");
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(word) && !said.contains("panicked"), "{word}: {said}");
        assert!(!folder.path().join("page.html").exists());
    };
    fails("holds no run");
    hostile(&run);
    for file in ["profile.json", "metrics.json"] {
        succeeds("report run -o whole.html", folder.path());
        fs::remove_file(run.join(file)).expect("is there");
    }
    succeeds("report run -o whole.html", folder.path());
    let page = fs::read_to_string(folder.path().join("whole.html")).expect("is written");
    assert_eq!(count(&well_formed(&page), "svg"), 0);
    let damaged = [
        ("samples.png", &b"no picture"[..]),
        ("other.png", &b"\x89PNG\r\n\x1a\n"[..]),
        ("metrics.json", &b"{"[..]),
        ("profile.json", &b"{}"[..]),
        ("config.toml", &b"\xff"[..]),
        ("config.toml", &b"a = "[..]),
        ("model.safetensors", &b"no model"[..]),
    ];
    for (file, bytes) in damaged {
        let before = fs::read(run.join(file)).ok();
        fs::write(run.join(file), bytes).expect("writable");
        fails(file);
        match before {
            Some(before) => fs::write(run.join(file), before).expect("writable"),
            None => fs::remove_file(run.join(file)).expect("is there"),
        }
    }
    let output = diabolo_in(folder.path(), "report nowhere");
    assert_eq!(output.status.code(), Some(1));
}

/// A report names a damaged picture of its run, also one that it shows otherwise.
#[test]
fn a_report_names_a_damaged_picture() {
    let (folder, _) =
        run_with_page("--variant dense --arch dense:4 --latent 2 --epochs 1 --limit 64");
    fs::write(folder.path().join("run/loss.png"), "x").expect("the folder is ours");
    let said = text(&diabolo_in(folder.path(), "report run").stderr);
    assert!(said.contains("loss.png"), "a damaged picture is passed over");
}

#[test]
fn a_report_links_the_model_that_lies_beside_it() {
    let (folder, _) = run_with_page("--variant dense --limit 64 --epochs 1");
    succeeds("report run -o out/a#b.html --page", folder.path());
    let read = |name: &str| fs::read_to_string(folder.path().join("out").join(name));
    let report = read("a#b.html").expect("is written");
    well_formed(&report);
    assert!(report.contains("<a href=\"a%23b-model.html\">"), "the name is no fragment");
    assert!(read("a#b-model.html").expect("is written").contains("<script type=\"module\">"));
    let output = diabolo_in(folder.path(), "report run -o - --page");
    check_failed(&output, 2, "--page: has no place");
}
