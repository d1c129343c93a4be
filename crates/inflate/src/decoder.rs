//! A DEFLATE stream from its first block to its last (RFC 1951, section 3.2.3).
//!
//! Most of it goes through [`Decoder::run`], which reads and writes slices with room to spare, so
//! that it never has to look how much is left within a turn. What is near to the end of a slice is
//! done bit by bit; no byte is taken from the reader before it is needed, so that what follows the
//! stream is still there.

use std::io::{self, BufRead};

#[cfg(target_arch = "x86_64")]
use fearless_simd::{Level, Simd as _};

use crate::code::{
    Code, Incomplete, LITERAL, SPECIAL, Special, code_bits, code_length, distance,
    literal_or_length, special, value,
};
use crate::window::Window;

/// Longest match (RFC 1951, section 3.2.5).
const LONGEST: usize = 258;
/// Bytes that a turn of [`Decoder::run`] may write: literals, and a match up to the end of a word.
const ROOM: usize = 3 + LONGEST + WIDE;
/// Bytes that a turn of [`Decoder::run`] may read.
const AHEAD: usize = 32;
/// Bytes copied at once, of matches from far enough back.
const WIDE: usize = 32;
/// Bytes copied at once, of matches from nearer.
const WORD: usize = 8;
/// Bits of a distance's code with those that follow it, at most.
const DISTANCE_BITS: u32 = 28;

/// What is wrong with a stream, in zlib's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fault(pub(crate) &'static str);

impl From<Fault> for io::Error {
    fn from(Fault(what): Fault) -> Self {
        Self::new(io::ErrorKind::InvalidData, what)
    }
}

const LITERALS: Fault = Fault("invalid literal/lengths set");
const DISTANCES: Fault = Fault("invalid distances set");
const CODE_LENGTHS: Fault = Fault("invalid code lengths set");
const REPEAT: Fault = Fault("invalid bit length repeat");
const LITERAL_CODE: Fault = Fault("invalid literal/length code");
const DISTANCE_CODE: Fault = Fault("invalid distance code");
const TOO_FAR: Fault = Fault("invalid distance too far back");

/// A stream being decompressed.
pub(crate) struct Decoder {
    /// The next bits of the stream, the first the lowest; above `count` there are none.
    bits: u64,
    /// Fewer than eight between two blocks or symbols.
    count: u32,
    state: State,
    /// Whether this block is the last.
    is_last: bool,
    literals: Code<4096, 11>,
    distances: Code<512, 8>,
    code_lengths: Code<128, 7>,
    window: Window,
}

#[derive(Clone, Copy)]
enum State {
    /// A block begins.
    Block,
    /// In a block that is as it is; bytes left.
    Stored(usize),
    /// In a block of symbols.
    Symbols,
    /// In a match.
    Match(Match),
    /// After the last block.
    Over,
    /// There was an error.
    Failed,
}

/// Bytes that come again.
#[derive(Clone, Copy)]
struct Match {
    /// How many, still.
    length: usize,
    /// How far back.
    distance: usize,
}

/// Why the fast loop ended.
enum Pause {
    /// There is little left to read or little room to write.
    Short,
    /// The block is over.
    Block,
    Fault(Fault),
}

impl Decoder {
    pub(crate) fn new() -> Self {
        Self {
            bits: 0,
            count: 0,
            state: State::Block,
            is_last: false,
            literals: Code::new(),
            distances: Code::new(),
            code_lengths: Code::new(),
            window: Window::new(),
        }
    }

    /// Begins another stream.
    pub(crate) fn reset(&mut self) {
        self.bits = 0;
        self.count = 0;
        self.state = State::Block;
        self.is_last = false;
        self.window.clear();
    }

    /// Fills `out` as far as the stream goes; 0 at its end.
    pub(crate) fn read(&mut self, input: &mut impl BufRead, out: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        if let Err(error) = self.fill(input, out, &mut filled) {
            self.state = State::Failed;
            return Err(error);
        }
        self.window.remember(out.get(..filled).unwrap_or_default());
        Ok(filled)
    }

