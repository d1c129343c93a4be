//! Prefix codes as tables that are looked up with the next bits.
//!
//! The main table has an entry for every value of the first bits; a longer code has a link there to
//! a table of its own behind the main one. An entry says all that is to be done:
//!
//! | bits | |
//! |---|---|
//! | 0 to 7 | bits to take: of the code, and extra ones behind it |
//! | 8 to 13 | of those, how many are the code; in a link, bits that its table is looked up with |
//! | 14, 15 | whether it is neither literal nor length nor distance |
//! | 16 to 30 | the literal, the least length or distance, or where the link's table begins |
//! | 31 | whether it is a literal |

use crate::decoder::Fault;

/// Longest code (RFC 1951, section 3.2.7).
const LONGEST: usize = 15;
/// Symbols of the largest alphabet, lengths and literals.
const SYMBOLS: usize = 288;

pub(crate) const LITERAL: u32 = 1 << 31;
/// Neither a literal nor a length nor a distance.
pub(crate) const SPECIAL: u32 = 1 << 15;
/// More bits have to be looked up.
const LINK: u32 = SPECIAL | 1 << 14;
/// A code that no symbol has.
const INVALID: u32 = SPECIAL | 1 << 16;
/// The end of a block.
const END: u32 = SPECIAL;

/// A code's table: `SIZE` entries, a power of two, the first `1 << BITS` of them looked up first.
///
/// Codes of 286 symbols need at most 2,342 entries with 11 bits, those of 30 need 402 with 8, those
/// of 19 (7 bits at most) 128 with 7 (zlib's `enough.c` counts them).
pub(crate) struct Code<const SIZE: usize, const BITS: u32> {
    table: Box<[u32; SIZE]>,
}

/// Whether there are symbols with no code, which wastes bits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Incomplete {
    /// It is an error.
    Refused,
    /// A single code of one bit, or none at all, is as zlib and the specification have it.
    OneCode,
}

impl<const SIZE: usize, const BITS: u32> Code<SIZE, BITS> {
    pub(crate) fn new() -> Self {
        Self {
            table: Box::new([INVALID | 1; SIZE]),
        }
    }

    /// The entry that the next bits look up.
    #[inline(always)]
    pub(crate) fn first(&self, bits: u64) -> u32 {
        self.at(bits as usize & ((1 << BITS) - 1))
    }

    /// The entry behind a link, by the bits that follow those that found the link.
    #[inline(always)]
    pub(crate) fn linked(&self, link: u32, bits: u64) -> u32 {
        let mask = (1_usize << ((link >> 8) & 15)) - 1;
        self.at((link >> 16) as usize + (bits as usize & mask))
    }

    #[inline(always)]
    fn at(&self, place: usize) -> u32 {
        // A mask that changes nothing but what the compiler knows.
        self.table
            .get(place & (SIZE - 1))
            .copied()
            .unwrap_or(INVALID)
    }

