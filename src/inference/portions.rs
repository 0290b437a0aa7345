//! How rows are cut into portions that a device takes at once.

/// The most rows a step.
const BATCH: usize = 256;
/// Numbers that one layer makes at once, by which steps are kept small where images are large.
pub(super) const NUMBERS: usize = 1 << 22;
/// Numbers that one layer makes of a portion on the processor: what lies between layers stays in its caches.
const CACHED: usize = 1 << 20;
/// Rows below which portions are not worth it: each brings weights into order anew.
const FEWEST: usize = 16;

/// How rows are cut: so many a plan, and so many plans at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Portions {
    pub rows: usize,
    pub at_once: usize,
}

impl Portions {
    /// One plan after the other.
    pub fn of(rows: usize) -> Self {
        Self { rows, at_once: 1 }
    }

    /// Of `count` rows of which a layer makes `widest` numbers each at most, on a processor that runs `at_once` plans
    /// [together](crate::graph::Executor::run_together): each thread takes rows through all layers by itself, while they
    /// are in its caches. Where rows are too large for that, threads share each operation of a plan.
    pub fn cached(widest: usize, at_once: usize, count: usize) -> Self {
        let most = CACHED / widest.max(1);
        if most < FEWEST || count < 2 * FEWEST {
            return Self::of(most_rows(widest));
        }
        let most = most.min(BATCH);
        // As many times as it takes, by portions alike.
        let times = count.div_ceil(most * at_once).max(1);
        Self { rows: count.div_ceil(times * at_once).max(FEWEST), at_once }
    }

    /// The rows of each portion, by those that are taken together.
    pub fn sizes(self, count: usize) -> Vec<Vec<usize>> {
        let sizes: Vec<usize> =
            (0..count).step_by(self.rows).map(|begin| self.rows.min(count - begin)).collect();
        sizes.chunks(self.at_once).map(<[usize]>::to_vec).collect()
    }
}

/// The most rows of a plan: fewer where a layer makes many numbers of one.
pub(super) fn most_rows(widest: usize) -> usize {
    (2 * NUMBERS / widest.max(1)).clamp(1, BATCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn portions_are_alike_and_hold_every_row() {
        for (widest, at_once, count) in
            [(25088, 2, 128), (784, 16, 10_000), (1, 3, 1000), (25088, 2, 97), (784, 1, 300)]
        {
            let sizes = Portions::cached(widest, at_once, count).sizes(count);
            assert!(sizes.iter().all(|together| together.len() <= at_once));
            let sizes = sizes.concat();
            assert_eq!(sizes.iter().sum::<usize>(), count);
            let (last, others) = sizes.split_last().unwrap();
            assert!(others.iter().all(|size| *size == sizes[0]) && *last <= sizes[0]);
            assert!(sizes[0] * widest <= CACHED && sizes[0] <= BATCH);
        }
        assert_eq!(Portions::cached(25088, 2, 128).sizes(128), [[32, 32], [32, 32]]);
        // Of large images, or few, each operation is shared by all threads.
        assert_eq!(Portions::cached(131_072, 2, 64), Portions::of(64));
        assert_eq!(Portions::cached(25088, 8, 20), Portions::of(256));
        assert!(Portions::of(4).sizes(0).is_empty());
    }
}
