//! Ctrl-C, requests to end and a terminal that is closed: once, training saves and stops; twice, the
//! program ends at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

#[cfg(unix)]
use signal_hook::consts::SIGHUP;
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::error::{Error, Result};
use crate::run::terminal::INTERRUPTED;

/// Whether someone wants training to stop. Clones share the wish.
#[derive(Clone, Debug, Default)]
pub struct Interruption {
    wanted: Arc<AtomicBool>,
    /// Whether the next signal ends the program without further ado.
    at_once: Arc<AtomicBool>,
    /// Whether there is nothing to save.
    is_idle: Arc<AtomicBool>,
}

impl Interruption {
    /// Hears SIGINT, which is Ctrl-C, and SIGTERM from now on. While there is nothing
    /// to save, and after the first signal, one of them ends the program at once. So does SIGHUP, which
    /// comes where the terminal is closed, unless the program was started to ignore it, as by `nohup`;
    /// but a second SIGHUP does not count: a shell passes on to its programs what they have heard.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn listen() -> Result<Self> {
        let this = Self::default();
        this.at_once.store(true, Ordering::SeqCst);
        this.is_idle.store(true, Ordering::SeqCst);
        let unheard = |error: std::io::Error| {
            let what = format!("Ctrl-C cannot be listened to: {error}");
            Error::Device(what)
        };
        for signal in [SIGINT, SIGTERM] {
            let at_once = this.at_once.clone();
            let code = INTERRUPTED.into();
            // In the order of registration: whether this one ends the program is asked first.
            signal_hook::flag::register_conditional_shutdown(signal, code, at_once)
                .and_then(|_| signal_hook::flag::register(signal, this.at_once.clone()))
                .and_then(|_| signal_hook::flag::register(signal, this.wanted.clone()))
                .map_err(unheard)?;
        }
        #[cfg(unix)]
        if !hangup::is_ignored() {
            let code = INTERRUPTED.into();
            signal_hook::flag::register_conditional_shutdown(SIGHUP, code, this.is_idle.clone())
                .and_then(|_| signal_hook::flag::register(SIGHUP, this.wanted.clone()))
                .map_err(unheard)?;
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

    /// What is set when training should stop, for a device to look at while it waits.
    pub(super) fn flag(&self) -> Arc<AtomicBool> {
        self.wanted.clone()
    }

    /// Does `work`, during which there is something to save, so that the first signal is a wish.
    pub(super) fn guarded<T>(&self, work: impl FnOnce() -> T) -> T {
        let before = self.at_once.swap(false, Ordering::SeqCst);
        let was_idle = self.is_idle.swap(false, Ordering::SeqCst);
        let value = work();
        self.is_idle.store(was_idle, Ordering::SeqCst);
        self.at_once.store(before, Ordering::SeqCst);
        value
    }
}

/// Whether a terminal that is closed ends the program.
#[cfg(unix)]
mod hangup {
    use signal_hook::consts::SIGHUP;

    /// Whether the program was started to ignore SIGHUP. Only Linux tells without unsafe code; elsewhere the
    /// signal is left to the system, so that `nohup` holds there, too.
    pub fn is_ignored() -> bool {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
        mask.is_none_or(|mask| mask >> (SIGHUP - 1) & 1 == 1)
    }
}
