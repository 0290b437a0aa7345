//! Processes that are threads of one, for tests.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};

use super::link::Link;
use crate::error::{Error, Result};

/// One of several threads that take themselves for processes.
pub struct Loopback {
    rank: usize,
    /// To each, and from each.
    to: Vec<Sender<Vec<u8>>>,
    from: Vec<Mutex<Receiver<Vec<u8>>>>,
}

impl Loopback {
    /// So many of them.
    pub fn of(count: usize) -> Vec<Self> {
        let mut links: Vec<Self> =
            (0..count).map(|rank| Self { rank, to: vec![], from: vec![] }).collect();
        for from in 0..count {
            for to in 0..count {
                let (sender, receiver) = channel();
                links[from].to.push(sender);
                links[to].from.push(Mutex::new(receiver));
            }
        }
        links
    }
}

impl Link for Loopback {
    fn rank(&self) -> usize {
        self.rank
    }

    fn count(&self) -> usize {
        self.to.len()
    }

    fn host(&self) -> &str {
        "here"
    }

    fn send(&self, to: usize, message: Vec<u8>) {
        // Who is gone hears nothing.
        let _ = self.to[to].send(message);
    }

    fn receive(&self, from: usize) -> Result<Vec<u8>> {
        let receiver = self.from[from].lock().unwrap_or_else(PoisonError::into_inner);
        let gone = |_| Error::Rank { what: format!("rank {from} is gone"), code: 1 };
        receiver.recv().map_err(gone)
    }
}
