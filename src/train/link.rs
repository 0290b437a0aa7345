//! What carries messages between the processes of a training.

use crate::error::Result;

/// The way from one process of a training to the others, which have numbers from 0. What a process sends to
/// another arrives there whole, once, and in the order in which it was sent. Threads share it.
pub trait Link: Send + Sync {
    /// The number of this process.
    fn rank(&self) -> usize;

    /// How many processes there are.
    fn count(&self) -> usize;

    /// The machine that this process runs on, by name.
    fn host(&self) -> &str;

    /// Sends a message to process `to`, which is another, and does not wait until it arrives.
    fn send(&self, to: usize, message: Vec<u8>);

    /// The next message of process `from`. Waits for it.
    ///
    /// # Errors
    /// When none can come any more.
    fn receive(&self, from: usize) -> Result<Vec<u8>>;
}
