//! Where a tar's bytes come from: chunks of a stream, or a window over a file.

use crate::LayerFault;

/// A tar's bytes, in order.
pub(crate) trait Input {
    /// The bytes at the current place that are there already; empty at the end only.
    fn fill(&mut self) -> Result<&[u8], LayerFault>;

    /// Moves on by `count` bytes, no more than [`Self::fill`] gave.
    fn consume(&mut self, count: usize);

    /// Moves on by up to `count` bytes, fewer only at the end; returns how many.
    fn skip(&mut self, count: u64) -> Result<u64, LayerFault>;

    /// Bytes before the current place.
    fn offset(&self) -> u64;
}
