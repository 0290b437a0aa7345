//! What is checked, and what `--only` leaves of it.

use super::case::Case;
use super::cases;
use super::part::Part;
use crate::bench::workloads::Workload;
use crate::error::{Error, Result};
use crate::train::Precision;

/// The workloads that are timed.
const TIMED: [&str; 5] = ["W1", "W3", "W4", "W5", "W6"];

/// What is checked.
pub(super) struct Suite {
    pub cases: Vec<Case>,
    pub timed: Vec<Workload>,
}

impl Suite {
    /// All of it, or what begins with one of these words: the names of parts, cases and workloads.
    ///
    /// # Errors
    /// When a word is the beginning of nothing.
    pub fn of(only: &[String]) -> Result<Self> {
        let begins =
            |name: &str, word: &String| name.to_lowercase().starts_with(&word.to_lowercase());
        let mut used = vec![false; only.len()];
        let mut is_wanted = |part: Part, name: &str| {
            let mut wanted = only.is_empty();
            for (word, used) in only.iter().zip(&mut used) {
                if part.name() == word.as_str() || begins(name, word) {
                    (wanted, *used) = (true, true);
                }
            }
            wanted
        };
        let mut cases = cases::all()?;
        cases.retain(|case| is_wanted(case.part, &case.name));
        let names = TIMED.map(String::from);
        let mut timed = Workload::named(&names, &[], Precision::F32)?;
        timed.retain(|workload| is_wanted(Part::Bench, &workload.name));
        if let Some((word, _)) = only.iter().zip(&used).find(|(_, used)| !**used) {
            let parts = [Part::Kernels, Part::SelfTest, Part::Steps, Part::Bench].map(Part::name);
            let what = format!(
                "`{word}` is the beginning of no check; parts are {}, and the table names the rest",
                parts.join(", ")
            );
            return Err(Error::option("--only", what));
        }
        Ok(Self { cases, timed })
    }
}
