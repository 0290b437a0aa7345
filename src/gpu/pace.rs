//! How much goes into one submission, by the time that those before it took.
//!
//! Windows and Linux end what keeps a GPU busy for two seconds, and a desktop that shares it stutters
//! long before. So a plan begins with a step a submission, goes on with as many as fit [`AIM`], and a
//! step that alone takes longer than [`MOST`] is split at its operations.

use std::ops::Range;
use std::time::Instant;

/// Seconds that a submission should take.
const AIM: f64 = 0.05;
/// Seconds that a step may take before it is split.
const MOST: f64 = 0.1;
/// What a slow GPU does a second, where nothing was measured yet: a step that takes it long is split
/// from the first.
const FLOPS: f64 = 1e11;
const BYTES: f64 = 1e10;

/// Seconds that a slow GPU takes for so much.
pub(super) fn assumed_seconds(flops: u64, bytes: u64) -> f64 {
    flops as f64 / FLOPS + bytes as f64 / BYTES
}

/// How long the submissions of some steps took.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Took {
    /// Steps in the submission.
    pub steps: usize,
    /// Submissions that the one step was split into; 1 for whole steps.
    pub parts: usize,
    /// Seconds in all.
    pub seconds: f64,
    /// Seconds of the longest part.
    pub longest: f64,
    /// Whether the times are what it took; they may be more otherwise, since nobody looked.
    pub is_exact: bool,
}

/// What the next submission of a plan holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pace {
    steps: usize,
    parts: usize,
    /// Operations of a step.
    operations: usize,
}

impl Pace {
    /// For a plan of so many operations, which a slow GPU would take so long for.
    pub fn new(operations: usize, assumed_seconds: f64) -> Self {
        let mut this = Self { steps: 1, parts: 1, operations };
        if assumed_seconds > MOST {
            this.split(assumed_seconds / AIM);
        }
        this
    }

    /// The most steps of a submission.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// Submissions that one step is split into.
    pub fn parts(&self) -> usize {
        self.parts
    }

    /// Learns from submissions that have ended. Times that may be too long make nothing shorter.
    pub fn learn(&mut self, took: &Took) {
        let step = took.seconds / took.steps as f64;
        if step > MOST {
            if took.is_exact {
                self.steps = 1;
                self.split(took.parts as f64 * took.longest / took.steps as f64 / AIM);
            }
            return;
        }
        let fit = ((AIM / step) as usize).max(1);
        // Twice as many as were seen to fit: what a step takes is not known well from a few.
        let most = self.steps.max(2 * took.steps);
        if fit >= self.steps || took.is_exact {
            self.steps = fit.min(most);
        }
        self.parts = 1;
    }

    fn split(&mut self, parts: f64) {
        self.parts = (parts.ceil() as usize).clamp(2, self.operations.max(2));
    }
}

/// Splits operations that take about so long each into `parts` that take about as long as each other,
/// or fewer.
pub(super) fn split(seconds: &[f64], parts: usize) -> Vec<Range<usize>> {
    if parts >= seconds.len() {
        return (0..seconds.len()).map(|one| one..one + 1).collect();
    }
    let total: f64 = seconds.iter().sum();
    let mut before = 0.0;
    let part_of = seconds.iter().map(|own| {
        let middle = before + own / 2.0;
        before += own;
        ((middle / total * parts as f64) as usize).min(parts - 1)
    });
    let part_of: Vec<usize> = part_of.collect();
    let mut begin = 0;
    let parts = part_of.chunk_by(|a, b| a == b).map(|part| {
        let range = begin..begin + part.len();
        begin = range.end;
        range
    });
    parts.collect()
}

/// What is known of when an adapter was busy. It takes one submission after the other; when each ended
/// is known exactly only where that was waited for.
#[derive(Debug)]
pub(super) struct Stopwatch {
    /// When a submission is known to have ended, exactly.
    exact: Instant,
    /// When one was last found to have ended.
    found: Instant,
}

impl Stopwatch {
    pub fn new(now: Instant) -> Self {
        Self { exact: now, found: now }
    }

