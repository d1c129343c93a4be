//! Places for connections, and who leaves when there is none left.
//!
//! Whoever opens connections and asks for nothing would keep everybody else out. So a connection has to ask for
//! something soon after it came, and where every place is taken those that ask for nothing make room: first the
//! one that never did for the longest time, then the one whose last answer was taken the longest time ago. One
//! with a request under way is never sent away. Nothing here counts by address: behind a proxy all have one.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::sync::atomic::{AtomicU32, AtomicU64};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

/// Time for the first request's header to come, a handshake included.
const FIRST: Duration = Duration::from_secs(10);
/// Time after an answer in which its connection is not sent away: the other end may not have all of it yet.
const TAKING: Duration = Duration::from_secs(5);

/// Places for so many connections.
pub(crate) struct Places {
    free: Arc<Semaphore>,
    taken: Mutex<Taken>,
    /// Times are counted from here.
    start: Instant,
}

#[derive(Default)]
struct Taken {
    seats: HashMap<u64, Arc<Seat>>,
    /// How many there were.
    count: u64,
}

/// What a connection does.
pub(crate) struct Seat {
    /// Requests whose answers were not taken yet.
    busy: AtomicU32,
    /// When the last answer was taken, in milliseconds; 0 where none was.
    taken: AtomicU64,
    came: u64,
    start: Instant,
    /// Cancelled when the connection has to go.
    pub(crate) leave: CancellationToken,
}

/// A connection's place, free again when this is dropped.
pub(crate) struct Place {
    pub(crate) seat: Arc<Seat>,
    number: u64,
    places: Arc<Places>,
    _permit: OwnedSemaphorePermit,
}

/// A request under way.
pub(crate) struct UnderWay(Arc<Seat>);

impl Places {
    pub(crate) fn new(count: usize) -> Arc<Self> {
        Arc::new(Self {
            free: Arc::new(Semaphore::new(count)),
            taken: Mutex::default(),
            start: Instant::now(),
        })
    }

    /// A place. Where all are taken somebody who asks for nothing is sent away, and this waits until one is free.
    pub(crate) async fn take(self: &Arc<Self>) -> Option<Place> {
        /// Who is busy now may be idle then.
        const PAUSE: Duration = Duration::from_millis(100);
        let permit = loop {
            if let Ok(permit) = Arc::clone(&self.free).try_acquire_owned() {
                break permit;
            }
            self.make_room(self.now());
            let free = Arc::clone(&self.free).acquire_owned();
            if let Ok(permit) = tokio::time::timeout(PAUSE, free).await {
                break permit.ok()?;
            }
        };
        let seat = Arc::new(Seat {
            busy: AtomicU32::new(0),
            taken: AtomicU64::new(0),
            came: self.now(),
            start: self.start,
            leave: CancellationToken::new(),
        });
        let mut taken = self.taken();
        taken.count += 1;
        let number = taken.count;
        taken.seats.insert(number, Arc::clone(&seat));
        drop(taken);
        Some(Place {
            seat,
            number,
            places: Arc::clone(self),
            _permit: permit,
        })
    }

    /// Sends away, for as long as it is polled, who has not asked for anything in time.
    pub(crate) async fn watch(&self) {
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            self.sweep(self.now());
        }
    }

    fn sweep(&self, now: u64) {
        for seat in self.taken().seats.values() {
            let is_silent = seat.is_idle() && seat.taken.load(Acquire) == 0;
            if is_silent && now.saturating_sub(seat.came) >= milliseconds(FIRST) {
                seat.leave.cancel();
            }
        }
    }

    fn make_room(&self, now: u64) {
        let taken = self.taken();
        let since = |seat: &Arc<Seat>| {
            let since = (seat.is_idle() && !seat.leave.is_cancelled())
                .then(|| (seat.taken.load(Acquire), seat.came));
            since.filter(|(taken, _)| {
                *taken == 0 || now.saturating_sub(*taken) >= milliseconds(TAKING)
            })
        };
        let seats = taken.seats.values();
        let idle = seats.filter_map(|seat| Some((since(seat)?, seat)));
        if let Some((_, seat)) = idle.min_by_key(|(since, _)| *since) {
            seat.leave.cancel();
        }
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> u64 {
        milliseconds(self.start.elapsed())
    }
}

impl Seat {
    /// A request came; what is given lives until its answer was taken.
    pub(crate) fn asked(self: &Arc<Self>) -> UnderWay {
        self.busy.fetch_add(1, Release);
        UnderWay(Arc::clone(self))
    }

    fn is_idle(&self) -> bool {
        self.busy.load(Acquire) == 0
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.taken().seats.remove(&self.number);
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let Self(seat) = self;
        // Never 0, which is nothing.
        let now = milliseconds(seat.start.elapsed()).max(1);
        seat.taken.store(now, Release);
        seat.busy.fetch_sub(1, Release);
    }
}

impl fmt::Debug for UnderWay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UnderWay")
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_asks_for_nothing_makes_room_and_who_asks_does_not() {
        let places = Places::new(3);
        let [a, b, c] = [
            places.take().await,
            places.take().await,
            places.take().await,
        ];
        let (a, b, c) = (a.unwrap(), b.unwrap(), c.unwrap());
        let of_b = b.seat.asked();
        let of_c = c.seat.asked();
        // Only the first has not asked; the fourth has its place when it is gone.
        let more = tokio::spawn({
            let places = Arc::clone(&places);
            async move { places.take().await }
        });
        a.seat.leave.cancelled().await;
        assert!(!more.is_finished());
        drop(a);
        let d = more.await.unwrap().unwrap();
        assert!(!b.seat.leave.is_cancelled() && !c.seat.leave.is_cancelled());
        let of_d = d.seat.asked();

        // All are busy, then one is done: its answer is left some time to be taken.
        places.make_room(u64::MAX);
        drop(of_c);
        places.make_room(places.now());
        let leaves = || [&b, &c, &d].map(|place| place.seat.leave.is_cancelled());
        assert_eq!(leaves(), [false; 3]);
        places.make_room(u64::MAX);
        assert_eq!(leaves(), [false, true, false]);
        // It is on its way out: nobody else has to go for it.
        places.make_room(places.now());
        assert_eq!(leaves(), [false, true, false]);
        drop((of_b, of_d));
    }

    #[tokio::test]
    async fn the_first_request_has_to_come_soon() {
        let places = Places::new(4);
        let mut seats = Vec::new();
        for _ in 0..3 {
            seats.push(places.take().await.unwrap());
        }
        let under_way = seats[1].seat.asked();
        drop(seats[2].seat.asked());
        let leaves = || seats.iter().map(|place| place.seat.leave.is_cancelled());
        places.sweep(milliseconds(FIRST) - 1);
        assert!(!leaves().any(|leaves| leaves));
        places.sweep(u64::MAX);
        assert_eq!(leaves().collect::<Vec<_>>(), [true, false, false]);
        drop(under_way);
    }
}