    fn fill(
        &mut self,
        input: &mut impl BufRead,
        out: &mut [u8],
        filled: &mut usize,
    ) -> io::Result<()> {
        while *filled < out.len() {
            match self.state {
                State::Block => self.block(input)?,
                State::Stored(0) => self.block_is_over(),
                State::Stored(left) => self.stored(input, out, filled, left)?,
                State::Symbols => self.symbols(input, out, filled)?,
                State::Match(of) => self.repeat(out, filled, of)?,
                State::Over => break,
                State::Failed => return Err(Fault("a stream that has failed before").into()),
            }
        }
        Ok(())
    }

    fn block_is_over(&mut self) {
        self.state = if self.is_last {
            State::Over
        } else {
            State::Block
        };
    }

    fn block(&mut self, input: &mut impl BufRead) -> io::Result<()> {
        self.is_last = self.take(input, 1)? == 1;
        self.state = match self.take(input, 2)? {
            0 => {
                self.drop(self.count % 8);
                let length = self.take(input, 16)?;
                if self.take(input, 16)? != length ^ 0xffff {
                    return Err(Fault("invalid stored block lengths").into());
                }
                State::Stored(length as usize)
            }
            1 => {
                let mut lengths = [8; 288];
                fill(&mut lengths, 144..256, 9);
                fill(&mut lengths, 256..280, 7);
                self.build(&lengths, &[5; 32])?;
                State::Symbols
            }
            2 => {
                self.codes(input)?;
                State::Symbols
            }
            _ => return Err(Fault("invalid block type").into()),
        };
        Ok(())
    }

    /// Reads the codes that stand before the symbols (RFC 1951, section 3.2.7).
    fn codes(&mut self, input: &mut impl BufRead) -> io::Result<()> {
        const ORDER: [usize; 19] = [
            16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15,
        ];
        let literals = self.take(input, 5)? as usize + 257;
        let distances = self.take(input, 5)? as usize + 1;
        let code_lengths = self.take(input, 4)? as usize + 4;
        if literals > 286 || distances > 30 {
            return Err(Fault("too many length or distance symbols").into());
        }
        let mut lengths = [0; 19];
        for &symbol in ORDER.iter().take(code_lengths) {
            fill(&mut lengths, symbol..symbol + 1, self.take(input, 3)? as u8);
        }
        self.code_lengths
            .build(&lengths, Incomplete::Refused, code_length, CODE_LENGTHS)?;
        let mut lengths = [0; 286 + 30];
        let mut there = 0;
        let mut before = None;
        while there < literals + distances {
            let entry = self.next(input, |this| this.code_lengths.first(this.bits))?;
            self.drop(entry & 63);
            let (length, times) = match entry >> 16 {
                length @ ..16 => (length as u8, 1),
                16 => (before.ok_or(REPEAT)?, 3 + self.take(input, 2)?),
                17 => (0, 3 + self.take(input, 3)?),
                _ => (0, 11 + self.take(input, 7)?),
            };
            let after = there + times as usize;
            if after > literals + distances {
                return Err(REPEAT.into());
            }
            fill(&mut lengths, there..after, length);
            before = Some(length);
            there = after;
        }
        if lengths.get(256) == Some(&0) {
            return Err(Fault("invalid code -- missing end-of-block").into());
        }
        let (literals, rest) = lengths.split_at(literals);
        Ok(self.build(literals, rest.get(..distances).unwrap_or_default())?)
    }

    fn build(&mut self, literals: &[u8], distances: &[u8]) -> Result<(), Fault> {
        let one = Incomplete::OneCode;
        self.literals
            .build(literals, one, literal_or_length, LITERALS)?;
        self.distances.build(distances, one, distance, DISTANCES)
    }

