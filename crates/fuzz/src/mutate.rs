//! Small damage to good inputs, the same on every machine.
//!
//! What a test can afford: a few hundred inputs a target. It finds what is shallow; the rest is
//! libFuzzer's work.

/// Makes inputs from seeds.
pub struct Mutator {
    state: u64,
}

/// Numbers that lengths, offsets and counts break at.
const NUMBERS: &[&[u8]] = &[
    b"0",
    b"-1",
    b"4294967295",
    b"18446744073709551616",
    b"99999999999999999999999999",
    &[0xff; 4],
    &[0xff; 8],
    &[0x80, 0, 0, 0],
    &[0, 0, 0, 0x80],
    &[0; 8],
];

/// Pieces that mean something to some parser.
const PIECES: &[&[u8]] = &[
    b"../",
    b"\0",
    b"\n",
    b"\r\n",
    b"\x1b[2J",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"{",
    b"[",
    b"\"",
    b"<!DOCTYPE a [<!ENTITY b \"c\">]>",
    b"&b;",
    b"~",
    b"^",
    b":",
    b"-",
    b"%",
    b"=",
    b"\t",
    b" ",
];

impl Mutator {
    /// A mutator whose inputs follow from this number alone.
    pub fn new(seed: u64) -> Self {
        Self {
            state: seed.wrapping_mul(2).wrapping_add(0x9e37_79b9_7f4a_7c15) | 1,
        }
    }

    /// A number below `end`; 0 where there is none.
    fn below(&mut self, end: usize) -> usize {
        // xorshift64*: no more randomness is needed than that bits differ.
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        let number = self.state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16;
        usize::try_from(number).unwrap_or(0) % end.max(1)
    }

    /// A damaged copy of one of the seeds, of at most `limit` bytes.
    pub fn next(&mut self, seeds: &[Vec<u8>], limit: usize) -> Vec<u8> {
        let mut data = seeds
            .get(self.below(seeds.len()))
            .cloned()
            .unwrap_or_default();
        for _ in 0..=self.below(4) {
            self.damage(&mut data, seeds);
        }
        data.truncate(limit);
        data
    }

    fn damage(&mut self, data: &mut Vec<u8>, seeds: &[Vec<u8>]) {
        let at = self.below(data.len() + 1);
        let end = at + self.below((data.len() - at).min(64) + 1);
        match self.below(8) {
            0 => {
                let bit = 1 << self.below(8);
                if let Some(byte) = data.get_mut(at) {
                    *byte ^= bit;
                }
            }
            1 => data.truncate(at),
            2 => drop(data.drain(at..end)),
            3 => {
                let again = data
                    .get(at..end)
                    .unwrap_or_default()
                    .repeat(1 + self.below(40));
                data.splice(at..at, again);
            }
            4 => {
                let number = NUMBERS.get(self.below(NUMBERS.len())).copied();
                let number = number.unwrap_or_default();
                let end = data.len().min(at + number.len());
                data.splice(at..end, number.iter().copied());
            }
            5 => {
                let piece = PIECES.get(self.below(PIECES.len())).copied();
                data.splice(at..at, piece.unwrap_or_default().iter().copied());
            }
            6 => {
                // The end of another seed.
                let other = seeds.get(self.below(seeds.len()));
                let other = other.map(Vec::as_slice).unwrap_or_default();
                let from = self.below(other.len() + 1);
                data.truncate(at);
                data.extend_from_slice(other.get(from..).unwrap_or_default());
            }
            _ => {
                let byte = u8::try_from(self.below(256)).unwrap_or(0);
                data.splice(at..end, std::iter::repeat_n(byte, end - at));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_follow_from_the_number_alone_and_keep_to_the_limit() {
        let seeds = [b"Package: a\nVersion: 1\n".to_vec(), vec![0; 300]];
        let make = |number| {
            let mut mutator = Mutator::new(number);
            (0..50)
                .map(|_| mutator.next(&seeds, 200))
                .collect::<Vec<_>>()
        };
        assert_eq!(make(1), make(1));
        assert_ne!(make(1), make(2));
        assert!(make(3).iter().all(|input| input.len() <= 200));
        assert!(make(4).iter().any(|input| !seeds.contains(input)));
    }
}
