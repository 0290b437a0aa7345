//! The command line that measures.

#[path = "support/program.rs"]
mod program;

use std::process::Output;

use program::{program, text};

fn bench(arguments: &[&str]) -> Output {
    program().arg("bench").args(arguments).output().expect("the program starts")
}

#[test]
fn every_field_is_in_the_json() {
    let output =
        bench(&["--device", "cpu", "--json", "--roofline", "--only", "W4", "--batch", "2,3"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let rows: Vec<serde_json::Value> =
        text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0]["name"], "W4@2");
    for row in rows {
        for field in ["median_ms", "start_ms", "gflops", "gbytes", "roofline"] {
            assert!(row[field].as_f64().is_some_and(|value| value > 0.0), "{field} in {row}");
        }
        let count = |which: &str, what: &str| row[which][what].as_u64().unwrap();
        assert!(count("fused", "dispatches") < count("unfused", "dispatches"));
        assert!(count("fused", "bytes") < count("unfused", "bytes"));
        assert!(row["planned_bytes"].as_u64() < row["apart_bytes"].as_u64());
    }
}

#[test]
fn growth_is_said_for_three_batch_sizes() {
    let output = bench(&["--device", "cpu", "--only", "W1", "--batch", "2,4,8"]);
    let printed = text(&output.stdout);
    let last = printed.lines().last().unwrap_or_default();
    assert!(last.starts_with("W1 on CPU") && last.contains("ms an image"), "{printed}");
}

#[test]
fn plans_are_printed_without_measuring() {
    let output = bench(&["--device", "cpu", "--plan", "--only", "W5"]);
    let printed = text(&output.stdout);
    for part in ["gather_images", "reparameterise", "chain", "matmul_update", "in all"] {
        assert!(printed.contains(part), "{part} is not in\n{printed}");
    }
}

#[test]
fn training_steps_on_an_adapter_can_be_mixed() {
    let output = bench(&["--device", "gpu", "--precision", "mixed", "--only", "W3", "--plan"]);
    let printed = text(&output.stdout);
    assert!(output.status.success() && printed.contains("W3_mixed"), "{printed}");
    for (options, expected) in [("--only W3 --device cpu", "the CPU"), ("--only M1", "no effect")] {
        let words: Vec<&str> = options.split(' ').chain(["--precision", "mixed"]).collect();
        let output = bench(&words);
        let error = text(&output.stderr);
        let is_told = error.contains("--precision") && error.contains(expected);
        assert!(output.status.code() == Some(2) && is_told, "{options}: {error}");
    }
}

#[test]
fn kernels_are_written_whole_and_over_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kernels");
    let write = || {
        let to = path.to_str().expect("a plain path");
        bench(&["--device", "cpu", "--only", "W3", "--kernels", to])
    };
    let output = write();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let mut files: Vec<_> =
        std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    files.sort();
    let names: Vec<&str> = files.iter().map(|name| name.to_str().unwrap()).collect();
    let (names, plan): (Vec<_>, Vec<_>) = names.into_iter().partition(|it| it.ends_with(".wgsl"));
    assert_eq!(plan, ["W3.bin", "W3.json"]);
    let plan: serde_json::Value =
        serde_json::from_slice(&std::fs::read(path.join("W3.json")).unwrap()).unwrap();
    assert_eq!(plan["pipelines"].as_array().unwrap().len(), names.len());
    let printed = text(&output.stdout);
    assert!(printed.contains(&format!("{} kernels", names.len())), "{printed}");
    // In the order of the plan: images are gathered first, metrics recorded last.
    assert_eq!(names[0], "W3-01-gather_images.wgsl");
    for part in ["conv2d", "conv2d_weight_gradient", "max_pool2d_backward", "matmul"] {
        let is_there = |name: &&str| name.contains(&format!("-{part}"));
        assert!(names.iter().any(is_there), "{part} is not in {names:?}");
    }
    for name in &names {
        let kernel = std::fs::read_to_string(path.join(name)).unwrap();
        let line = kernel.lines().find_map(|line| line.strip_prefix("// compile: ")).unwrap();
        let mut words = line.split(' ');
        assert_eq!(words.next(), Some(*name));
        let module = naga::front::wgsl::parse_str(&kernel)
            .unwrap_or_else(|error| panic!("{name}: {}", error.emit_to_string(&kernel)));
        let entry = words.next().unwrap();
        assert!(module.entry_points.iter().any(|it| it.name == entry), "{name}: {entry}");
        let mut given: Vec<&str> = vec![];
        for word in words {
            let (constant, value) = word.split_once('=').unwrap();
            assert!(value.parse::<f64>().is_ok(), "{name}: {word}");
            given.push(constant);
        }
        // What has no value of its own is among them.
        for (_, constant) in module.overrides.iter().filter(|(_, it)| it.init.is_none()) {
            let constant = constant.name.as_deref().unwrap();
            assert!(given.contains(&constant), "{name}: {constant} is not in {line}");
        }
    }
    // Its own files are written anew, others are left alone.
    assert!(write().status.success());
    std::fs::write(path.join(names[1]), "mine").unwrap();
    std::fs::remove_file(path.join(names[0])).unwrap();
    let output = write();
    let error = text(&output.stderr);
    assert!(!output.status.success() && error.contains("is there already"), "{error}");
    assert_eq!(std::fs::read_to_string(path.join(names[1])).unwrap(), "mine");
    assert!(!path.join(names[0]).exists(), "nothing was written");
}

