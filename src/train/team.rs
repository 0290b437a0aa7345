//! The processes of one training, and what they say to each other.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::link::Link;
use crate::error::{Error, Result};

/// The first byte of a message: what follows.
const WORDS: u8 = 0;
const NUMBERS: u8 = 1;
const FAILURE: u8 = 2;
/// Where numbers begin in a message of them: behind the first byte and a note of eight.
const HEAD: usize = 9;

/// The processes of one training. Number 0 leads: it alone decides what is done next, and the others
/// [follow](super::trainer::Trainer::follow).
///
/// Numbers go as they lie in memory, so that all processes need the same order of bytes.
#[derive(Clone)]
pub struct Team {
    link: Arc<dyn Link>,
    has_ended: Arc<AtomicBool>,
}

/// What a process that fails tells the others.
#[derive(Serialize, Deserialize)]
struct Failure {
    what: String,
    code: u8,
}

impl fmt::Debug for Team {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.link.rank(), self.link.count())
    }
}

impl Team {
    /// The processes at the ends of `link`.
    pub fn new(link: Arc<dyn Link>) -> Self {
        Self { link, has_ended: Arc::default() }
    }

    /// The number of this process.
    pub fn rank(&self) -> usize {
        self.link.rank()
    }

    /// How many processes there are.
    pub fn count(&self) -> usize {
        self.link.count()
    }

    /// Whether this process leads.
    pub fn leads(&self) -> bool {
        self.rank() == 0
    }

    /// The machine that this process runs on, by name.
    pub fn host(&self) -> &str {
        self.link.host()
    }

    /// This process in words.
    pub fn name(&self) -> String {
        format!("rank {} on {}", self.rank(), self.host())
    }

    /// The numbers of the other processes.
    pub(crate) fn others(&self) -> impl Iterator<Item = usize> + use<> {
        let own = self.rank();
        (0..self.count()).filter(move |rank| *rank != own)
    }

    /// Tells one process something.
    ///
    /// # Errors
    /// When it has no words.
    pub(crate) fn tell<T: Serialize>(&self, to: usize, what: &T) -> Result<()> {
        let words = serde_json::to_vec(what)
            .map_err(|error| Error::Graph(format!("a message has no JSON: {error}")))?;
        self.link.send(to, [&[WORDS], &words[..]].concat());
        Ok(())
    }

    /// Tells all others something.
    ///
    /// # Errors
    /// When it has no words.
    pub(crate) fn tell_all<T: Serialize>(&self, what: &T) -> Result<()> {
        self.others().try_for_each(|to| self.tell(to, what))
    }

    /// What process `from` tells next. Waits for it.
    ///
    /// # Errors
    /// When a process has failed, or something else was sent.
    pub(crate) fn hear<T: DeserializeOwned>(&self, from: usize) -> Result<T> {
        let message = self.receive(from)?;
        let words = message.strip_prefix(&[WORDS]);
        words.and_then(|words| serde_json::from_slice(words).ok()).ok_or_else(|| unexpected(from))
    }

    /// Sends numbers, with a note of what they are.
    pub(crate) fn send_numbers(&self, to: usize, note: u64, numbers: &[f32]) {
        let note = note.to_le_bytes();
        self.link.send(to, [&[NUMBERS], &note[..], bytemuck::cast_slice(numbers)].concat());
    }

    /// The numbers that process `from` sends next, and their note. Waits for them.
    ///
    /// # Errors
    /// When a process has failed, or something else was sent.
    pub(crate) fn receive_numbers(&self, from: usize) -> Result<(u64, Vec<f32>)> {
        let message = self.receive(from)?;
        let size = message.len().saturating_sub(HEAD);
        if message.first() != Some(&NUMBERS) || message.len() < HEAD || !size.is_multiple_of(4) {
            return Err(unexpected(from));
        }
        let (head, bytes) = message.split_at(HEAD);
        let note = head[1..].try_into().expect("a note has eight bytes");
        let mut numbers = vec![0.0; size / 4];
        bytemuck::cast_slice_mut::<f32, u8>(&mut numbers).copy_from_slice(bytes);
        Ok((u64::from_le_bytes(note), numbers))
    }

