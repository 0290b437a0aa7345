//! Processes of a training that MPI has started, on one machine or several.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use ::mpi::environment::{Threading, Universe, initialize_with_threading, processor_name};
use ::mpi::point_to_point::MatchedReceiveVec;
use ::mpi::request::scope;
use ::mpi::topology::SimpleCommunicator;
use ::mpi::traits::{Communicator, Destination, Source};

use super::link::Link;
use crate::error::{Error, Result};

/// Messages go in pieces of so many bytes; the last one is shorter. So there is no limit to a message, and its
/// pieces follow each other on the way.
const PIECE: usize = 1 << 20;
/// For so long nothing is waited for without a rest,
const AWAKE: Duration = Duration::from_micros(300);
/// then for this part of the time that nothing has happened,
const RESTING_PART: u32 = 16;
/// and no longer than this at a time.
const LONGEST_REST: Duration = Duration::from_millis(2);

/// The way to the other processes by MPI. It belongs to a thread of its own, which sends and receives while the
/// others compute, and waits without keeping a core busy, as most MPIs would.
pub struct Mpi {
    rank: usize,
    count: usize,
    host: String,
    orders: Sender<Order>,
    /// What has come from each process.
    inboxes: Vec<Mutex<Receiver<Vec<u8>>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What the thread is told.
enum Order {
    Send {
        to: usize,
        message: Vec<u8>,
    },
    /// Somebody waits for a message.
    Look,
    Leave,
    Abort(u8),
}

/// What the thread says of itself once MPI has begun.
struct Begun {
    rank: usize,
    count: usize,
    host: String,
    inboxes: Vec<Receiver<Vec<u8>>>,
}

impl Mpi {
    /// Meets the processes that were started together with this one, by `mpirun` or the like. Without one it is
    /// alone. Once in a process.
    ///
    /// # Errors
    /// When MPI has begun in this process before.
    pub fn join() -> Result<Self> {
        let (orders, received) = channel();
        let (tell, told) = channel();
        let thread = thread::Builder::new().name("mpi".into()).spawn(move || {
            // No other thread calls MPI.
            let Some((universe, _)) = initialize_with_threading(Threading::Funneled) else {
                return;
            };
            let (begun, post) = Post::new(&universe);
            if tell.send(begun).is_ok() {
                post.carry(universe, &received);
            }
        });
        let thread =
            thread.map_err(|error| Error::Device(format!("no thread for MPI: {error}")))?;
        let begun = told.recv().map_err(|_| Error::Device("MPI has begun here before".into()))?;
        let Begun { rank, count, host, inboxes } = begun;
        let inboxes = inboxes.into_iter().map(Mutex::new).collect();
        Ok(Self { rank, count, host, orders, inboxes, thread: Mutex::new(Some(thread)) })
    }

    /// Ends the way in good order, as every process has to, once all that was sent has arrived.
    pub fn leave(&self) {
        let _ = self.orders.send(Order::Leave);
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        // A thread that has panicked has said so.
        let _ = thread.map(JoinHandle::join);
    }

    /// Ends all processes at once; this one with the exit code, which `mpirun` ends with, too.
    pub fn abort(&self, code: u8) -> ! {
        let _ = self.orders.send(Order::Abort(code));
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        let _ = thread.map(JoinHandle::join);
        std::process::exit(code.into())
    }
}

impl Link for Mpi {
    fn rank(&self) -> usize {
        self.rank
    }

    fn count(&self) -> usize {
        self.count
    }

    fn host(&self) -> &str {
        &self.host
    }

    fn send(&self, to: usize, message: Vec<u8>) {
        // Without the thread, the process is about to end.
        let _ = self.orders.send(Order::Send { to, message });
    }

