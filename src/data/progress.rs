//! A bar that shows how far loading is.

/// A progress bar that is hidden unless `shown`.
pub(super) fn progress_bar(length: u64, shown: bool, template: &str) -> indicatif::ProgressBar {
    if !shown {
        return indicatif::ProgressBar::hidden();
    }
    let style = indicatif::ProgressStyle::with_template(template)
        .expect("the templates in this crate are valid");
    indicatif::ProgressBar::new(length).with_style(style)
}
