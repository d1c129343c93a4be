//! Lines of a kept file in bounded memory.
//!
//! A line ends in LF or CRLF; the last one needs no end. Of a line longer than [`LINE`] only the
//! beginning is kept, marked as cut: package databases of hostile images hold lines of 200 MB.

use pellucid_image::Body;

use crate::DetectError;

/// Longest line that is kept whole, in bytes.
pub(crate) const LINE: usize = 1 << 20;

const CHUNK: usize = 256 << 10;

/// A line without its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Line<'a> {
    /// The bytes, without the line's end.
    pub bytes: &'a [u8],
    /// Number of the line, first is 1.
    pub number: u64,
    /// Whether the line was too long and only its beginning is here.
    pub cut: bool,
}

/// Reads a body line by line.
pub struct Lines<'a> {
    body: &'a Body<'a>,
    /// Position of the next byte of the body that is not in the window yet.
    next: u64,
    window: Vec<u8>,
    /// Start of the unread rest of the window, or of a body in memory.
    start: usize,
    number: u64,
    ended: bool,
}

impl<'a> Lines<'a> {
    pub(crate) fn new(body: &'a Body<'a>) -> Self {
        Self {
            body,
            next: 0,
            window: Vec::new(),
            start: 0,
            number: 0,
            ended: false,
        }
    }

    /// The next line, or `None` at the end.
    ///
    /// # Errors
    /// [`DetectError::Body`] if a spooled file cannot be read back.
    pub fn next_line(&mut self) -> Result<Option<Line<'_>>, DetectError> {
        if let Body::Memory(bytes) = self.body {
            return Ok(self.next_in_memory(bytes));
        }
        let mut searched = 0;
        let mut cut = false;
        // Bytes of the line that are in the window, and its end's length.
        let (length, end) = loop {
            let rest = self.window.get(self.start..).unwrap_or_default();
            if let Some(at) = find_newline(rest.get(searched..).unwrap_or_default()) {
                break (searched + at, 1);
            }
            searched = rest.len();
            if searched > LINE {
                cut = true;
                // Keep the beginning and go on behind it.
                self.window.truncate(self.start + LINE);
                searched = LINE;
            }
            if self.ended || !self.fill()? {
                self.ended = true;
                break (searched, 0);
            }
        };
        if length == 0 && end == 0 {
            return Ok(None);
        }
        self.number += 1;
        let from = self.start;
        self.start += length + end;
        let bytes = self
            .window
            .get(from..from + length.min(LINE))
            .unwrap_or_default();
        Ok(Some(Line {
            bytes: bytes.strip_suffix(b"\r").unwrap_or(bytes),
            number: self.number,
            cut: cut || length > LINE,
        }))
    }

    /// The next line of a body that needs no window.
    fn next_in_memory(&mut self, bytes: &'a [u8]) -> Option<Line<'a>> {
        let rest = bytes.get(self.start..).filter(|rest| !rest.is_empty())?;
        let length = find_newline(rest).unwrap_or(rest.len());
        self.start = self.start.saturating_add(length).saturating_add(1);
        self.number += 1;
        let bytes = rest.get(..length.min(LINE)).unwrap_or_default();
        Some(Line {
            bytes: bytes.strip_suffix(b"\r").unwrap_or(bytes),
            number: self.number,
            cut: length > LINE,
        })
    }

    /// Reads on; whether there was anything.
    fn fill(&mut self) -> Result<bool, DetectError> {
        if self.start > 0 {
            self.window.drain(..self.start);
            self.start = 0;
        }
        let filled = self.window.len();
        self.window.resize(filled + CHUNK, 0);
        let room = self.window.get_mut(filled..).unwrap_or_default();
        let read = self
            .body
            .read_at(self.next, room)
            .map_err(DetectError::Body)?;
        self.window.truncate(filled + read);
        self.next += read as u64;
        Ok(read > 0)
    }
}

fn find_newline(bytes: &[u8]) -> Option<usize> {
    memchr::memchr(b'\n', bytes)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    /// The lines of a body, which are the same whether it lies in memory or in a file.
    fn all(bytes: &[u8]) -> Vec<(usize, u64, bool)> {
        let mut spool = tempfile::tempfile().unwrap();
        spool.write_all(bytes).unwrap();
        let read = |body: &Body| {
            let mut lines = Lines::new(body);
            let mut all = Vec::new();
            while let Some(line) = lines.next_line().unwrap() {
                all.push((line.bytes.len(), line.number, line.cut));
            }
            all
        };
        let spooled = read(&Body::Spool(spool));
        assert_eq!(read(&Body::Memory(bytes.to_vec())), spooled);
        spooled
    }

    #[test]
    fn lines_end_in_lf_crlf_or_the_end() {
        assert_eq!(
            all(b"ab\r\n\nc"),
            [(2, 1, false), (0, 2, false), (1, 3, false)]
        );
        assert_eq!(all(b""), []);
        assert_eq!(all(b"\n"), [(0, 1, false)]);
    }

    #[test]
    fn a_long_line_is_cut_and_the_next_is_found() {
        let mut body = vec![b'a'; 5 * LINE + 7];
        body.extend_from_slice(b"\nnext\n");
        assert_eq!(all(&body), [(LINE, 1, true), (4, 2, false)]);
        let exact = vec![b'b'; LINE];
        assert_eq!(all(&exact), [(LINE, 1, false)]);
    }
}
