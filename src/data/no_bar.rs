//! What stands for a progress bar without the feature `cli`: the same calls, which show nothing.

/// A bar that nobody sees.
pub(super) struct ProgressBar;

impl ProgressBar {
    pub fn with_message(self, _message: &'static str) -> Self {
        self
    }

    pub fn inc(&self, _steps: u64) {}

    pub fn finish_and_clear(&self) {}
}

/// A progress bar that is hidden.
pub(super) fn progress_bar(_length: u64, _shown: bool, _template: &str) -> ProgressBar {
    ProgressBar
}
