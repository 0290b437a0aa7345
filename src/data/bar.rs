//! Progress on the terminal, where loading takes time.

use indicatif::{ProgressBar, ProgressStyle};

/// A progress bar that is hidden unless `shown`.
pub(super) fn progress_bar(length: u64, shown: bool, template: &str) -> ProgressBar {
    if !shown {
        return ProgressBar::hidden();
    }
    let style =
        ProgressStyle::with_template(template).expect("the templates in this crate are valid");
    ProgressBar::new(length).with_style(style)
}
