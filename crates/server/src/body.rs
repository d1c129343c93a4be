//! The body of an answer: bytes, handed on a piece at a time.
//!
//! What is handed on at once lies in buffers of the connection, above all of TLS and HTTP/2, until the other end
//! takes it; what is not stays shared, and counted where there is a bound on it.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Frame, SizeHint};

/// Bytes of a piece.
const PIECE: usize = 64 << 10;

/// What is left of a body.
#[derive(Default, Debug)]
pub(crate) struct Body(Bytes);

impl<T: Into<Bytes>> From<T> for Body {
    fn from(bytes: T) -> Self {
        Self(bytes.into())
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let rest = &mut self.0;
        let piece = match rest.len() {
            0 => None,
            left if left <= PIECE => Some(std::mem::take(rest)),
            _ => Some(rest.split_to(PIECE)),
        };
        Poll::Ready(piece.map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.len() as u64)
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
}
