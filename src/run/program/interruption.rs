//! Ctrl-C and requests to end: once, training saves and stops; twice, the program ends at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};

use crate::error::{Error, Result};
use crate::run::terminal::INTERRUPTED;

/// Whether someone wants training to stop. Clones share the wish.
#[derive(Clone, Debug, Default)]
pub struct Interruption {
    wanted: Arc<AtomicBool>,
    /// Whether the next signal ends the program without further ado.
    at_once: Arc<AtomicBool>,
}

impl Interruption {
    /// Hears SIGINT, which is Ctrl-C, and SIGTERM from now on. While there is nothing
    /// to save, and after the first signal, one of them ends the program at once.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn listen() -> Result<Self> {
        let this = Self::default();
        this.at_once.store(true, Ordering::SeqCst);
        for signal in [SIGINT, SIGTERM] {
            let at_once = this.at_once.clone();
            let code = INTERRUPTED.into();
            // In the order of registration: whether this one ends the program is asked first.
            signal_hook::flag::register_conditional_shutdown(signal, code, at_once)
                .and_then(|_| signal_hook::flag::register(signal, this.at_once.clone()))
                .and_then(|_| signal_hook::flag::register(signal, this.wanted.clone()))
                .map_err(|error| {
                    let what = format!("Ctrl-C cannot be listened to: {error}");
                    Error::Device(what)
                })?;
        }
        Ok(this)
    }

    /// Asks for training to stop, as a signal does.
    pub fn ask(&self) {
        self.wanted.store(true, Ordering::SeqCst);
    }

    /// Whether training should stop.
    pub fn is_wanted(&self) -> bool {
        self.wanted.load(Ordering::SeqCst)
    }

    /// Does `work`, during which there is something to save, so that the first signal is a wish.
    pub(super) fn guarded<T>(&self, work: impl FnOnce() -> T) -> T {
        let before = self.at_once.swap(false, Ordering::SeqCst);
        let value = work();
        self.at_once.store(before, Ordering::SeqCst);
        value
    }
}
