//! The threads that read what strangers wrote.
//!
//! Each gives up files and the network once, when it starts, as far as the kernel can hold it to that
//! (`pellucid_sandbox`). Sockets and files stay with other threads: a layer comes as pieces over a
//! channel, or as a file that is open already.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

use pellucid_sandbox::{Allowed, confine};
use tokio::sync::oneshot;

type Job = Box<dyn FnOnce() + Send>;

/// Confined threads. They end when this is dropped and the last job is done.
pub(crate) struct Parsers {
    jobs: Sender<Job>,
}

impl Parsers {
    /// Starts so many threads. Of those that the system does not give, the log tells; without any,
    /// nothing can be run.
    pub(crate) fn new(threads: usize) -> Self {
        let (jobs, queue) = channel();
        let queue = Arc::new(Mutex::new(queue));
        for number in 0..threads {
            let queue = Arc::clone(&queue);
            let thread = std::thread::Builder::new().name(format!("parser-{number}"));
            if let Err(error) = thread.spawn(move || serve(&queue)) {
                tracing::error!(%error, "a thread that reads layers could not be started");
            }
        }
        Self { jobs }
    }

    /// Runs work on one of the threads. `None` where it panicked, or there is no thread.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let (done, outcome) = oneshot::channel();
        let job = move || drop(done.send(work()));
        self.jobs.send(Box::new(job)).ok()?;
        outcome.await.ok()
    }
}

fn serve(queue: &Mutex<Receiver<Job>>) {
    // Large files of a layer lie in files without names.
    let confined = confine(&Allowed {
        spool: vec![std::env::temp_dir()],
        ..Allowed::default()
    });
    tracing::debug!(sandbox = confined.words(), "a thread that reads layers");
    loop {
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        // Who waits for the job learns of the panic: its end of the channel is dropped.
        let _ = catch_unwind(AssertUnwindSafe(job));
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;
    use std::net::{TcpListener, TcpStream};

    use pellucid_sandbox::{Confined, available};

    use super::*;

    #[tokio::test]
    async fn a_layer_s_reader_opens_no_file_and_no_connection() {
        let parsers = Parsers::new(1);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let kinds = move || {
            let file = std::fs::File::open("/etc/passwd").map(drop);
            let connection = TcpStream::connect(address).map(drop);
            [file, connection].map(|tried| tried.map_err(|error| error.kind()))
        };
        let kinds = parsers.run(kinds).await.unwrap();
        if available() == Confined::Fully {
            assert_eq!(kinds, [Err(ErrorKind::PermissionDenied); 2]);
        }
        let spooled = parsers.run(|| tempfile::tempfile().is_ok()).await;
        assert_eq!(spooled, Some(true), "a spool is still possible");
    }

    #[tokio::test]
    async fn a_panic_ends_its_job_alone() {
        let parsers = Parsers::new(1);
        let none: Option<()> = parsers
            .run(|| std::panic::resume_unwind(Box::new(())))
            .await;
        assert_eq!(none, None);
        assert_eq!(parsers.run(|| 1).await, Some(1));
        assert_eq!(Parsers::new(0).run(|| 1).await, None);
    }
}
