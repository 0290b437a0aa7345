//! What is said while a model learns: a bar on a terminal, else now and then a line.

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Lines within an epoch come no more often than this,
const LINE_SECONDS: Duration = Duration::from_secs(5);

/// and not before this part of the epoch has gone by.
const LINE_PART: f64 = 0.1;

const TEMPLATE: &str = "{prefix} {bar:24.cyan/dim} {pos}/{len}{msg}";

/// Where the words go.
enum Display {
    Bar(ProgressBar),
    Lines(Box<dyn Write + Send>),
    Nothing,
}

/// The progress of a run. Lines at an epoch's end are results and go to the standard output; all
/// else goes to the standard error.
pub struct Progress {
    display: Display,
    results: Box<dyn Write + Send>,
    /// What a loss counts.
    unit: String,
    /// When the first epoch began, and the images since then.
    run: Option<Instant>,
    run_images: u64,
    epoch: u64,
    epochs: u64,
    /// When this epoch began, its images, and those of them that are done.
    began: Instant,
    images: u64,
    done: u64,
    /// Those of them that are not of this process.
    skipped: u64,
    loss: Option<f64>,
    /// When the last line was written, and the images that were done then.
    line: (Instant, u64),
}

impl Progress {
    /// A bar where the standard error is a terminal, else lines. `unit` is what a loss counts, such
    /// as `nats per image`.
    pub fn new(unit: impl Into<String>) -> Self {
        let display = if io::stderr().is_terminal() {
            bar(ProgressDrawTarget::stderr_with_hz(10))
        } else {
            Display::Lines(Box::new(io::stderr()))
        };
        Self::with(display, Box::new(io::stdout()), unit.into())
    }

    /// No progress at all, for tests and other programs.
    pub fn hidden() -> Self {
        Self::with(Display::Nothing, Box::new(io::sink()), String::new())
    }

    /// Lines to these writers: those within an epoch, and those at the end of one.
    pub fn to_writers(
        unit: impl Into<String>,
        lines: impl Write + Send + 'static,
        results: impl Write + Send + 'static,
    ) -> Self {
        Self::with(Display::Lines(Box::new(lines)), Box::new(results), unit.into())
    }

    fn with(display: Display, results: Box<dyn Write + Send>, unit: String) -> Self {
        let now = Instant::now();
        Self {
            display,
            results,
            unit,
            run: None,
            run_images: 0,
            epoch: 0,
            epochs: 0,
            began: now,
            images: 0,
            done: 0,
            skipped: 0,
            loss: None,
            line: (now, 0),
        }
    }

    /// Begins epoch `number`, counted from 1, out of `of`, which has `images` images.
    pub fn epoch(&mut self, number: u64, of: u64, images: u64) {
        let now = Instant::now();
        self.run.get_or_insert(now);
        (self.epoch, self.epochs, self.images) = (number, of, images);
        (self.began, self.done, self.skipped, self.line) = (now, 0, 0, (now, 0));
        if let Display::Bar(bar) = &self.display {
            bar.reset();
            bar.set_length(images);
            bar.set_prefix(self.heading());
            bar.set_message("");
        }
    }

    /// Counts images of the epoch that were trained on before a break.
    pub fn skip(&mut self, images: u64) {
        (self.done, self.skipped) = (self.done + images, images);
        self.line.1 = self.done;
        if let Display::Bar(bar) = &self.display {
            bar.set_position(self.done);
        }
    }

    /// Counts images that were trained on. `loss` is the newest loss that has arrived; without one
    /// the last one stays.
    pub fn advance(&mut self, images: u64, loss: Option<f64>) {
        self.done += images;
        self.run_images += images;
        self.loss = loss.or(self.loss);
        let now = Instant::now();
        let due = self.line_is_due(now);
        match &self.display {
            Display::Bar(bar) => {
                bar.set_position(self.done);
                bar.set_message(status(self.speed(), self.loss, &self.unit, self.left()));
            }
            Display::Lines(_) if due => self.write_line(now),
            Display::Lines(_) | Display::Nothing => {}
        }
    }

