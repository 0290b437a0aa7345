//! Time by operation and shape, as `--profile` prints it.

use std::collections::HashMap;
use std::fmt::Write;

use super::executor::ProfileRow;

/// Times added up by operation and shape; both executors keep one.
#[derive(Clone, Debug, Default)]
pub struct ProfileTally {
    rows: HashMap<(&'static str, String), ProfileRow>,
}

impl ProfileTally {
    /// A tally of nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a row's calls, time and work to those of its operation and shape.
    pub fn add(&mut self, row: &ProfileRow) {
        let known = self.rows.entry((row.op, row.shape.clone()));
        known
            .and_modify(|known| {
                known.calls += row.calls;
                known.seconds += row.seconds;
                known.flops += row.flops;
            })
            .or_insert_with(|| row.clone());
    }

    /// The rows, longest first.
    pub fn rows(&self) -> Vec<ProfileRow> {
        let mut rows: Vec<_> = self.rows.values().cloned().collect();
        rows.sort_by(|a, b| {
            b.seconds.total_cmp(&a.seconds).then_with(|| (a.op, &a.shape).cmp(&(b.op, &b.shape)))
        });
        rows
    }
}

/// A table of `rows` with each one's share of the time and its speed, and the sum below.
pub fn profile_table(rows: &[ProfileRow]) -> String {
    let total: f64 = rows.iter().map(|row| row.seconds).sum();
    let width = |column: &dyn Fn(&ProfileRow) -> usize, title: &str| {
        rows.iter().map(column).max().unwrap_or(0).max(title.len())
    };
    let op = width(&|row| row.op.len(), "operation");
    let shape = width(&|row| row.shape.len(), "shape");
    let mut text = format!(
        "{:op$}  {:shape$}  {:>8}  {:>10}  {:>6}  {:>9}\n",
        "operation", "shape", "calls", "ms", "share", "GFLOP/s"
    );
    for row in rows {
        let share = if total > 0.0 { 100.0 * row.seconds / total } else { 0.0 };
        let _ = writeln!(
            text,
            "{:op$}  {:shape$}  {:>8}  {:>10.3}  {share:>5.1}%  {:>9}",
            row.op,
            row.shape,
            row.calls,
            row.seconds * 1e3,
            speed(row),
        );
    }
    let calls: u64 = rows.iter().map(|row| row.calls).sum();
    let _ = writeln!(text, "{:op$}  {:shape$}  {calls:>8}  {:>10.3}", "all", "", total * 1e3);
    text
}

fn speed(row: &ProfileRow) -> String {
    match row.flops > 0 && row.seconds > 0.0 {
        true => format!("{:.2}", row.flops as f64 / row.seconds * 1e-9),
        false => "-".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(op: &'static str, seconds: f64) -> ProfileRow {
        ProfileRow { op, shape: "[4] -> [4]".into(), calls: 1, seconds, flops: 128 }
    }

    #[test]
    fn runs_add_up_and_the_longest_comes_first() {
        let mut tally = ProfileTally::new();
        [row("relu", 0.25), row("matmul", 0.5), row("matmul", 0.25)].iter().for_each(|row| {
            tally.add(row);
        });
        let rows = tally.rows();
        assert_eq!((rows[0].op, rows[0].calls, rows[0].flops), ("matmul", 2, 256));
        let table = profile_table(&rows);
        assert!(table.contains("75.0%") && table.contains("1000.000"), "{table}");
        assert!(profile_table(&[]).contains("operation"));
    }
}
