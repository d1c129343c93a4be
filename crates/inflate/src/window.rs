//! The bytes before those that are being written: how far back a match may reach.

/// The farthest that a match reaches back (RFC 1951, section 2).
pub(crate) const SIZE: usize = 32 << 10;

/// The last bytes written, in a ring.
pub(crate) struct Window {
    bytes: Box<[u8; SIZE]>,
    /// Where the next byte goes.
    next: usize,
    /// Bytes there are.
    len: usize,
}

impl Window {
    pub(crate) fn new() -> Self {
        Self {
            bytes: Box::new([0; SIZE]),
            next: 0,
            len: 0,
        }
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.next = 0;
        self.len = 0;
    }

    /// Takes what was written since the last time.
    pub(crate) fn remember(&mut self, bytes: &[u8]) {
        let over = bytes.len().saturating_sub(SIZE);
        let tail = bytes.get(over..).unwrap_or_default();
        let (first, second) = tail.split_at(tail.len().min(SIZE - self.next));
        if let Some(to) = self.bytes.get_mut(self.next..self.next + first.len()) {
            to.copy_from_slice(first);
        }
        if let Some(to) = self.bytes.get_mut(..second.len()) {
            to.copy_from_slice(second);
        }
        self.next = (self.next + tail.len()) % SIZE;
        self.len = (self.len + tail.len()).min(SIZE);
    }

    /// Fills `to` with what begins `back` bytes before the next one; nothing where there is not as
    /// much. `to` is no longer than `back`.
    pub(crate) fn copy(&self, back: usize, to: &mut [u8]) -> Option<()> {
        if back > self.len || to.len() > back {
            return None;
        }
        let start = (self.next + SIZE - back) % SIZE;
        let straight = to.len().min(SIZE - start);
        let (first, second) = to.split_at_mut(straight);
        first.copy_from_slice(self.bytes.get(start..start + straight)?);
        if !second.is_empty() {
            second.copy_from_slice(self.bytes.get(..second.len())?);
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_comes_back_also_around_the_end() {
        let written: Vec<u8> = (0..100_000_u32).map(|n| (n / 251 * 7 + n) as u8).collect();
        for step in [1, 1_000, SIZE - 1, SIZE, SIZE + 1, 70_000] {
            let mut window = Window::new();
            let mut to = 0;
            for piece in written.chunks(step) {
                window.remember(piece);
                to += piece.len();
                for back in [1, 2, 300, SIZE - 1, SIZE] {
                    let mut found = vec![0; back.min(258)];
                    let there = window.copy(back, &mut found).is_some();
                    assert_eq!(there, back <= to, "{step} {to} {back}");
                    if there {
                        let from = to - back;
                        assert_eq!(found, written[from..from + found.len()]);
                    }
                    if step == 1 && to % 9_973 != 0 {
                        break;
                    }
                }
            }
        }
    }
}
