//! How long an adapter is waited for: as long as it takes, unless someone wants an end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};

/// How long a wait lasts before it looks up.
pub(super) const LOOK: Duration = Duration::from_millis(100);
/// How long an adapter may take to end one submission where someone wants an end: the slowest that
/// works at all takes less.
const GRACE: Duration = Duration::from_secs(10);
/// After how long it is said what is waited for.
const SILENCE: Duration = Duration::from_secs(60);

/// Whom a wait listens to.
#[derive(Clone, Debug, Default)]
pub(super) struct Patience {
    /// Set when someone wants an end.
    pub stop: Option<Arc<AtomicBool>>,
}

/// One wait.
#[derive(Debug)]
pub(super) struct Wait<'a> {
    patience: &'a Patience,
    begin: Instant,
    /// When an end was first seen to be wanted.
    wanted: Option<Instant>,
    has_told: bool,
}

impl<'a> Wait<'a> {
    pub fn new(patience: &'a Patience, now: Instant) -> Self {
        Self { patience, begin: now, wanted: None, has_told: false }
    }

    /// Whether to go on waiting for the adapter of this name.
    ///
    /// # Errors
    /// When someone wants an end and it has not answered for long.
    pub fn look(&mut self, now: Instant, name: &str) -> Result<()> {
        let waited = now.duration_since(self.begin);
        if self.patience.stop.as_ref().is_some_and(|stop| stop.load(Ordering::SeqCst)) {
            let wanted = *self.wanted.get_or_insert(now);
            if now.duration_since(wanted) >= GRACE {
                return Err(Error::Interrupted(format!(
                    "interrupted: {name} has not answered for {} s, so what it was doing is not \
                     saved; where this recurs, a newer driver, a smaller --batch or --device cpu \
                     helps",
                    waited.as_secs()
                )));
            }
        }
        if waited >= SILENCE && !self.has_told {
            self.has_told = true;
            let seconds = waited.as_secs();
            log::warn!("{name} has been at one piece of work for {seconds} s; it may hang");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_who_wants_an_end_is_kept_waiting_no_longer() {
        let stop = Arc::new(AtomicBool::new(false));
        let patience = Patience { stop: Some(stop.clone()) };
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut wait = Wait::new(&patience, start);
        for seconds in [1, 59, 61, 1000] {
            wait.look(at(seconds), "card").unwrap();
        }
        assert!(wait.has_told);
        stop.store(true, Ordering::SeqCst);
        // What is under way may end in good order.
        for seconds in [1001, 1010] {
            wait.look(at(seconds), "card").unwrap();
        }
        let error = wait.look(at(1011), "card").unwrap_err();
        assert!(matches!(error, Error::Interrupted(_)), "{error}");
        assert!(error.to_string().contains("card has not answered for 1011 s"), "{error}");
        Wait::new(&patience, at(1011)).look(at(1012), "card").unwrap();
        Wait::new(&Patience::default(), start).look(at(9999), "card").unwrap();
    }
}