    /// Builds the table: a symbol's code has the length that `lengths` says, none where it is 0.
    ///
    /// Codes go by length, then by symbol (RFC 1951, section 3.2.2), and stand in the stream from
    /// their highest bit on, so that tables go by reversed codes.
    pub(crate) fn build(
        &mut self,
        lengths: &[u8],
        incomplete: Incomplete,
        entry: fn(u32) -> u32,
        fault: Fault,
    ) -> Result<(), Fault> {
        let sorted = Sorted::new(lengths);
        if !sorted.is_allowed(incomplete) {
            return Err(fault);
        }
        let mut symbols = sorted.symbols();
        if sorted.longest() <= 1 && sorted.left() > 0 {
            self.table.fill(INVALID | 1);
            if let Some((symbol, _)) = symbols.next() {
                let entry = with_length(entry(symbol), 1);
                self.table.iter_mut().step_by(2).for_each(|at| *at = entry);
            }
            return Ok(());
        }
        // Entries so far; those of a shorter code come again with every bit that it leaves open.
        let mut size = 1_usize;
        let mut bits = 0;
        let mut code = 0_usize;
        let mut table = Sub::default();
        let mut end = 1 << BITS;
        for (symbol, length) in symbols {
            if length <= BITS {
                size = self.grow(&mut bits, length, size);
                self.set(code, with_length(entry(symbol), length));
            } else {
                size = self.grow(&mut bits, BITS, size);
                let prefix = code & ((1 << BITS) - 1);
                if table.prefix != Some(prefix) {
                    let bits = sorted.bits_behind(BITS, length, code);
                    table = Sub {
                        prefix: Some(prefix),
                        start: end,
                        size: 1 << bits,
                    };
                    end += table.size;
                    self.set(prefix, LINK | (table.start as u32) << 16 | bits << 8 | BITS);
                }
                let entry = with_length(entry(symbol), length - BITS);
                let step = 1 << (length - BITS);
                for place in (code >> BITS..table.size).step_by(step) {
                    self.set(table.start + place, entry);
                }
            }
            code = next(code, length);
        }
        self.grow(&mut bits, BITS, size);
        Ok(())
    }

    /// Has the main table be looked up with `to` bits; returns its size.
    fn grow(&mut self, bits: &mut u32, to: u32, mut size: usize) -> usize {
        while *bits < to {
            if let Some((there, again)) =
                self.table.get_mut(..2 * size).map(|t| t.split_at_mut(size))
            {
                again.copy_from_slice(there);
            }
            size *= 2;
            *bits += 1;
        }
        size
    }

    fn set(&mut self, place: usize, entry: u32) {
        if let Some(at) = self.table.get_mut(place) {
            *at = entry;
        }
    }
}

/// The table that codes of one prefix have.
#[derive(Default)]
struct Sub {
    prefix: Option<usize>,
    start: usize,
    size: usize,
}

/// The reversed code after `code`, both of `length` bits. A longer code goes on where it ends.
fn next(code: usize, length: u32) -> usize {
    let open = code ^ ((1 << length) - 1);
    match open.checked_ilog2() {
        Some(bit) => code & ((1 << bit) - 1) | 1 << bit,
        None => 0,
    }
}

fn with_length(entry: u32, length: u32) -> u32 {
    match entry & (LITERAL | SPECIAL) {
        0 => entry + length + (length << 8),
        _ => entry + length,
    }
}

/// Symbols by the length of their codes.
struct Sorted {
    /// Symbols with a code of each length.
    counts: [u16; LONGEST + 1],
    symbols: [u16; SYMBOLS],
}

impl Sorted {
    fn new(lengths: &[u8]) -> Self {
        let mut counts = [0_u16; LONGEST + 1];
        for &length in lengths {
            if let Some(count) = counts.get_mut(usize::from(length)) {
                *count += 1;
            }
        }
        let mut places = [0_u16; LONGEST + 1];
        let mut before = 0;
        for (place, count) in places.iter_mut().zip(counts).skip(1) {
            *place = before;
            before += count;
        }
        let mut symbols = [0; SYMBOLS];
        for (symbol, &length) in (0..).zip(lengths) {
            if let Some(place) = places.get_mut(usize::from(length)).filter(|_| length > 0) {
                if let Some(at) = symbols.get_mut(usize::from(*place)) {
                    *at = symbol;
                }
                *place += 1;
            }
        }
        counts[0] = 0;
        Self { counts, symbols }
    }

    /// Symbols with the length of their codes, in the order of the codes.
    fn symbols(&self) -> impl Iterator<Item = (u32, u32)> {
        let lengths = (0..)
            .zip(self.counts)
            .flat_map(|(length, count)| std::iter::repeat_n(length, usize::from(count)));
        self.symbols
            .iter()
            .map(|&symbol| symbol.into())
            .zip(lengths)
    }

    fn longest(&self) -> usize {
        self.counts
            .iter()
            .rposition(|&count| count > 0)
            .unwrap_or(0)
    }