    fn stored(
        &mut self,
        input: &mut impl BufRead,
        out: &mut [u8],
        filled: &mut usize,
        left: usize,
    ) -> io::Result<()> {
        let there = fill_buf(input)?;
        let room = out.get_mut(*filled..).unwrap_or_default();
        let count = left.min(room.len()).min(there.len());
        if let (Some(to), Some(from)) = (room.get_mut(..count), there.get(..count)) {
            to.copy_from_slice(from);
        }
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        input.consume(count);
        *filled += count;
        self.state = State::Stored(left - count);
        Ok(())
    }

    fn symbols(
        &mut self,
        input: &mut impl BufRead,
        out: &mut [u8],
        filled: &mut usize,
    ) -> io::Result<()> {
        let there = fill_buf(input)?;
        if there.len() >= AHEAD && out.len() - *filled >= ROOM {
            let (read, pause) = self.run(there, out, filled);
            input.consume(read);
            match pause {
                Pause::Short => {}
                Pause::Block => {
                    self.block_is_over();
                    return Ok(());
                }
                Pause::Fault(fault) => return Err(fault.into()),
            }
        }
        self.symbol(input, out, filled)
    }

    /// One symbol, bit by bit.
    fn symbol(
        &mut self,
        input: &mut impl BufRead,
        out: &mut [u8],
        filled: &mut usize,
    ) -> io::Result<()> {
        let entry = self.next(input, |this| match this.literals.first(this.bits) {
            link if link & SPECIAL != 0 && special(link) == Special::Link => {
                under(link, this.literals.linked(link, this.bits >> (link & 63)))
            }
            entry => entry,
        })?;
        if entry & LITERAL != 0 {
            self.drop(entry & 63);
            if let Some(to) = out.get_mut(*filled) {
                *to = (entry >> 16) as u8;
            }
            *filled += 1;
            return Ok(());
        }
        if entry & SPECIAL != 0 {
            if special(entry) == Special::Invalid {
                return Err(LITERAL_CODE.into());
            }
            self.drop(entry & 63);
            self.block_is_over();
            return Ok(());
        }
        let length = self.value(input, entry)?;
        let entry = self.next(input, |this| match this.distances.first(this.bits) {
            link if link & SPECIAL != 0 && special(link) == Special::Link => {
                under(link, this.distances.linked(link, this.bits >> (link & 63)))
            }
            entry => entry,
        })?;
        if entry & SPECIAL != 0 {
            return Err(DISTANCE_CODE.into());
        }
        let distance = self.value(input, entry)?;
        self.state = State::Match(Match { length, distance });
        Ok(())
    }

    /// The next entry, once there are bits enough to tell which it is.
    fn next(&mut self, input: &mut impl BufRead, find: impl Fn(&Self) -> u32) -> io::Result<u32> {
        loop {
            let entry = find(self);
            if code_bits(entry) <= self.count {
                return Ok(entry);
            }
            self.need(input, self.count + 1)?;
        }
    }

    fn value(&mut self, input: &mut impl BufRead, entry: u32) -> io::Result<usize> {
        self.need(input, entry & 63)?;
        let value = value(self.bits, entry);
        self.drop(entry & 63);
        Ok(value)
    }

    /// Takes as many bytes as it needs to have `count` bits.
    fn need(&mut self, input: &mut impl BufRead, count: u32) -> io::Result<()> {
        while self.count < count {
            let there = fill_buf(input)?.first();
            let byte = *there.ok_or(io::ErrorKind::UnexpectedEof)?;
            input.consume(1);
            self.bits |= u64::from(byte) << self.count;
            self.count += 8;
        }
        Ok(())
    }

    /// The next bits as a number; at most 16.
    fn take(&mut self, input: &mut impl BufRead, count: u32) -> io::Result<u32> {
        self.need(input, count)?;
        let value = self.bits & ((1 << count) - 1);
        self.drop(count);
        Ok(value as u32)
    }

    fn drop(&mut self, count: u32) {
        self.bits >>= count;
        self.count -= count;
    }

