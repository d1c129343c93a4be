//! The one thread that makes long lists.
//!
//! A list of 10,000 is megabytes, and a thread that made one keeps them for its next: the threads of the
//! runtime's pool, each with its own, would hold many times that.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Sender, channel};

use tokio::sync::oneshot;

type Job = Box<dyn FnOnce() + Send>;

/// A handle to the thread, which ends with it. Empty where no thread could be had.
pub(crate) struct Lister(Option<Sender<Job>>);

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
        Self(thread.ok().map(|_| sender))
    }

    /// Does this after what was asked for before; `None` if it panicked.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let (done, wait) = oneshot::channel();
        let job = Box::new(move || {
            let _ = done.send(work());
        });
        self.0.as_ref()?.send(job).ok()?;
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
}
