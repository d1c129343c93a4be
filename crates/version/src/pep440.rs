//! Python versions: `[epoch!]release[pre][.post][.dev][+local]`.
//!
//! Zeros at the end of the release do not count (`1.0 = 1`). A development release comes before
//! the pre-releases of its version, those before it, post-releases after. Spellings are many (`alpha`,
//! `a`; `c`, `pre`, `preview`, `rc`; `-1`, `r1`, `rev1`, `post1`) and equal. A local version is newer
//! than the same without; a [`Range`](crate::Range) whose bound has none ignores it, as PEP 440 says.
//!
//! Text that PEP 440 refuses is not invalid here: old packages and advisories hold such, and it sorts
//! before everything else in the order that setuptools once had (`0.1-bulbasaur`).
//!
//! Source: PEP 440; packaging.version, `LegacyVersion` of its release 21.

use std::cmp::Ordering;

use crate::scan::{compare_numbers, split_digits, split_while, without_zeros};

/// What decides the order of a version.
#[derive(Clone)]
pub(crate) enum Parts {
    Legacy(Vec<Box<[u8]>>),
    Regular(Box<Regular>),
}

/// Numbers are digits without leading zeros.
#[derive(Clone)]
pub(crate) struct Regular {
    epoch: Number,
    /// Without zeros at its end.
    release: Vec<Number>,
    pre: Option<(Phase, Number)>,
    post: Option<Number>,
    dev: Option<Number>,
    local: Vec<Local>,
}

/// Digits without leading zeros; longer is greater.
#[derive(Clone, PartialEq, Eq)]
struct Number(Box<[u8]>);

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Alpha,
    Beta,
    Candidate,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Local {
    Text(Box<[u8]>),
    Number(Number),
}

const PRE_WORDS: [(&[u8], Phase); 8] = [
    (b"alpha", Phase::Alpha),
    (b"beta", Phase::Beta),
    (b"preview", Phase::Candidate),
    (b"pre", Phase::Candidate),
    (b"rc", Phase::Candidate),
    (b"a", Phase::Alpha),
    (b"b", Phase::Beta),
    (b"c", Phase::Candidate),
];
const POST_WORDS: [(&[u8], ()); 3] = [(b"post", ()), (b"rev", ()), (b"r", ())];
const DEV_WORDS: [(&[u8], ()); 1] = [(b"dev", ())];

pub(crate) fn read(text: &str) -> Parts {
    let lower = text.to_ascii_lowercase();
    match read_regular(lower.as_bytes()) {
        Some(regular) => Parts::Regular(Box::new(regular)),
        None => Parts::Legacy(read_legacy(lower.as_bytes())),
    }
}

pub(crate) fn compare(a: &Parts, b: &Parts) -> Ordering {
    match (a, b) {
        (Parts::Legacy(a), Parts::Legacy(b)) => a.cmp(b),
        (Parts::Legacy(_), Parts::Regular(_)) => Ordering::Less,
        (Parts::Regular(_), Parts::Legacy(_)) => Ordering::Greater,
        (Parts::Regular(a), Parts::Regular(b)) => {
            a.compare_public(b).then_with(|| a.local.cmp(&b.local))
        }
    }
}

/// The order of specifiers: the version's local part counts only if the bound has one. A bound that
/// PEP 440 refuses sorts nowhere sensible among versions that it does not, so it decides nothing.
pub(crate) fn compare_to_bound(version: &Parts, bound: &Parts) -> Result<Ordering, &'static str> {
    match (version, bound) {
        (Parts::Regular(_), Parts::Legacy(_)) => Err("as a bound, PEP 440 refuses it"),
        (Parts::Regular(version), Parts::Regular(bound)) if bound.local.is_empty() => {
            Ok(version.compare_public(bound))
        }
        _ => Ok(compare(version, bound)),
    }
}

impl Regular {
    fn compare_public(&self, other: &Self) -> Ordering {
        self.epoch
            .cmp(&other.epoch)
            .then_with(|| self.release.cmp(&other.release))
            .then_with(|| self.stage().cmp(&other.stage()))
            .then_with(|| self.post.cmp(&other.post))
            // A development release comes before the release it leads to.
            .then_with(|| match (&self.dev, &other.dev) {
                (None, None) => Ordering::Equal,
                (None, Some(_)) => Ordering::Greater,
                (Some(_), None) => Ordering::Less,
                (Some(a), Some(b)) => a.cmp(b),
            })
    }

    /// `1.0.dev1`, then `1.0a1`, then `1.0` and its post-releases.
    fn stage(&self) -> (u8, Option<(Phase, &Number)>) {
        match &self.pre {
            Some((phase, number)) => (1, Some((*phase, number))),
            None if self.post.is_none() && self.dev.is_some() => (0, None),
            None => (2, None),
        }
    }
}

