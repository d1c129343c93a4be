//! apk versions: `1.2.3b_rc4_p5-r6`, for Alpine, Wolfi and Chainguard.
//!
//! Numbers, one letter, suffixes (`_alpha _beta _pre _rc` before the bare version, `_cvs _svn _git
//! _hg _p` after it), a revision. A number after the first that starts with a zero compares as
//! text, so `1.05 < 1.1`. apk compares what it calls invalid too, and package databases hold such
//! versions; so nothing but empty text is invalid here. What follows the last readable part counts
//! as one token that sorts before the end (`1-r1-junk < 1-r1`), as in apk-tools 3; apk-tools 2
//! sorted it after the end. A letter may be followed by digits (`6.6.2p1`), and a suffix that is
//! not in the list sorts before all others, as apk-tools 2 has it.
//!
//! Two versions are compared as sequences of tokens: the first pair that differs decides, and the
//! order of tokens is total, so the order of versions is.

use std::cmp::Ordering;

use crate::scan::{compare_numbers, split_digits, split_while, without_zeros};

const PRE_SUFFIXES: [&[u8]; 4] = [b"alpha", b"beta", b"pre", b"rc"];
const POST_SUFFIXES: [&[u8]; 5] = [b"cvs", b"svn", b"git", b"hg", b"p"];

/// One part of a version. The order of the variants is the order of versions that differ there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Token<'a> {
    /// Zero is a suffix that no one knows.
    PreSuffix(usize),
    Junk,
    End,
    Revision(&'a [u8]),
    Commit(&'a [u8]),
    SuffixNumber(&'a [u8]),
    PostSuffix(usize),
    /// A dot that no digit follows.
    Gap,
    Letter(u8),
    Number(&'a [u8]),
    FirstNumber(&'a [u8]),
}

/// The rest of a version, and what the token before it allows to come next.
struct Tokens<'a> {
    rest: &'a [u8],
    last: Token<'a>,
}

/// A version before its first token is taken.
#[derive(Clone)]
pub(crate) struct Parts<'a> {
    text: &'a [u8],
}

#[inline]
pub(crate) fn read(text: &str) -> Parts<'_> {
    Parts {
        text: text.as_bytes(),
    }
}

#[inline]
pub(crate) fn compare(a: &Parts<'_>, b: &Parts<'_>) -> Ordering {
    if a.text == b.text {
        return Ordering::Equal;
    }
    let (mut a, mut b) = past_common_numbers(a.text, b.text);
    loop {
        let (token_a, token_b) = (a.last, b.last);
        let order = token_a.compare(token_b);
        if order.is_ne() || matches!(token_a, Token::End | Token::Junk) {
            return order;
        }
        a.advance();
        b.advance();
    }
}

/// Both versions from the last dot of the numbers they begin with in common.
fn past_common_numbers<'a>(a: &'a [u8], b: &'a [u8]) -> (Tokens<'a>, Tokens<'a>) {
    let mut last_dot = None;
    for (index, (&byte_a, &byte_b)) in a.iter().zip(b).enumerate() {
        if byte_a != byte_b || !(byte_a.is_ascii_digit() || byte_a == b'.') {
            break;
        }
        if byte_a == b'.' {
            last_dot = Some(index);
        }
    }
    match last_dot.and_then(|dot| a.get(dot..).zip(b.get(dot..))) {
        Some((a, b)) => {
            let last = Token::Gap;
            (Tokens { rest: a, last }, Tokens { rest: b, last })
        }
        None => (Tokens::new(a), Tokens::new(b)),
    }
}

