//! The body of an answer: bytes, handed on a piece at a time.
//!
//! What is handed on at once lies in buffers of the connection, above all of TLS and HTTP/2, until the other end
//! takes it; what is not stays shared, and counted where there is a bound on it.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::places::UnderWay;

/// Bytes of a piece.
const PIECE: usize = 64 << 10;

/// What is left of a body.
#[derive(Default, Debug)]
pub(crate) struct Body {
    rest: Bytes,
    /// The request that it answers, until it was taken.
    under_way: Option<UnderWay>,
}

/// Bytes, and who is told when the last piece of them is gone.
struct Watched {
    bytes: Bytes,
    _taken: DropGuard,
}

impl AsRef<[u8]> for Watched {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Body {
    /// The same body; `late` is cancelled where it is longer than a piece and the other end has not taken all of
    /// it within this time: to take a little of it now and then would keep it in memory for as long as one likes.
    pub(crate) fn within(self, time: Duration, late: &CancellationToken) -> Self {
        if self.rest.len() <= PIECE {
            return self;
        }
        let (taken, late) = (CancellationToken::new(), late.clone());
        let watched = Watched {
            bytes: self.rest,
            _taken: taken.clone().drop_guard(),
        };
        tokio::spawn(async move {
            if tokio::time::timeout(time, taken.cancelled()).await.is_err() {
                late.cancel();
            }
        });
        Self {
            rest: Bytes::from_owner(watched),
            under_way: self.under_way,
        }
    }

    /// The same body; the request is under way until it was taken.
    pub(crate) fn held(self, under_way: UnderWay) -> Self {
        Self {
            under_way: Some(under_way),
            ..self
        }
    }
}

impl<T: Into<Bytes>> From<T> for Body {
    fn from(bytes: T) -> Self {
        Self {
            rest: bytes.into(),
            under_way: None,
        }
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let rest = &mut self.rest;
        let piece = match rest.len() {
            0 => None,
            left if left <= PIECE => Some(std::mem::take(rest)),
            _ => Some(rest.split_to(PIECE)),
        };
        Poll::Ready(piece.map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.rest.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;
    use hyper::body::Body as _;

    use super::*;

    #[tokio::test]
    async fn a_body_is_its_bytes_piece_by_piece() {
        for length in [0, 1, PIECE, PIECE + 1, 3 * PIECE] {
            let bytes: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
            let mut body = Body::from(bytes.clone());
            assert_eq!(body.size_hint().exact(), Some(length as u64));
            let mut taken = Vec::new();
            while let Some(frame) = body.frame().await {
                let piece = frame.unwrap().into_data().unwrap();
                assert!((1..=PIECE).contains(&piece.len()));
                taken.extend_from_slice(&piece);
            }
            assert_eq!(taken, bytes);
            assert!(body.is_end_stream());
        }
    }

    #[tokio::test]
    async fn one_who_takes_a_long_answer_too_slowly_is_late() {
        let late = CancellationToken::new();
        let bytes = vec![7; 3 * PIECE];
        let mut body = Body::from(bytes.clone()).within(Duration::from_millis(20), &late);
        // A piece that was not taken keeps all.
        let piece = body.frame().await.unwrap().unwrap();
        drop(body);
        late.cancelled().await;
        drop(piece);

        let late = CancellationToken::new();
        for bytes in [bytes, vec![7; PIECE]] {
            let body = Body::from(bytes.clone()).within(Duration::from_secs(600), &late);
            assert_eq!(body.collect().await.unwrap().to_bytes(), bytes);
        }
        assert!(!late.is_cancelled());
    }
}