    fn receive(&self, from: usize) -> Result<Vec<u8>> {
        let inbox = self.inboxes[from].lock().unwrap_or_else(PoisonError::into_inner);
        if let Ok(message) = inbox.try_recv() {
            return Ok(message);
        }
        let _ = self.orders.send(Order::Look);
        let gone =
            |_| Error::Rank { what: format!("rank {from} cannot be heard any more"), code: 1 };
        inbox.recv().map_err(gone)
    }
}

/// What the thread holds.
struct Post {
    world: SimpleCommunicator,
    /// By the process: messages of which not all pieces have come, and where whole ones go.
    arriving: Vec<Vec<u8>>,
    boxes: Vec<Sender<Vec<u8>>>,
}

impl Post {
    fn new(universe: &Universe) -> (Begun, Self) {
        let world = universe.world();
        let [rank, count] = [world.rank(), world.size()];
        let [rank, count] =
            [rank, count].map(|number| usize::try_from(number).expect("MPI counts from 0"));
        let (boxes, inboxes) = (0..count).map(|_| channel()).unzip();
        let host = processor_name().unwrap_or_else(|_| "a machine without a name".into());
        (Begun { rank, count, host, inboxes }, Self { world, arriving: vec![vec![]; count], boxes })
    }

    /// Does what it is told, and takes in what comes, until it is to leave.
    fn carry(mut self, universe: Universe, orders: &Receiver<Order>) {
        let mut last = Instant::now();
        loop {
            let mut messages = vec![];
            let mut leaves = false;
            let first = match orders.recv_timeout(rest(last)) {
                Ok(order) => Some(order),
                Err(RecvTimeoutError::Timeout) => None,
                // This process ends otherwise than by leaving: the others shall not wait for it.
                Err(RecvTimeoutError::Disconnected) => return std::mem::forget(universe),
            };
            let is_told = first.is_some();
            for order in first.into_iter().chain(orders.try_iter()) {
                match order {
                    Order::Send { to, message } => messages.push((to, message)),
                    Order::Look => {}
                    Order::Leave => leaves = true,
                    Order::Abort(code) => self.world.abort(code.into()),
                }
            }
            if !messages.is_empty() {
                self.send(&messages);
            }
            if self.take_in() || is_told {
                last = Instant::now();
            } else if rest(last).is_zero() {
                thread::yield_now();
            }
            if leaves {
                // MPI waits for the others with `universe`.
                return drop(universe);
            }
        }
    }

    /// Sends these messages, and takes in what comes until they are on their way.
    fn send(&mut self, messages: &[(usize, Vec<u8>)]) {
        scope(|scope| {
            let pieces = messages.iter().flat_map(|(to, message)| {
                let end = message.len() / PIECE * PIECE;
                let whole = message[..end].chunks(PIECE);
                whole.chain([&message[end..]]).map(|piece| (*to as i32, piece))
            });
            let world = &self.world;
            let mut sending: Vec<_> = pieces
                .map(|(to, piece)| world.process_at_rank(to).immediate_send(scope, piece))
                .collect();
            let mut last = Instant::now();
            loop {
                let before = sending.len();
                sending = sending.into_iter().filter_map(|piece| piece.test().err()).collect();
                if sending.is_empty() {
                    break;
                }
                if self.take_in() || sending.len() < before {
                    last = Instant::now();
                }
                match rest(last) {
                    Duration::ZERO => thread::yield_now(),
                    rest => thread::sleep(rest),
                }
            }
        });
    }

    /// Takes in what has come; whether anything has.
    fn take_in(&mut self) -> bool {
        let mut has_come = false;
        while let Some((message, status)) = self.world.any_process().immediate_matched_probe() {
            let from = usize::try_from(status.source_rank()).expect("MPI counts from 0");
            let (piece, _) = (message, status).matched_receive_vec::<u8>();
            let is_last = piece.len() < PIECE;
            self.arriving[from].extend(piece);
            if is_last {
                // Nobody listens any more where the process is about to end.
                let _ = self.boxes[from].send(std::mem::take(&mut self.arriving[from]));
            }
            has_come = true;
        }
        has_come
    }
}

/// How long to rest where nothing has happened since `last`.
fn rest(last: Instant) -> Duration {
    match last.elapsed() {
        short if short < AWAKE => Duration::ZERO,
        long => (long / RESTING_PART).min(LONGEST_REST),
    }
}
