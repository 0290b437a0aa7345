//! How right predicted classes are.

use std::fmt::Write;

/// Counts of true and predicted classes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confusion {
    /// `[true class][predicted class]`.
    pub counts: Vec<Vec<u64>>,
    /// The names of the classes.
    pub names: Vec<String>,
}

/// How well one class is told from the others.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct ClassScore {
    /// Its name.
    pub class: String,
    /// Of those that were taken for it, the share that was right; `None` where none were.
    pub precision: Option<f64>,
    /// Of its own, the share that was taken for it; `None` where there were none.
    pub recall: Option<f64>,
    /// The harmonic mean of both.
    pub f1: Option<f64>,
    /// How many of its own there are.
    pub count: u64,
}

impl Confusion {
    /// Counts `predicted` classes of examples whose classes are `labels`; both lie below the number
    /// of `names`.
    pub fn count(labels: &[u32], predicted: &[u32], names: Vec<String>) -> Self {
        let mut counts = vec![vec![0; names.len()]; names.len()];
        for (label, predicted) in labels.iter().zip(predicted) {
            let row = counts.get_mut(*label as usize);
            if let Some(count) = row.and_then(|row| row.get_mut(*predicted as usize)) {
                *count += 1;
            }
        }
        Self { counts, names }
    }

    /// The share that is right.
    pub fn accuracy(&self) -> f64 {
        let right: u64 = (0..self.counts.len()).map(|class| self.counts[class][class]).sum();
        let all: u64 = self.counts.iter().flatten().sum();
        right as f64 / all.max(1) as f64
    }

    /// Precision and recall of each class.
    pub fn classes(&self) -> Vec<ClassScore> {
        let share = |part: u64, all: u64| (all > 0).then(|| part as f64 / all as f64);
        let score = |(class, name): (usize, &String)| {
            let right = self.counts[class][class];
            let own: u64 = self.counts[class].iter().sum();
            let taken: u64 = self.counts.iter().map(|row| row[class]).sum();
            ClassScore {
                class: name.clone(),
                precision: share(right, taken),
                recall: share(right, own),
                f1: share(2 * right, own + taken),
                count: own,
            }
        };
        self.names.iter().enumerate().map(score).collect()
    }

    /// A table of precision and recall by class.
    pub fn class_table(&self) -> String {
        let width = self.name_width("class");
        let number = |number: Option<f64>| number.map_or("-".into(), |n| format!("{n:.4}"));
        let mut text = format!("{:width$}  precision  recall      f1   count\n", "class");
        for score in self.classes() {
            let _ = writeln!(
                text,
                "{:width$}  {:>9}  {:>6}  {:>6}  {:>6}",
                score.class,
                number(score.precision),
                number(score.recall),
                number(score.f1),
                score.count
            );
        }
        text
    }

    /// The counts as a table: true classes below each other, predicted ones, by number, beside each
    /// other.
    pub fn matrix_table(&self) -> String {
        let most = self.counts.iter().flatten().max().copied().unwrap_or(0);
        let cell = most.to_string().len().max(self.names.len().to_string().len());
        let width = self.name_width("true \\ predicted");
        let digits = self.names.len().saturating_sub(1).to_string().len();
        let mut text = format!("{:digits$}  {:width$}", "", "true \\ predicted");
        (0..self.names.len()).for_each(|class| {
            let _ = write!(text, "  {class:>cell$}");
        });
        for (class, (name, row)) in self.names.iter().zip(&self.counts).enumerate() {
            let _ = write!(text, "\n{class:>digits$}  {name:width$}");
            row.iter().for_each(|count| {
                let _ = write!(text, "  {count:>cell$}");
            });
        }
        text.push('\n');
        text
    }

    fn name_width(&self, title: &str) -> usize {
        let names = self.names.iter().map(|name| name.chars().count());
        names.max().unwrap_or(0).max(title.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Confusion {
        let names = ["cat", "dog", "owl"].map(String::from).to_vec();
        Confusion::count(&[0, 0, 0, 0, 1, 1, 1], &[0, 0, 0, 1, 1, 0, 1], names)
    }

    #[test]
    fn shares_are_those_counted_by_hand() {
        let confusion = example();
        assert_eq!(confusion.counts, [[3, 1, 0], [1, 2, 0], [0, 0, 0]]);
        assert_eq!(confusion.accuracy(), 5.0 / 7.0);
        let classes = confusion.classes();
        assert_eq!((classes[0].precision, classes[0].recall), (Some(0.75), Some(0.75)));
        let dog = &classes[1];
        assert_eq!((dog.precision, dog.recall), (Some(2.0 / 3.0), Some(2.0 / 3.0)));
        assert_eq!((dog.f1, dog.count), (Some(4.0 / 6.0), 3));
        let owl = &classes[2];
        assert_eq!((owl.precision, owl.recall, owl.f1, owl.count), (None, None, None, 0));
    }

    #[test]
    fn tables_have_a_line_a_class() {
        let confusion = example();
        assert_eq!(
            confusion.matrix_table(),
            "   true \\ predicted  0  1  2\n0  cat               3  1  0\n1  dog               1  2  \
             0\n2  owl               0  0  0\n"
        );
        let table = confusion.class_table();
        assert!(table.contains("dog       0.6667  0.6667  0.6667       3\n"), "{table}");
        assert!(table.contains("owl            -       -       -       0\n"), "{table}");
    }
}
