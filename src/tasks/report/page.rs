//! The page itself. The templates escape every text that is put into them.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::contents::{Contents, Picture};
use super::curves::{Curve, chart};
use super::measures::{describe, number};
use crate::error::{Result, counted};
use crate::graph::Bytes;
use crate::run::{EpochMetrics, MetricsFile, ProfileFile, Share};

const STYLE: &str = include_str!("style.css");
/// Operations in the table of the profile.
const MOST_OPERATIONS: usize = 40;

/// The page of the run in `folder`: HTML with its pictures in it. Files that the run lacks are left
/// out.
///
/// # Errors
/// When there is no run, or one of its files is damaged.
pub fn html(folder: &Path) -> Result<String> {
    html_beside(folder, None)
}

/// The same, with a link to the page of the model by this name, which lies in the same folder.
///
/// # Errors
/// As [`html()`].
pub fn html_beside(folder: &Path, model: Option<&str>) -> Result<String> {
    let contents = Contents::read(folder)?;
    if let Some(what) = &contents.unfinished {
        log::warn!("{what}");
    }
    Ok(render(&contents, model))
}

/// A file of the same folder as a link names it, whatever its name.
fn address(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let part =
        |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    name.bytes().map(part).collect()
}

/// The page of a run.
fn render(contents: &Contents, page: Option<&str>) -> String {
    let Contents { title, metrics, config, profile, model, unfinished, pictures } = contents;
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " - Diabolo" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { (title) }
                @if let Some((header, bytes)) = model {
                    p class="faint" {
                        (header.model) " model after " (header.epoch) " epochs and " (header.step)
                        " steps, seed " (header.seed.0) ", " (Bytes(*bytes)) " stored"
                    }
                }
                @if let Some(page) = page {
                    p { a href=(address(page)) { "The model itself, which runs in the browser" } }
                }
                @if let Some(what) = unfinished { p { strong { (what) } } }
                @if let Some(metrics) = metrics {
                    (curves(metrics))
                    (measured(metrics))
                    (machine(metrics))
                }
                @if !pictures.is_empty() {
                    h2 { "Pictures" }
                    @for shown in pictures { (picture(shown)) }
                }
                @if let Some(profile) = profile { (operations(profile)) }
                @if let Some(config) = config {
                    h2 { "Options" }
                    div class="panel" { pre { (config) } }
                }
            }
        }
    };
    page.into_string()
}

/// Train and test loss, and what a model adapts.
fn curves(metrics: &MetricsFile) -> Markup {
    let points = |of: &dyn Fn(&EpochMetrics) -> f64| {
        metrics.epochs.iter().map(|epoch| (epoch.epoch, of(epoch))).collect::<Vec<_>>()
    };
    let losses = [
        Curve { name: "train", class: "train", points: points(&|epoch| epoch.train_loss) },
        Curve { name: "test", class: "test", points: points(&|epoch| epoch.test_loss) },
    ];
    let adapts = metrics.epochs.iter().any(|epoch| epoch.adaptation.is_some());
    let activity = points(&|epoch| epoch.adaptation.map_or(f64::NAN, |a| a.activity.into()));
    let activity = [Curve { name: "active", class: "train", points: activity }];
    html! {
        h2 { "Loss" }
        div class="panel" {
            @match chart("loss by epoch", &losses) {
                Some(svg) => {
                    div class="legend" {
                        span class="train" { "train" }
                        span class="test" { "test" }
                        span class="faint unit" { (metrics.loss_unit) }
                    }
                    (svg)
                }
                None => p { "No epoch has a finite loss." }
            }
        }
        @if adapts {
            h2 { "Share of active units" }
            @if let Some(svg) = chart("share of active units by epoch", &activity) {
                div class="panel" { (svg) }
            }
        }
    }
}