impl Token<'_> {
    fn rank(self) -> u8 {
        match self {
            Self::PreSuffix(_) => 0,
            Self::Junk => 1,
            Self::End => 2,
            Self::Revision(_) => 3,
            Self::Commit(_) => 4,
            Self::SuffixNumber(_) => 5,
            Self::PostSuffix(_) => 6,
            Self::Gap => 7,
            Self::Letter(_) => 8,
            Self::Number(_) | Self::FirstNumber(_) => 9,
        }
    }

    fn compare(self, other: Self) -> Ordering {
        match (self, other) {
            (Self::PreSuffix(a), Self::PreSuffix(b))
            | (Self::PostSuffix(a), Self::PostSuffix(b)) => a.cmp(&b),
            (Self::Letter(a), Self::Letter(b)) => a.cmp(&b),
            (Self::Number(a), Self::Number(b)) if a.starts_with(b"0") || b.starts_with(b"0") => {
                a.cmp(b)
            }
            (Self::Number(a), Self::Number(b))
            | (Self::FirstNumber(a), Self::FirstNumber(b))
            | (Self::SuffixNumber(a), Self::SuffixNumber(b))
            | (Self::Revision(a), Self::Revision(b)) => compare_numbers(a, b),
            (Self::Commit(a), Self::Commit(b)) => a.cmp(b),
            (a, b) => a.rank().cmp(&b.rank()),
        }
    }
}

impl<'a> Tokens<'a> {
    fn new(text: &'a [u8]) -> Self {
        let (digits, rest) = split_digits(text);
        Self {
            rest,
            last: Token::FirstNumber(digits),
        }
    }

    fn advance(&mut self) {
        (self.last, self.rest) = self.next();
    }

    fn next(&self) -> (Token<'a>, &'a [u8]) {
        let Some((&first, rest)) = self.rest.split_first() else {
            return (Token::End, &[]);
        };
        match (first, self.last) {
            (b'a'..=b'z', Token::FirstNumber(_) | Token::Number(_) | Token::Gap) => {
                (Token::Letter(first), rest)
            }
            (b'0'..=b'9', Token::Letter(_)) => {
                let (digits, rest) = split_digits(self.rest);
                (Token::Number(digits), rest)
            }
            (b'0'..=b'9', Token::PreSuffix(_) | Token::PostSuffix(_)) => {
                let (digits, rest) = split_digits(self.rest);
                (Token::SuffixNumber(digits), rest)
            }
            (b'.', Token::FirstNumber(_) | Token::Number(_) | Token::Gap | Token::Letter(_)) => {
                match split_digits(rest) {
                    ([], rest) => (Token::Gap, rest),
                    (digits, rest) => (Token::Number(digits), rest),
                }
            }
            (b'_', last) if !matches!(last, Token::Commit(_) | Token::Revision(_)) => suffix(rest),
            (b'~', last) if !matches!(last, Token::Commit(_) | Token::Revision(_)) => {
                let (hash, rest) =
                    split_while(rest, |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
                if hash.is_empty() {
                    (Token::Junk, rest)
                } else {
                    (Token::Commit(hash), rest)
                }
            }
            (b'-', last) if !matches!(last, Token::Revision(_)) => revision(rest),
            _ => (Token::Junk, &[]),
        }
    }
}

fn suffix(text: &[u8]) -> (Token<'_>, &[u8]) {
    let (name, rest) = split_while(text, |byte| byte.is_ascii_lowercase());
    let index = |names: &[&[u8]]| names.iter().position(|&known| known == name);
    if let Some(index) = index(&PRE_SUFFIXES) {
        (Token::PreSuffix(index + 1), rest)
    } else if let Some(index) = index(&POST_SUFFIXES) {
        (Token::PostSuffix(index), rest)
    } else {
        (Token::PreSuffix(0), &[])
    }
}

/// `-r` without digits is revision 0. A revision 0 that junk follows is junk itself: apk-tools
/// takes `1-r0-1`, `1-r-2` and `1--junk` for equal.
fn revision(text: &[u8]) -> (Token<'_>, &[u8]) {
    let Some(rest) = text.strip_prefix(b"r") else {
        return (Token::Junk, &[]);
    };
    let (digits, rest) = split_digits(rest);
    if without_zeros(digits).is_empty() && !rest.is_empty() {
        return (Token::Junk, &[]);
    }
    (Token::Revision(digits), rest)
}
