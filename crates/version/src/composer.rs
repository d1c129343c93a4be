//! Composer versions, in the order of PHP's `version_compare`.
//!
//! Numbers and words; everything else parts them, and so does a change between the two. Words
//! sort *unknown < dev < alpha < beta < RC < end of the text < number < patch*; all unknown words are
//! equal. So `1.0 < 1.0.0` in this order; Composer itself pads the numbers to four before it
//! compares with a constraint, and a [`Range`](crate::Range) does the same: `1.2.0` is in `<= 1.2`.
//! The branch of a version (`2.x-dev`, `2.1.*-dev`) is then after all that is numbered in it, as
//! Composer's `normalizeBranch` has it: `2.9999999.9999999.9999999-dev`.
//! `#` stands for any number and equals each; with it the order is not transitive.
//! A build after `+` is ignored, as Composer does.
//!
//! Source: php.net/version_compare, getcomposer.org/doc/articles/versions.md.

use std::cmp::Ordering;

use crate::scan::{compare_numbers, split_digits, split_while};

/// The text without `v` and build.
#[derive(Clone)]
pub(crate) struct Parts<'a> {
    text: &'a [u8],
}

enum Token<'a> {
    Word(Word),
    Hash,
    End,
    Number(&'a [u8]),
}

/// What a word means; the numbers are those of PHP, where 4 is a number or the end.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Word {
    Unknown,
    Dev,
    Alpha,
    Beta,
    Candidate,
    Patch,
}

pub(crate) fn read(text: &str) -> Result<Parts<'_>, &'static str> {
    let bytes = text.as_bytes();
    let bytes = match bytes {
        [b'v' | b'V', rest @ ..] if rest.first().is_some_and(u8::is_ascii_digit) => rest,
        _ => bytes,
    };
    let (bytes, _build) = split_while(bytes, |byte| byte != b'+');
    if !bytes.iter().any(u8::is_ascii_alphanumeric) {
        return Err("it has neither number nor word");
    }
    Ok(Parts { text: bytes })
}

pub(crate) fn compare(a: &Parts<'_>, b: &Parts<'_>) -> Ordering {
    compare_tokens(tokens(a.text), tokens(b.text))
}

/// The order of constraints, where the numbers that a version begins with are four.
pub(crate) fn compare_normalized(a: &Parts<'_>, b: &Parts<'_>) -> Ordering {
    compare_tokens(normalized(a.text), normalized(b.text))
}

/// The same order for a version that a constraint begins at, where Composer counts the development
/// versions and pre-releases in: `4.0.0-beta1` is in `>= 4.0`.
pub(crate) fn compare_to_beginning(version: &Parts<'_>, bound: &Parts<'_>) -> Ordering {
    if bound.text.iter().any(u8::is_ascii_alphabetic) {
        return compare_normalized(version, bound);
    }
    let mut numbers = normalized(bound.text);
    let mut ended = false;
    let bound = move || match numbers() {
        Token::End if !ended => {
            ended = true;
            Token::Word(Word::Dev)
        }
        token => token,
    };
    compare_tokens(normalized(version.text), bound)
}

fn compare_tokens<'a>(
    mut a: impl FnMut() -> Token<'a>,
    mut b: impl FnMut() -> Token<'a>,
) -> Ordering {
    loop {
        let (a, b) = (a(), b());
        let order = match (&a, &b) {
            (Token::End, Token::End) => return Ordering::Equal,
            (Token::Number(a), Token::Number(b)) => compare_numbers(a, b),
            (Token::Number(_), Token::End) => Ordering::Greater,
            (Token::End, Token::Number(_)) => Ordering::Less,
            (Token::Word(a), Token::Word(b)) => a.cmp(b),
            (Token::Word(word), _) if *word == Word::Patch => Ordering::Greater,
            (Token::Word(_), _) => Ordering::Less,
            (_, Token::Word(word)) if *word == Word::Patch => Ordering::Less,
            (_, Token::Word(_)) => Ordering::Greater,
            (Token::Hash, _) | (_, Token::Hash) => Ordering::Equal,
        };
        if order.is_ne() {
            return order;
        }
    }
}

fn tokens<'a>(mut rest: &'a [u8]) -> impl FnMut() -> Token<'a> {
    move || {
        rest = split_while(rest, |byte| !byte.is_ascii_alphanumeric() && byte != b'#').1;
        let token;
        match rest.split_first() {
            None => token = Token::End,
            Some((b'#', after)) => (token, rest) = (Token::Hash, after),
            Some((b'0'..=b'9', _)) => {
                let (digits, after) = split_digits(rest);
                (token, rest) = (Token::Number(digits), after);
            }
            Some(_) => {
                let (letters, after) = split_while(rest, |byte| byte.is_ascii_alphabetic());
                (token, rest) = (Token::Word(Word::of(letters)), after);
            }
        }
        token
    }
}

/// The tokens by which Composer compares with a constraint.
fn normalized<'a>(text: &'a [u8]) -> impl FnMut() -> Token<'a> {
    let mut branch = branch(text).map(|numbers| {
        let numbers = numbers.into_iter().map(Token::Number);
        numbers.chain(std::iter::once(Token::Word(Word::Dev)))
    });
    let mut version = padded(tokens(text));
    move || match &mut branch {
        Some(tokens) => tokens.next().unwrap_or(Token::End),
        None => version(),
    }
}

/// The numbers of a branch that is named after the versions it leads to; its wildcards, and what it
/// leaves out, are higher than any number.
fn branch(text: &[u8]) -> Option<[&[u8]; 4]> {
    let (name, dev) = text.split_at_checked(text.len().checked_sub(3)?)?;
    if !dev.eq_ignore_ascii_case(b"dev") {
        return None;
    }
    let name = name
        .strip_suffix(b"-")
        .or_else(|| name.strip_suffix(b"."))
        .unwrap_or(name);
    let mut numbers = [b"9999999".as_slice(); 4];
    let mut places = numbers.iter_mut();
    let mut has_wildcard = false;
    for (index, part) in name.split(|&byte| byte == b'.').enumerate() {
        let place = places.next()?;
        match part {
            b"x" | b"X" | b"*" if index > 0 => has_wildcard = true,
            [_, ..] if split_digits(part).1.is_empty() => *place = part,
            _ => return None,
        }
    }
    has_wildcard.then_some(numbers)
}

fn padded<'a>(mut tokens: impl FnMut() -> Token<'a>) -> impl FnMut() -> Token<'a> {
    let mut missing = 4;
    let mut held = None;
    move || {
        let token = held.take().unwrap_or_else(&mut tokens);
        if missing == 0 {
            return token;
        }
        match token {
            Token::Number(_) => {
                missing -= 1;
                token
            }
            // A version that begins with a word is the name of a branch.
            _ if missing == 4 => {
                missing = 0;
                token
            }
            _ => {
                missing -= 1;
                held = Some(token);
                Token::Number(&[])
            }
        }
    }
}

impl Word {
    fn of(letters: &[u8]) -> Self {
        const WORDS: [(&[u8], Word); 10] = [
            (b"dev", Word::Dev),
            (b"a", Word::Alpha),
            (b"alpha", Word::Alpha),
            (b"b", Word::Beta),
            (b"beta", Word::Beta),
            (b"rc", Word::Candidate),
            (b"c", Word::Candidate),
            (b"p", Word::Patch),
            (b"pl", Word::Patch),
            (b"patch", Word::Patch),
        ];
        let known = WORDS
            .iter()
            .find(|(name, _)| letters.eq_ignore_ascii_case(name));
        known.map_or(Self::Unknown, |(_, word)| *word)
    }
}