    /// Codes of the longest length that no symbol has; less than none where there are too many.
    fn left(&self) -> i32 {
        let mut left = 1_i32;
        for &count in self.counts.iter().skip(1) {
            left = 2 * left - i32::from(count);
            if left < 0 {
                break;
            }
        }
        left
    }

    fn is_allowed(&self, incomplete: Incomplete) -> bool {
        match self.left() {
            0 => true,
            1.. => incomplete == Incomplete::OneCode && self.longest() <= 1,
            _ => false,
        }
    }

    /// Bits that the codes behind a prefix need at most, the first of them, `code`, having `length`.
    fn bits_behind(&self, main: u32, length: u32, code: usize) -> u32 {
        // Codes of this length that come before this one.
        let mut first = 0_u32;
        for &count in self.counts.iter().take(length as usize).skip(1) {
            first = (first + u32::from(count)) << 1;
        }
        let ahead = (code as u32).reverse_bits() >> (32 - length);
        let of = |length: u32| {
            self.counts
                .get(length as usize)
                .copied()
                .map_or(0, u32::from)
        };
        let mut bits = length - main;
        let mut used = of(length) - ahead.saturating_sub(first).min(of(length));
        while used < 1 << bits && main + bits < LONGEST as u32 {
            bits += 1;
            used = (used << 1) + of(main + bits);
        }
        bits
    }
}

/// What an entry is, where it is [`SPECIAL`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Special {
    Link,
    End,
    Invalid,
}

/// What a special entry is.
#[inline(always)]
pub(crate) fn special(entry: u32) -> Special {
    if entry & LINK == LINK {
        Special::Link
    } else if entry & INVALID == INVALID {
        Special::Invalid
    } else {
        Special::End
    }
}

/// Bits of an entry's code alone.
pub(crate) fn code_bits(entry: u32) -> u32 {
    match entry & (LITERAL | SPECIAL) {
        0 => (entry >> 8) & 63,
        _ => entry & 63,
    }
}

/// The length or distance of an entry; `bits` are those that begin with its code.
#[inline(always)]
pub(crate) fn value(bits: u64, entry: u32) -> usize {
    let extra = (bits & ((1 << (entry & 63)) - 1)) >> ((entry >> 8) & 63);
    (entry >> 16) as usize + extra as usize
}

/// Literals, the end of a block, and lengths with their extra bits (RFC 1951, section 3.2.5).
pub(crate) fn literal_or_length(symbol: u32) -> u32 {
    const LENGTHS: [(u32, u32); 29] = [
        (3, 0),
        (4, 0),
        (5, 0),
        (6, 0),
        (7, 0),
        (8, 0),
        (9, 0),
        (10, 0),
        (11, 1),
        (13, 1),
        (15, 1),
        (17, 1),
        (19, 2),
        (23, 2),
        (27, 2),
        (31, 2),
        (35, 3),
        (43, 3),
        (51, 3),
        (59, 3),
        (67, 4),
        (83, 4),
        (99, 4),
        (115, 4),
        (131, 5),
        (163, 5),
        (195, 5),
        (227, 5),
        (258, 0),
    ];
    match symbol {
        0..256 => LITERAL | symbol << 16,
        256 => END,
        _ => LENGTHS
            .get(symbol as usize - 257)
            .map_or(INVALID, |&(least, extra)| least << 16 | extra),
    }
}

/// Distances with their extra bits (RFC 1951, section 3.2.5).
pub(crate) fn distance(symbol: u32) -> u32 {
    match symbol {
        0..4 => (symbol + 1) << 16,
        4..30 => {
            let extra = symbol / 2 - 1;
            (((2 + symbol % 2) << extra) + 1) << 16 | extra
        }
        _ => INVALID,
    }
}

/// Lengths of codes, and how often they come again (RFC 1951, section 3.2.7).
pub(crate) fn code_length(symbol: u32) -> u32 {
    symbol << 16
}
