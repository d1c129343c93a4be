//! SQLite's write-ahead logs: one behind its database as an input, made from a database, and with
//! checksums that are right again.

const HEAD: usize = 32;
const FRAME_HEAD: usize = 24;
const MAGIC: u32 = 0x377f_0682;

/// A database and its log as one input: the database's bytes in the first line.
pub(crate) fn joined(database: &[u8], log: &[u8]) -> Vec<u8> {
    let length = database.len().to_string();
    crate::input::with_line(length.as_bytes(), &[database, log].concat())
}

/// A database and what is behind it, taken apart. Without a number there is no log.
pub(crate) fn split(data: &[u8]) -> (&[u8], &[u8]) {
    let (line, rest) = crate::input::line(data);
    at(line, rest)
}

/// The first bytes, as many as a text says, and the others.
pub(crate) fn at<'a>(length: &[u8], bytes: &'a [u8]) -> (&'a [u8], &'a [u8]) {
    let length = std::str::from_utf8(length).ok();
    let length = length.and_then(|length| length.parse().ok());
    let length = length.unwrap_or(bytes.len()).min(bytes.len());
    bytes.split_at(length)
}

/// A database beside a log of all its pages, and such a log beside nothing, in either byte order.
pub(crate) fn seeds(database: &[u8]) -> Vec<Vec<u8>> {
    let size = match database.get(16..18) {
        Some(&[0, 1]) => 1 << 16,
        Some(&[high, low]) => usize::from(u16::from_be_bytes([high, low])),
        _ => return Vec::new(),
    };
    let pages: Vec<&[u8]> = database.chunks_exact(size.max(512)).collect();
    let number = |number: usize| u32::try_from(number).unwrap_or_default().to_be_bytes();
    let mut logs = [MAGIC, MAGIC | 1].map(|magic| {
        let head = [magic, 3_007_000, 0, 1, 7, 9, 0, 0];
        let mut log: Vec<u8> = head.iter().flat_map(|word| word.to_be_bytes()).collect();
        log.splice(8..12, number(size));
        for (index, page) in pages.iter().enumerate() {
            // The last frame ends the transaction.
            let commit = if index + 1 == pages.len() {
                index + 1
            } else {
                0
            };
            log.extend([number(index + 1), number(commit)].concat());
            log.extend([7_u32, 9, 0, 0].iter().flat_map(|word| word.to_be_bytes()));
            log.extend(*page);
        }
        repaired(&log)
    });
    let [little, big] = &mut logs;
    vec![joined(database, little), joined(&[], big)]
}

/// The log with the checksums that its bytes have, and its frames with its head's salts.
pub(crate) fn repaired(log: &[u8]) -> Vec<u8> {
    let mut log = log.to_vec();
    let Some((head, mut frames)) = log.split_at_mut_checked(HEAD) else {
        return log;
    };
    let word = |bytes: &[u8], at: usize| -> u32 {
        let bytes = bytes
            .get(at..at + 4)
            .and_then(|bytes| bytes.try_into().ok());
        bytes.map_or(0, u32::from_be_bytes)
    };
    let mut sum = Sum {
        big_endian: word(head, 0) & 1 == 1,
        a: 0,
        b: 0,
    };
    let size = word(head, 8) as usize;
    sum.add(head.get(..24).unwrap_or_default());
    sum.write(head, 24);
    let salts: Vec<u8> = head.get(16..24).unwrap_or_default().to_vec();
    while let Some((frame, rest)) = std::mem::take(&mut frames).split_at_mut_checked(FRAME_HEAD)
        && size > 0
        && let Some((page, rest)) = rest.split_at_mut_checked(size)
    {
        if let Some(own) = frame.get_mut(8..16) {
            own.copy_from_slice(&salts);
        }
        sum.add(frame.get(..8).unwrap_or_default());
        sum.add(page);
        sum.write(frame, 16);
        frames = rest;
    }
    log
}

/// The sum that a log keeps.
struct Sum {
    big_endian: bool,
    a: u32,
    b: u32,
}

impl Sum {
    fn add(&mut self, bytes: &[u8]) {
        let word = match self.big_endian {
            true => u32::from_be_bytes,
            false => u32::from_le_bytes,
        };
        for [a, b] in bytes.as_chunks().0.as_chunks().0 {
            self.a = self.a.wrapping_add(word(*a)).wrapping_add(self.b);
            self.b = self.b.wrapping_add(word(*b)).wrapping_add(self.a);
        }
    }

    fn write(&self, bytes: &mut [u8], at: usize) {
        let sum = [self.a.to_be_bytes(), self.b.to_be_bytes()].concat();
        if let Some(place) = bytes.get_mut(at..at + 8) {
            place.copy_from_slice(&sum);
        }
    }
}