impl Number {
    fn new(digits: &[u8]) -> Self {
        Self(without_zeros(digits).into())
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        compare_numbers(&self.0, &other.0)
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

fn read_regular(text: &[u8]) -> Option<Regular> {
    let text = text.strip_prefix(b"v").unwrap_or(text);
    let (mut first, mut rest) = split_digits(text);
    let mut epoch = Number::new(&[]);
    if let (false, Some(after)) = (first.is_empty(), rest.strip_prefix(b"!")) {
        epoch = Number::new(first);
        (first, rest) = split_digits(after);
    }
    if first.is_empty() {
        return None;
    }
    let mut release = vec![Number::new(first)];
    while let Some(after) = rest.strip_prefix(b".") {
        let (digits, after) = split_digits(after);
        if digits.is_empty() {
            break;
        }
        release.push(Number::new(digits));
        rest = after;
    }
    while release.last().is_some_and(|number| number.0.is_empty()) {
        release.pop();
    }
    let mut pre = None;
    if let Some((phase, number, after)) = tagged(rest, &PRE_WORDS) {
        (pre, rest) = (Some((phase, number)), after);
    }
    let mut post = None;
    if let Some(((), number, after)) = tagged(rest, &POST_WORDS) {
        (post, rest) = (Some(number), after);
    } else if let Some(after) = rest.strip_prefix(b"-") {
        let (digits, after) = split_digits(after);
        if !digits.is_empty() {
            (post, rest) = (Some(Number::new(digits)), after);
        }
    }
    let mut dev = None;
    if let Some(((), number, after)) = tagged(rest, &DEV_WORDS) {
        (dev, rest) = (Some(number), after);
    }
    let local = match rest.split_first() {
        None => Vec::new(),
        Some((b'+', local)) => read_local(local)?,
        Some(_) => return None,
    };
    Some(Regular {
        epoch,
        release,
        pre,
        post,
        dev,
        local,
    })
}

/// A word of the list, with or without separators around it, and the number after it.
fn tagged<'a, T: Copy>(text: &'a [u8], words: &[(&[u8], T)]) -> Option<(T, Number, &'a [u8])> {
    let start = without_separator(text);
    let (value, rest) = words
        .iter()
        .find_map(|(word, value)| start.strip_prefix(*word).map(|rest| (*value, rest)))?;
    let (digits, after) = split_digits(without_separator(rest));
    Some((value, Number::new(digits), after))
}

fn without_separator(text: &[u8]) -> &[u8] {
    match text.split_first() {
        Some((b'.' | b'-' | b'_', rest)) => rest,
        _ => text,
    }
}

fn read_local(text: &[u8]) -> Option<Vec<Local>> {
    text.split(|byte| matches!(byte, b'.' | b'-' | b'_'))
        .map(|part| match part {
            [] => None,
            _ if part.iter().all(u8::is_ascii_digit) => Some(Local::Number(Number::new(part))),
            _ if part.iter().all(u8::is_ascii_alphanumeric) => Some(Local::Text(part.into())),
            _ => None,
        })
        .collect()
}

/// The key of setuptools: numbers padded to eight digits, words behind `*`, pre-releases before
/// `*final`.
fn read_legacy(mut rest: &[u8]) -> Vec<Box<[u8]>> {
    let mut parts: Vec<Box<[u8]>> = Vec::new();
    let mut push = |part: &[u8]| {
        if part.starts_with(b"*") {
            if part < b"*final".as_slice() {
                while parts.last().is_some_and(|last| **last == *b"*final-") {
                    parts.pop();
                }
            }
            while parts.last().is_some_and(|last| **last == *b"00000000") {
                parts.pop();
            }
        }
        parts.push(part.into());
    };
    while let Some((&first, after)) = rest.split_first() {
        if first.is_ascii_digit() {
            let (digits, after) = split_digits(rest);
            let mut padded = vec![b'0'; 8_usize.saturating_sub(digits.len())];
            padded.extend_from_slice(digits);
            push(&padded);
            rest = after;
        } else if first == b'.' {
            rest = after;
        } else if first == b'-' {
            push(b"*final-");
            rest = after;
        } else {
            let is_letter = |byte: u8| byte.is_ascii_lowercase();
            let (word, after) = if is_letter(first) {
                split_while(rest, is_letter)
            } else {
                split_while(rest, |byte| {
                    !is_letter(byte) && !byte.is_ascii_digit() && byte != b'.' && byte != b'-'
                })
            };
            push(&match word {
                b"pre" | b"preview" | b"rc" => b"*c".to_vec(),
                b"dev" => b"*@".to_vec(),
                word => [b"*", word].concat(),
            });
            rest = after;
        }
    }
    push(b"*final");
    parts
}
