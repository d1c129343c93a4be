//! The one thread that makes long lists, and room for those that are on their way.
//!
//! A list of 10,000 is megabytes, and a thread that made one keeps them for its next: the threads of the
//! runtime's pool, each with its own, would hold many times that. So would readers who take their time; where
//! all the room is taken, the next list is made when one of them has its own.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

/// KiB of lists that may be on their way at a time.
const ROOM: usize = 64 << 10;
/// KiB that one takes while it is being made, and at most.
const ONE: u32 = 16 << 10;

type Job = Box<dyn FnOnce() + Send>;

/// A handle to the thread, which ends with it.
pub(crate) struct Lister {
    /// `None` where no thread could be had.
    thread: Option<Sender<Job>>,
    room: Arc<Semaphore>,
}

/// A list on its way, with the room that it takes.
struct Listed {
    bytes: Bytes,
    _room: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Listed {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Lister {
    pub(crate) fn start() -> Self {
        let (sender, jobs) = channel::<Job>();
        let work = move || {
            for job in jobs {
                // Whoever waits for it is told by the channel that it drops.
                let _ = catch_unwind(AssertUnwindSafe(job));
            }
        };
        let thread = std::thread::Builder::new()
            .name("list".to_owned())
            .spawn(work);
        Self {
            thread: thread.ok().map(|_| sender),
            room: Arc::new(Semaphore::new(ROOM)),
        }
    }

    /// Makes a list after those that were asked for before, once there is room for it; `None` if that panicked. The
    /// room is free again when the bytes are dropped.
    pub(crate) async fn list<E: Send + 'static>(
        &self,
        make: impl FnOnce() -> Result<Bytes, E> + Send + 'static,
    ) -> Option<Result<Bytes, E>> {
        let mut room = Arc::clone(&self.room).acquire_many_owned(ONE).await.ok()?;
        let bytes = match self.run(make).await? {
            Ok(bytes) => bytes,
            Err(error) => return Some(Err(error)),
        };
        let taken = (bytes.len() >> 10) + 1;
        let _room = match room.split(taken) {
            Some(taken) => taken,
            // Longer than any should be: it takes all that one may.
            None => room,
        };
        Some(Ok(Bytes::from_owner(Listed { bytes, _room })))
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let (done, wait) = oneshot::channel();
        let job = Box::new(move || {
            let _ = done.send(work());
        });
        self.thread.as_ref()?.send(job).ok()?;
        wait.await.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_is_done_by_one_thread_that_survives_a_panic() {
        let lister = Lister::start();
        let name = || std::thread::current().id();
        let first = lister.run(name).await;
        assert!(first.is_some_and(|id| id != std::thread::current().id()));
        assert_eq!(lister.run(|| panic!("a fault")).await, None::<()>);
        assert_eq!(lister.run(name).await, first);
    }

    #[tokio::test]
    async fn lists_that_nobody_takes_leave_no_room_for_more() {
        let lister = Lister::start();
        let list = || lister.list(|| Ok::<_, ()>(Bytes::from(vec![0; 15 << 20])));
        let mut held = Vec::new();
        for _ in 0..ROOM >> 14 {
            held.push(list().await.unwrap().unwrap());
        }
        let mut next = std::pin::pin!(list());
        let waits = tokio::time::timeout(std::time::Duration::from_millis(20), &mut next);
        assert!(waits.await.is_err());
        // A part of one keeps its room.
        let first = held.remove(0);
        let part = first.slice(..1);
        drop(first);
        let waits = tokio::time::timeout(std::time::Duration::from_millis(20), &mut next);
        assert!(waits.await.is_err());
        drop(part);
        assert_eq!(next.await.unwrap().unwrap().len(), 15 << 20);
        // Short ones take what they are long.
        held.clear();
        for _ in 0..ROOM >> 4 {
            held.push(
                lister
                    .list(|| Ok::<_, ()>(Bytes::from_static(b"x")))
                    .await
                    .unwrap()
                    .unwrap(),
            );
        }
    }
}