    /// Ends an epoch that took `seconds`, with its mean losses.
    pub fn finish_epoch(&mut self, train_loss: f64, test_loss: f64, seconds: f64) {
        let line = format!(
            "{}: train {}, test {} {}, {:.2} s",
            self.heading(),
            Loss(train_loss),
            Loss(test_loss),
            self.unit,
            seconds,
        );
        let results = &mut self.results;
        // A reader that has gone away, as `head` does, is no reason to stop training.
        let mut write = || {
            let _ = writeln!(results, "{line}").and_then(|()| results.flush());
        };
        match &self.display {
            Display::Bar(bar) => {
                bar.suspend(write);
                if self.epoch >= self.epochs {
                    bar.finish_and_clear();
                }
            }
            Display::Lines(_) | Display::Nothing => write(),
        }
    }

    /// `epoch  3/20`: as wide for the first epoch as for the last.
    fn heading(&self) -> String {
        let width = self.epochs.to_string().len();
        format!("epoch {:>width$}/{}", self.epoch, self.epochs)
    }

    fn line_is_due(&self, now: Instant) -> bool {
        let (last, done) = self.line;
        let part = (self.done - done) as f64 / self.images.max(1) as f64;
        // The end of the epoch has a line of its own.
        part >= LINE_PART && now - last >= LINE_SECONDS && self.done < self.images
    }

    fn write_line(&mut self, now: Instant) {
        self.line = (now, self.done);
        let heading = self.heading();
        let words = status(self.speed(), self.loss, &self.unit, self.left());
        let (done, images) = (self.done, self.images);
        if let Display::Lines(out) = &mut self.display {
            let _ = writeln!(out, "{heading}: {done}/{images}{words}");
        }
    }

    /// Images a second in this epoch.
    fn speed(&self) -> f64 {
        (self.done - self.skipped) as f64 / self.began.elapsed().as_secs_f64().max(1e-9)
    }

    /// The time that the rest of the run takes, at its speed so far, evaluation included.
    fn left(&self) -> Option<Duration> {
        let elapsed = self.run?.elapsed().as_secs_f64();
        let rest = self.images.saturating_sub(self.done) as f64
            + self.epochs.saturating_sub(self.epoch) as f64 * self.images as f64;
        let seconds = rest * elapsed / self.run_images as f64;
        Duration::try_from_secs_f64(seconds).ok()
    }
}

fn bar(target: ProgressDrawTarget) -> Display {
    let style = ProgressStyle::with_template(TEMPLATE).expect("the template is valid");
    let style = style.progress_chars("━╸ ");
    Display::Bar(ProgressBar::with_draw_target(None, target).with_style(style))
}

/// What follows the count of images.
fn status(speed: f64, loss: Option<f64>, unit: &str, left: Option<Duration>) -> String {
    let mut words = format!(", {speed:.0} images/s");
    if let Some(loss) = loss {
        words += &format!(", loss {} {unit}", Loss(loss));
    }
    if let Some(left) = left {
        words += &format!(", {} left", Left(left));
    }
    words
}

/// A loss with about five digits.
struct Loss(f64);

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let loss = self.0;
        match loss.abs() {
            size if size >= 1e7 || (size < 1e-3 && size > 0.0) => write!(f, "{loss:.3e}"),
            size if size >= 1e3 => write!(f, "{loss:.1}"),
            size if size >= 10.0 => write!(f, "{loss:.2}"),
            size if size >= 1.0 => write!(f, "{loss:.3}"),
            _ => write!(f, "{loss:.5}"),
        }
    }
}