    /// The seconds of a submission that is found `now` to have ended, and whether they are exact:
    /// they may be more where it was not waited for, or where what it waited for was not.
    pub fn stop(&mut self, submitted: Instant, now: Instant, waited: bool) -> (f64, bool) {
        let is_exact = waited && (self.found == self.exact || submitted >= self.found);
        let seconds = now.duration_since(self.exact.max(submitted)).as_secs_f64();
        self.found = now;
        if waited {
            self.exact = now;
        }
        (seconds, is_exact)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn took(steps: usize, step: f64) -> Took {
        let seconds = steps as f64 * step;
        Took { steps, parts: 1, seconds, longest: seconds, is_exact: true }
    }

    /// Steps a submission, one after the other, of steps that take so long.
    fn sizes(pace: &mut Pace, step: f64, count: usize) -> Vec<usize> {
        let mut sizes = vec![];
        for _ in 0..count {
            sizes.push(pace.steps());
            pace.learn(&took(pace.steps(), step));
        }
        sizes
    }

    #[test]
    fn it_begins_with_one_step_and_doubles_up_to_what_fits() {
        let mut pace = Pace::new(20, 0.001);
        assert_eq!(sizes(&mut pace, 0.002, 7), [1, 2, 4, 8, 16, 25, 25]);
        // Slower by half, faster by half, and as before.
        assert_eq!(sizes(&mut pace, 0.003, 3), [25, 16, 16]);
        assert_eq!(sizes(&mut pace, 0.001, 4), [16, 32, 50, 50]);
        assert_eq!(sizes(&mut pace, 0.09, 2), [50, 1]);
        assert_eq!(pace.parts(), 1, "of up to a tenth of a second");
    }

    #[test]
    fn a_last_short_submission_makes_no_pace_slower() {
        let mut pace = Pace::new(20, 0.001);
        sizes(&mut pace, 0.0005, 12);
        assert_eq!(pace.steps(), 100);
        pace.learn(&took(3, 0.0005));
        assert_eq!(pace.steps(), 100);
    }

    #[test]
    fn a_long_step_is_split_until_its_parts_are_short() {
        let mut pace = Pace::new(30, 0.001);
        pace.learn(&took(1, 0.4));
        assert_eq!((pace.steps(), pace.parts()), (1, 8));
        // One of the parts is longer than the others.
        let uneven = Took { steps: 1, parts: 8, seconds: 0.4, longest: 0.1, is_exact: true };
        pace.learn(&uneven);
        assert_eq!(pace.parts(), 16);
        let even = Took { parts: 16, longest: 0.04, ..uneven };
        pace.learn(&even);
        assert_eq!(pace.parts(), 13);
        let one_long_operation = Took { parts: 13, longest: 0.3, ..uneven };
        pace.learn(&one_long_operation);
        assert_eq!(pace.parts(), 30, "one an operation, at most");
        // Whatever made it slow has gone.
        pace.learn(&Took { parts: 30, seconds: 0.02, longest: 0.01, ..uneven });
        assert_eq!((pace.steps(), pace.parts()), (2, 1));
    }

    #[test]
    fn what_is_long_for_a_slow_gpu_is_split_from_the_first() {
        assert_eq!(Pace::new(30, assumed_seconds(9_000_000_000, 0)).parts(), 1);
        assert_eq!(Pace::new(30, assumed_seconds(30_000_000_000, 1_000_000_000)).parts(), 8);
        assert_eq!(Pace::new(30, 100.0).parts(), 30);
    }

    #[test]
    fn a_time_that_may_be_too_long_slows_nothing_down() {
        let mut pace = Pace::new(20, 0.001);
        sizes(&mut pace, 0.001, 12);
        let before = pace.clone();
        for step in [0.01, 1.0] {
            pace.learn(&Took { is_exact: false, ..took(50, step) });
            assert_eq!(pace, before);
        }
        pace.learn(&Took { is_exact: false, ..took(50, 0.0005) });
        assert_eq!(pace.steps(), 100, "but if even that is short, more fit");
    }

    #[test]
    fn a_submission_begins_when_the_one_before_it_ends() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut watch = Stopwatch::new(start);
        // Two are sent at once, and both are waited for.
        assert_eq!(watch.stop(at(10), at(40), true), (0.03, true));
        assert_eq!(watch.stop(at(11), at(70), true), (0.03, true));
        // Two that are found to have ended some time ago; neither is too short.
        assert_eq!(watch.stop(at(80), at(200), false), (0.12, false));
        assert_eq!(watch.stop(at(81), at(200), false), (0.119, false));
        // What was behind them may have begun before they were found.
        assert_eq!(watch.stop(at(90), at(210), true), (0.12, false));
        // From then on times are exact again.
        assert_eq!(watch.stop(at(95), at(250), true), (0.04, true));
        assert_eq!(watch.stop(at(260), at(300), false), (0.04, false));
        assert_eq!(watch.stop(at(310), at(330), true), (0.02, true), "sent after it was found");
    }

    proptest! {
        #[test]
        fn parts_are_all_operations_in_order(
            seconds in prop::collection::vec(0.0_f64..1.0, 1..40),
            parts in 1_usize..50,
        ) {
            let ranges = split(&seconds, parts);
            prop_assert!(ranges.len() <= parts && ranges.iter().all(|part| !part.is_empty()));
            let all: Vec<usize> = ranges.iter().cloned().flatten().collect();
            prop_assert_eq!(all, (0..seconds.len()).collect::<Vec<_>>());
            let total: f64 = seconds.iter().sum();
            for part in &ranges {
                let own: f64 = seconds[part.clone()].iter().sum();
                let most = total / parts as f64 + 1.0;
                prop_assert!(part.len() == 1 || own <= most, "{part:?} takes {own} of {most}");
            }
        }
    }
}