/// The measures of the held-out images.
fn measured(metrics: &MetricsFile) -> Markup {
    let last = metrics.epochs.last();
    html! {
        h2 { "Held-out images" }
        div class="wide" {
            table {
                thead {
                    tr { th { "measure" } th class="number" { "value" } th { "unit" } th { "what" } }
                }
                tbody {
                    @if let Some(last) = last {
                        (row("loss", last.test_loss, &metrics.loss_unit, "the objective"))
                    }
                    @for (name, value) in &metrics.test {
                        @let (unit, what) = describe(name).unwrap_or_default();
                        (row(name, *value, unit, what))
                    }
                }
            }
        }
    }
}

fn row(name: &str, value: f64, unit: &str, what: &str) -> Markup {
    html! {
        tr {
            th scope="row" { (name) }
            td class="number" { (number(value)) }
            td class="unit" { (unit) }
            td class="faint" { (what) }
        }
    }
}

/// Who computed how many shards.
fn shares(shares: &[Share]) -> String {
    let each: Vec<String> =
        shares.iter().map(|share| format!("{} by {}", share.shards, share.device)).collect();
    each.join(", ")
}

/// What the run was made on, and how fast it was.
fn machine(metrics: &MetricsFile) -> Markup {
    let known = metrics.epochs.iter().map(|epoch| epoch.seconds).filter(|it| it.is_finite());
    let seconds: f64 = known.sum();
    let facts = [
        ("device", format!("{} ({})", metrics.adapter, metrics.device)),
        ("shards", shares(&metrics.shares)),
        ("parameters", metrics.parameters.to_string()),
        ("planned memory", Bytes(metrics.planned_bytes).to_string()),
        (
            "training",
            format!("{} s for {}", number(seconds), counted(metrics.epochs.len(), "epoch")),
        ),
        ("speed", format!("{} images/s", number(metrics.images_per_second.round()))),
        ("Diabolo", metrics.diabolo.clone()),
    ];
    html! {
        h2 { "Run" }
        table {
            tbody {
                @for (name, value) in facts.into_iter().filter(|(_, value)| !value.is_empty()) {
                    tr { th scope="row" { (name) } td { (value) } }
                }
            }
        }
    }
}

fn picture(shown: &Picture) -> Markup {
    let source = format!("data:image/png;base64,{}", STANDARD.encode(&shown.bytes));
    html! {
        figure {
            figcaption {
                @if let Some(caption) = shown.caption { (caption) " (" (shown.name) ")" }
                @else { (shown.name) }
            }
            img src=(source) alt=(shown.caption.unwrap_or(&shown.name)) width=(shown.width)
                height=(shown.height);
        }
    }
}

/// Time by operation.
fn operations(profile: &ProfileFile) -> Markup {
    let total: f64 = profile.operations.iter().map(|row| row.seconds).sum();
    let share = |seconds: f64| if total > 0.0 { 100.0 * seconds / total } else { 0.0 };
    let rest = profile.operations.get(MOST_OPERATIONS..).unwrap_or_default();
    let speed = |flops: u64, seconds: f64| match flops > 0 && seconds > 0.0 {
        true => format!("{:.2}", flops as f64 / seconds * 1e-9),
        false => "-".into(),
    };
    html! {
        h2 { "Time by operation" }
        p class="faint" { (number(total)) " s in all on " (profile.adapter) }
        div class="wide" {
            table {
                thead {
                    tr {
                        th { "operation" } th { "shape" } th class="number" { "calls" }
                        th class="number" { "ms" } th class="number" { "share" }
                        th class="number" { "GFLOP/s" }
                    }
                }
                tbody {
                    @for row in profile.operations.iter().take(MOST_OPERATIONS) {
                        tr {
                            th scope="row" { (row.operation) }
                            td { (row.shape) }
                            td class="number" { (row.calls) }
                            td class="number" { (format!("{:.2}", row.seconds * 1e3)) }
                            td class="number" { (format!("{:.1}%", share(row.seconds))) }
                            td class="number" { (speed(row.flops, row.seconds)) }
                        }
                    }
                }
            }
        }
        @if !rest.is_empty() {
            p class="faint" {
                (rest.len()) " more take "
                (format!("{:.1}%", share(rest.iter().map(|row| row.seconds).sum())))
            }
        }
    }
}