/// A time as long as needed, in two units at most.
struct Left(Duration);

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_secs() {
            seconds @ 0..60 => write!(f, "{seconds} s"),
            seconds @ 60..3600 => write!(f, "{} min {:02} s", seconds / 60, seconds % 60),
            seconds => write!(f, "{} h {:02} min", seconds / 3600, seconds / 60 % 60),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// A writer that can be read from outside.
    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Shared {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().expect("no panic").clone()).expect("is text")
        }
    }

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("no panic").write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn each_epoch_ends_with_a_line() {
        let (lines, results) = (Shared::default(), Shared::default());
        let mut progress = Progress::to_writers("nats per image", lines.clone(), results.clone());
        for epoch in 9..=10 {
            progress.epoch(epoch, 10, 1000);
            for _ in 0..10 {
                progress.advance(100, Some(99.5));
            }
            progress.finish_epoch(101.25, 0.000_123_4, 2.5);
        }
        assert_eq!(lines.text(), "", "nothing took five seconds");
        let expected = "epoch  9/10: train 101.25, test 1.234e-4 nats per image, 2.50 s\n\
            epoch 10/10: train 101.25, test 1.234e-4 nats per image, 2.50 s\n";
        assert_eq!(results.text(), expected);
    }

    #[test]
    fn lines_within_an_epoch_wait_for_time_and_images() {
        let lines = Shared::default();
        let mut progress = Progress::to_writers("nats", lines.clone(), io::sink());
        progress.epoch(1, 2, 1000);
        let later = progress.began + LINE_SECONDS;
        progress.done = 99;
        assert!(!progress.line_is_due(later), "less than a tenth");
        progress.done = 100;
        assert!(!progress.line_is_due(progress.began) && progress.line_is_due(later));
        progress.run_images = 100;
        progress.write_line(later);
        assert!(!progress.line_is_due(later), "just written");
        progress.done = 1000;
        let end = later + LINE_SECONDS;
        assert!(!progress.line_is_due(end), "the end of an epoch has a line of its own");
        let text = lines.text();
        assert!(text.starts_with("epoch 1/2: 100/1000, ") && text.ends_with(" left\n"), "{text}");
    }

    #[test]
    fn words_fit_the_size_of_numbers() {
        let shown = [0.0, 0.25, -3.5, 1234.56, 2e9, f64::NAN].map(|loss| Loss(loss).to_string());
        assert_eq!(shown, ["0.00000", "0.25000", "-3.500", "1234.6", "2.000e9", "NaN"]);
        let left = [0, 59, 200, 7500].map(|seconds| Left(Duration::from_secs(seconds)).to_string());
        assert_eq!(left, ["0 s", "59 s", "3 min 20 s", "2 h 05 min"]);
        assert_eq!(status(812.4, None, "nats", None), ", 812 images/s");
        let words = status(3.0, Some(0.5), "nats", Some(Duration::from_secs(61)));
        assert_eq!(words, ", 3 images/s, loss 0.50000 nats, 1 min 01 s left");
    }

    #[test]
    fn a_bar_says_the_same_at_the_end_of_an_epoch() {
        let results = Shared::default();
        let display = bar(ProgressDrawTarget::hidden());
        let mut progress = Progress::with(display, Box::new(results.clone()), "nats".to_owned());
        for epoch in 1..=2 {
            progress.epoch(epoch, 2, 10);
            progress.advance(10, Some(1.0));
            progress.finish_epoch(1.0, 2.0, 0.5);
        }
        let expected = "epoch 1/2: train 1.000, test 2.000 nats, 0.50 s\n\
            epoch 2/2: train 1.000, test 2.000 nats, 0.50 s\n";
        assert_eq!(results.text(), expected);
    }

    #[test]
    fn odd_calls_do_no_harm() {
        let mut progress = Progress::hidden();
        progress.advance(5, None);
        progress.epoch(3, 1, 0);
        progress.advance(0, Some(f64::NAN));
        assert!(progress.left().is_none() || progress.left() == Some(Duration::ZERO));
        progress.finish_epoch(f64::NAN, f64::INFINITY, 0.0);
    }
}