    /// Writes what there is room for of a match.
    fn repeat(&mut self, out: &mut [u8], filled: &mut usize, of: Match) -> Result<(), Fault> {
        let Match {
            mut length,
            distance,
        } = of;
        if distance > *filled {
            let back = distance - *filled;
            let count = length.min(back).min(out.len() - *filled);
            let to = out.get_mut(*filled..*filled + count).unwrap_or_default();
            self.window.copy(back, to).ok_or(TOO_FAR)?;
            *filled += count;
            length -= count;
        }
        while length > 0 && *filled < out.len() {
            let count = length.min(distance).min(out.len() - *filled);
            let from = *filled - distance;
            out.copy_within(from..from + count, *filled);
            *filled += count;
            length -= count;
        }
        self.state = match length {
            0 => State::Symbols,
            _ => State::Match(Match { length, distance }),
        };
        Ok(())
    }

    /// Symbols, as long as `input` has [`AHEAD`] bytes and `out` has [`ROOM`]. Returns the bytes of
    /// `input` that it has read.
    ///
    /// An entry is looked up as soon as its bits are there, before what the last one asked for is
    /// written: the look-ups are what everything waits for.
    fn run(&mut self, input: &[u8], out: &mut [u8], filled: &mut usize) -> (usize, Pause) {
        // Shifts by a variable cost a third with BMI2, which comes with AVX2.
        #[cfg(target_arch = "x86_64")]
        if let Some(level) = Level::new().as_avx2() {
            return level.vectorize(
                #[inline(always)]
                move || self.run_here(input, out, filled),
            );
        }
        self.run_here(input, out, filled)
    }

    /// [`Self::run`], with what the processor has.
    #[inline(always)]
    fn run_here(&mut self, input: &[u8], out: &mut [u8], filled: &mut usize) -> (usize, Pause) {
        let (literals, distances) = (&self.literals, &self.distances);
        let (mut bits, mut count) = (self.bits, self.count);
        let (mut next, mut to) = (0, *filled);
        let (last, room) = (input.len() - AHEAD, out.len() - ROOM);
        let pause = 'run: {
            // Fills up to 56 bits or more. The bits above `count` are right, and read again later; of
            // `count` only the lowest six bits count.
            macro_rules! refill {
                () => {
                    let Some(word) = input
                        .get(next..next + 8)
                        .and_then(|rest| rest.first_chunk())
                    else {
                        break 'run Pause::Short;
                    };
                    bits |= u64::from_le_bytes(*word) << (count & 63);
                    next += 7 - ((count >> 3) & 7) as usize;
                    count |= 56;
                };
            }
            macro_rules! consume {
                ($entry:expr) => {
                    bits >>= $entry & 63;
                    count = count.wrapping_sub($entry);
                };
            }
            macro_rules! put {
                ($entry:expr) => {
                    if let Some(to) = out.get_mut(to) {
                        *to = ($entry >> 16) as u8;
                    }
                    to += 1;
                };
            }
            refill!();
            let mut entry = literals.first(bits);
            loop {
                if to > room || next > last {
                    break 'run Pause::Short;
                }
                let mut before = bits;
                consume!(entry);
                if entry & LITERAL != 0 {
                    let literal = entry;
                    entry = literals.first(bits);
                    before = bits;
                    consume!(entry);
                    put!(literal);
                    if entry & LITERAL != 0 {
                        let literal = entry;
                        entry = literals.first(bits);
                        before = bits;
                        consume!(entry);
                        put!(literal);
                        if entry & LITERAL != 0 {
                            put!(entry);
                            refill!();
                            entry = literals.first(bits);
                            continue;
                        }
                    }
                }
                if entry & SPECIAL != 0 {
                    if special(entry) == Special::Link {
                        entry = literals.linked(entry, bits);
                        before = bits;
                        consume!(entry);
                        if entry & LITERAL != 0 {
                            put!(entry);
                            refill!();
                            entry = literals.first(bits);
                            continue;
                        }
                    }
                    if entry & SPECIAL != 0 {
                        break 'run match special(entry) {
                            Special::End => Pause::Block,
                            Special::Link | Special::Invalid => Pause::Fault(LITERAL_CODE),
                        };
                    }
                }
                let length = value(before, entry);
                if count & 63 < DISTANCE_BITS {
                    refill!();
                }
                let mut far = distances.first(bits);
                before = bits;
                consume!(far);
                if far & SPECIAL != 0 {
                    if special(far) == Special::Link {
                        far = distances.linked(far, bits);
                        before = bits;
                        consume!(far);
                    }
                    if far & SPECIAL != 0 {
                        break 'run Pause::Fault(DISTANCE_CODE);
                    }
                }
                let distance = value(before, far);
                // The bits first, for the look-up takes longer than what stands between.
                refill!();
                entry = literals.first(bits);
                if distance <= to {
                    copy(out, to, length, distance);
                } else if !copy_far(&self.window, out, to, length, distance) {
                    break 'run Pause::Fault(TOO_FAR);
                }
                to += length;
            }
        };
        // Whole bytes that no symbol has used go back.
        count &= 63;
        next -= (count / 8) as usize;
        self.count = count % 8;
        self.bits = bits & ((1 << self.count) - 1);
        *filled = to;
        (next, pause)
    }
}