#[test]
fn kernels_and_plans_are_those_of_a_maker_who_is_named() {
    let folder = tempfile::tempdir().unwrap();
    for (maker, own, others) in
        [("intel", "matmul_4x4", "matmul_4x8"), ("apple", "conv2d_4x8", "conv2d_4x4")]
    {
        let path = folder.path().join(maker);
        let to = path.to_str().expect("a plain path");
        let arguments = ["--device", "cpu", "--only", "W3", "--for", maker, "--kernels", to];
        let output = bench(&arguments);
        assert!(output.status.success(), "{}", text(&output.stderr));
        let files = std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().file_name());
        let names: Vec<_> = files.map(|name| name.to_str().unwrap().to_owned()).collect();
        let is_there = |part: &str| names.iter().any(|name| name.contains(part));
        assert!(is_there(own) && !is_there(others), "{maker}: {names:?}");
    }
    let output = bench(&["--device", "cpu", "--only", "W1", "--plan", "--for", "apple"]);
    assert!(text(&output.stdout).contains("counted as for another GPU"));
    let output = bench(&["--device", "cpu", "--only", "W1", "--for", "apple"]);
    let error = text(&output.stderr);
    assert!(
        !output.status.success() && error.contains("--for: is for --plan and --kernels"),
        "{error}"
    );
}

#[test]
fn a_name_stands_for_all_that_begin_with_it() {
    let output = bench(&["--device", "cpu", "--plan", "--only", "conv_1x32_28"]);
    let printed = text(&output.stdout);
    for part in ["forward", "input", "weight"] {
        assert!(printed.contains(&format!("conv_1x32_28_{part} on")), "{printed}");
    }
}

#[test]
fn wrong_options_say_what_there_is() {
    for (arguments, expected) in [
        (&["--only", "W9"][..], "choose from W0, W1, W3"),
        (&["--only", "W1", "--batch", "0"], "--batch: a batch holds one image"),
        (&["--device", "no such card"], "no such card"),
    ] {
        let output = bench(arguments);
        assert!(!output.status.success(), "{arguments:?}");
        let error = text(&output.stderr);
        assert!(error.contains(expected), "{arguments:?}: {error}");
    }
}

#[test]
fn several_devices_are_measured_alone_and_together() {
    let output = bench(&["--device", "cpu,cpu", "--only", "W0"]);
    let printed = text(&output.stdout);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let lines: Vec<&str> = printed.lines().collect();
    assert!(lines.len() == 3 && lines.iter().all(|line| line.starts_with("W0 ")), "{printed}");
    assert!(lines[2].contains("together: ") && lines[2].ends_with("% of their sum"), "{printed}");
    let output = bench(&["--device", "cpu,cpu", "--only", "W0", "--json"]);
    let row: serde_json::Value = serde_json::from_str(&text(&output.stdout)).expect("one row");
    assert!(row["together_ms"].as_f64().is_some_and(|ms| ms > 0.0), "{row}");
    // On busy cores one of them may take all.
    let shards = row["shards"].as_array().expect("a number a device");
    assert!(shards.len() == 2 && shards.iter().any(|shards| shards.as_u64() > Some(0)), "{row}");
    for (options, expected) in [("--only W0 --plan", "--plan"), ("--only M1", "training steps")] {
        let words = options.split(' ').chain(["--device", "cpu,cpu"]);
        let said = text(&bench(&words.collect::<Vec<&str>>()).stderr);
        assert!(said.contains(expected), "{said}");
    }
}
