//! How far a picture is, on a terminal: large ones take a while.

use std::path::Path;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// Steps of a bar.
const STEPS: f32 = 1000.0;
const TEMPLATE: &str = "{spinner} {msg} {bar:24.cyan/dim} {percent}% {elapsed}";

/// The progress of one picture; gone once it is dropped. Nothing is drawn where there is no terminal.
pub(super) struct Progress(ProgressBar);

impl Progress {
    pub fn of(path: &Path) -> Self {
        let style = ProgressStyle::with_template(TEMPLATE).expect("the template is valid");
        let bar = ProgressBar::new(STEPS as u64).with_style(style);
        bar.set_message(path.display().to_string());
        bar.enable_steady_tick(Duration::from_millis(200));
        Self(bar)
    }

    /// This share of the picture is made.
    pub fn tell(&self, share: f32) {
        self.0.set_position((share * STEPS) as u64);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