/// An entry behind a link, as if it had been found at once.
fn under(link: u32, entry: u32) -> u32 {
    let bits = link & 63;
    match entry & (LITERAL | SPECIAL) {
        0 => entry + bits + (bits << 8),
        _ => entry + bits,
    }
}

fn fill(lengths: &mut [u8], places: std::ops::Range<usize>, length: u8) {
    lengths.get_mut(places).unwrap_or_default().fill(length);
}

fn fill_buf(input: &mut impl BufRead) -> io::Result<&[u8]> {
    loop {
        match input.fill_buf() {
            // The borrow of a slice that is returned from within a loop lasts too long, so it is
            // asked for again; it is there.
            Ok(_) => return input.fill_buf(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Writes a match that lies in `out`; up to `WIDE - 1` bytes behind it are written over.
#[inline(always)]
fn copy(out: &mut [u8], mut to: usize, length: usize, distance: usize) {
    let end = to + length;
    let mut from = to - distance;
    if distance >= WIDE {
        // Most matches are no longer than this, and so cost one turn.
        loop {
            piece::<WIDE>(out, from, to);
            from += WIDE;
            to += WIDE;
            if to >= end {
                break;
            }
        }
    } else if distance >= WORD {
        while to < end {
            piece::<WORD>(out, from, to);
            from += WORD;
            to += WORD;
        }
    } else if distance == 1 {
        let byte = out.get(from).copied().unwrap_or_default();
        out.get_mut(to..end).unwrap_or_default().fill(byte);
    } else {
        // Of each word as many bytes are right as the distance is long; the next word is written
        // over the others.
        while to < end {
            piece::<WORD>(out, from, to);
            from += distance;
            to += distance;
        }
    }
}

/// Writes a match that begins before `out`; says whether there is as much before it.
#[inline(never)]
fn copy_far(window: &Window, out: &mut [u8], to: usize, length: usize, distance: usize) -> bool {
    let back = distance - to;
    let far = length.min(back);
    let place = out.get_mut(to..to + far).unwrap_or_default();
    let there = window.copy(back, place).is_some();
    if there && far < length {
        copy(out, to + far, length - far, distance);
    }
    there
}

/// Copies `N` bytes.
#[inline(always)]
fn piece<const N: usize>(out: &mut [u8], from: usize, to: usize) {
    let piece = out.get(from..).and_then(|rest| rest.first_chunk::<N>());
    if let Some(piece) = piece.copied()
        && let Some(place) = out.get_mut(to..).and_then(|rest| rest.first_chunk_mut())
    {
        *place = piece;
    }
}
