//! Room in the host's memory from which a device takes pixels by itself.

use crate::error::Result;

/// Room for the pixels of a dataset's first images, from which the device takes them by itself; what
/// [`Executor::stage`](super::executor::Executor::stage) gives. Any thread may fill it, while steps run.
pub trait Staging: Send {
    /// Adds these bytes behind those so far.
    ///
    /// # Errors
    /// When there is no room for them.
    fn push(&mut self, bytes: &[u8]) -> Result<()>;

    /// Replaces the pixels on the device by these. Takes effect after the steps submitted so far.
    ///
    /// # Errors
    /// When bytes are lacking; nothing is known of the pixels on the device then.
    fn send(self: Box<Self>) -> Result<()>;
}
