//! Requests' bodies: as much of each as Clair reads, and of all long ones together as may be in memory.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http_body_util::BodyExt as _;
use hyper::body::Body;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::error::ApiError;

/// The longest time for a body to come.
const TIME: Duration = Duration::from_secs(60);
/// Bytes of a body that are read; what follows is as if it were not there.
const LONGEST: usize = 1 << 20;
/// Bytes of a short body, which is never refused for the sake of others: a layer's path and headers.
const SHORT: usize = 8 << 10;
/// Bytes of all longer ones.
const ALL: usize = 128 << 20;

/// Reads bodies.
pub(crate) struct Bodies {
    room: Arc<Semaphore>,
}

/// A body that was read.
pub(super) struct Posted {
    pub(super) bytes: Bytes,
    /// Its part of the room, while it is in memory.
    _room: Option<OwnedSemaphorePermit>,
}

impl Posted {
    /// That of a request that has none.
    pub(super) fn nothing() -> Self {
        Self {
            bytes: Bytes::new(),
            _room: None,
        }
    }
}

impl Default for Bodies {
    fn default() -> Self {
        Self::within(ALL)
    }
}

impl Bodies {
    fn within(all: usize) -> Self {
        Self {
            room: Arc::new(Semaphore::new(all)),
        }
    }

    /// Reads as much of a body as Clair does.
    ///
    /// # Errors
    /// It does not come, or is cut; or there is no room for long ones at the moment.
    pub(super) async fn read<B: Body<Data = Bytes> + Unpin>(
        &self,
        body: B,
    ) -> Result<Posted, ApiError> {
        let late = |_| ApiError::new(StatusCode::REQUEST_TIMEOUT, "the body did not come");
        tokio::time::timeout(TIME, self.all_of(body))
            .await
            .map_err(late)?
    }

    async fn all_of<B: Body<Data = Bytes> + Unpin>(&self, mut body: B) -> Result<Posted, ApiError> {
        let mut read = BytesMut::new();
        let mut room: Option<OwnedSemaphorePermit> = None;
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| ApiError::bad("unexpected EOF"))?;
            let Some(data) = frame.data_ref() else {
                continue;
            };
            let data = data.get(..LONGEST - read.len()).unwrap_or(data);
            let length = read.len() + data.len();
            if length > SHORT {
                let has = room.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
                let more = self.more(length - has)?;
                match &mut room {
                    Some(room) => room.merge(more),
                    None => room = Some(more),
                }
            }
            read.extend_from_slice(data);
            if read.len() >= LONGEST {
                break;
            }
        }
        Ok(Posted {
            bytes: read.freeze(),
            _room: room,
        })
    }

    fn more(&self, bytes: usize) -> Result<OwnedSemaphorePermit, ApiError> {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        Arc::clone(&self.room)
            .try_acquire_many_owned(bytes)
            .map_err(|_| ApiError::unavailable("too many long bodies are being read"))
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::Full;

    use super::*;

    async fn read(bodies: &Bodies, length: usize) -> Result<Posted, StatusCode> {
        let body = Full::new(Bytes::from(vec![b' '; length]));
        let read = bodies.read(body).await;
        read.map_err(|error| error.reply(false).status())
    }

    #[tokio::test]
    async fn long_bodies_have_a_room_of_their_own_and_short_ones_are_always_read() {
        let bodies = Bodies::within(40 << 10);
        let first = read(&bodies, 20 << 10).await.unwrap();
        let second = read(&bodies, 20 << 10).await.unwrap();
        let status = read(&bodies, SHORT + 1).await.err();
        assert_eq!(status, Some(StatusCode::SERVICE_UNAVAILABLE));
        assert_eq!(read(&bodies, SHORT).await.unwrap().bytes.len(), SHORT);
        drop(first);
        assert!(read(&bodies, 20 << 10).await.is_ok());
        drop(second);
        // What was refused keeps nothing.
        assert_eq!(bodies.room.available_permits(), 40 << 10);
    }

    #[tokio::test]
    async fn no_more_is_read_than_clair_reads() {
        let bodies = Bodies::default();
        let read = read(&bodies, LONGEST + 5).await.unwrap();
        assert_eq!(read.bytes.len(), LONGEST);
        assert_eq!(bodies.room.available_permits(), ALL - LONGEST);
    }
}