    fn receive(&self, from: usize) -> Result<Vec<u8>> {
        let message = self.link.receive(from)?;
        let Some(failure) = message.strip_prefix(&[FAILURE]) else { return Ok(message) };
        let failure = serde_json::from_slice(failure).map_err(|_| unexpected(from))?;
        let Failure { what, code } = failure;
        Err(Error::Rank { what, code })
    }

    /// Tells all others that this process has failed, whatever they wait for: each call of theirs that waits
    /// for it fails as well, with the same words.
    pub fn fail(&self, error: &Error) {
        let what = match error {
            Error::Rank { what, .. } => what.clone(),
            own => format!("{}: {own}", self.name()),
        };
        let failure = Failure { what, code: error.exit_code() };
        let words = serde_json::to_vec(&failure).unwrap_or_default();
        for to in self.others() {
            self.link.send(to, [&[FAILURE], &words[..]].concat());
        }
    }

    /// Whether the training is over for all, by what the leading process has said.
    pub fn has_ended(&self) -> bool {
        self.has_ended.load(Ordering::SeqCst)
    }

    /// Takes note that it is over.
    pub(super) fn end(&self) {
        self.has_ended.store(true, Ordering::SeqCst);
    }
}

fn unexpected(from: usize) -> Error {
    let what = format!("rank {from} has sent something else than this process waits for");
    Error::Rank { what, code: 1 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::loopback::Loopback;

    fn two() -> [Team; 2] {
        let links = Loopback::of(2).into_iter();
        let mut teams = links.map(|link| Team::new(Arc::new(link)));
        [(); 2].map(|()| teams.next().expect("there are two"))
    }

    #[test]
    fn words_and_numbers_arrive_as_they_were_sent() {
        let [zero, one] = two();
        assert!(zero.leads() && !one.leads());
        let numbers = [0.1, f32::NAN, -0.0, f32::MIN_POSITIVE / 4.0];
        zero.tell_all(&("words", 3)).expect("has JSON");
        zero.send_numbers(1, u64::MAX - 1, &numbers);
        zero.send_numbers(1, 0, &[]);
        assert_eq!(one.hear::<(String, u8)>(0).expect("words"), ("words".into(), 3));
        let (note, heard) = one.receive_numbers(0).expect("numbers");
        let bits = |numbers: &[f32]| numbers.iter().map(|it| it.to_bits()).collect::<Vec<_>>();
        assert_eq!((note, bits(&heard)), (u64::MAX - 1, bits(&numbers)));
        assert_eq!(one.receive_numbers(0).expect("no numbers"), (0, vec![]));
    }

    #[test]
    fn what_was_not_expected_is_an_error() {
        let [zero, one] = two();
        zero.send_numbers(1, 0, &[1.0]);
        let text = one.hear::<u8>(0).expect_err("numbers").to_string();
        assert!(text.contains("rank 0 has sent something else"), "{text}");
        zero.tell(1, &"words").expect("has JSON");
        one.receive_numbers(0).expect_err("words");
    }

    #[test]
    fn a_failure_is_heard_with_its_words_and_its_code() {
        let [zero, one] = two();
        one.fail(&Error::option("--device", "no adapter is called `x`"));
        let error = zero.hear::<u8>(1).expect_err("it has failed");
        assert_eq!(error.to_string(), "rank 1 on here: --device: no adapter is called `x`");
        assert_eq!(error.exit_code(), 2);
        // Who hears of it says the same.
        zero.fail(&error);
        assert_eq!(
            one.receive_numbers(0).expect_err("it has failed").to_string(),
            error.to_string()
        );
        drop(zero);
        one.hear::<u8>(0).expect_err("nobody is there");
    }
}
