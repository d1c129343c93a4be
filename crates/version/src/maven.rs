//! Maven versions: numbers and words, parted by `.`, `-` and by each change between digits and letters.
//!
//! Known words sort *alpha < beta < milestone < rc = cr < snapshot < the bare version = ga = final =
//! release < sp*, unknown words after them by letter; case does not count, and `a`, `b`, `m` before a
//! digit are alpha, beta, milestone. A hyphen, and a change between digits and letters, begins a list
//! within the list; so does the dot before a word that ends the version or that digits follow. Zeros and
//! empty words at the end of each list do not count: `1 = 1.0.0 = 1-ga`. Where two versions differ in
//! kind, a word comes before a list, and that before a number: `1.x.1 < 1-1 < 1.1`.
//!
//! The order is not transitive where a word stands between dots, or a list begins with a list:
//! `1-alpha < 1 < 1.x.1`, but `1.x.1 < 1-alpha`.
//!
//! A list within a list is always the last thing in it, so that a version is one flat sequence.
//!
//! Source: `ComparableVersion` of Maven 3.8, which is also the oracle; maven.apache.org/pom.html.

use std::cmp::Ordering;

use crate::scan::{compare_numbers, split_digits, split_while, without_zeros};

/// The items that count.
#[derive(Clone)]
pub(crate) struct Parts {
    items: Vec<Item>,
}

#[derive(Clone)]
enum Item {
    /// Digits without leading zeros.
    Number(Box<[u8]>),
    Word(Word),
    /// The rest is a list within the list.
    Open,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Word {
    Alpha,
    Beta,
    Milestone,
    Candidate,
    Snapshot,
    Release,
    ServicePack,
    Unknown(Box<[u8]>),
}

pub(crate) fn read(text: &str) -> Parts {
    let lower = text.to_lowercase();
    let mut rest = lower.as_bytes();
    let mut items: Vec<Item> = Vec::new();
    let mut list_is_empty = true;
    while let Some(first) = rest.first() {
        let item;
        if first.is_ascii_digit() {
            let (digits, after) = split_digits(rest);
            (item, rest) = (Item::Number(without_zeros(digits).into()), after);
        } else {
            let is_letter = |byte: u8| !byte.is_ascii_digit() && byte != b'.' && byte != b'-';
            let (word, after) = split_while(rest, is_letter);
            let before_digit = after.first().is_some_and(u8::is_ascii_digit);
            let opens = !word.is_empty() && (before_digit || after.is_empty());
            if opens && !list_is_empty {
                open(&mut items);
            }
            // Between two separators there is a zero.
            item = if word.is_empty() {
                Item::Number(Box::default())
            } else {
                Item::Word(Word::new(word, before_digit))
            };
            rest = after;
        }
        items.push(item);
        list_is_empty = false;
        match rest.split_first() {
            None => break,
            Some((b'.', after)) => rest = after,
            Some((&byte, after)) => {
                open(&mut items);
                list_is_empty = true;
                rest = if byte == b'-' { after } else { rest };
            }
        }
    }
    while matches!(items.last(), Some(Item::Open)) || drop_empty(&mut items) {
        if let Some(Item::Open) = items.last() {
            items.pop();
        }
    }
    Parts { items }
}

/// Begins a list, once the end of the one around it no longer holds what does not count.
fn open(items: &mut Vec<Item>) {
    drop_empty(items);
    items.push(Item::Open);
}

fn drop_empty(items: &mut Vec<Item>) -> bool {
    let before = items.len();
    while items.last().is_some_and(Item::is_empty) {
        items.pop();
    }
    items.len() < before
}

pub(crate) fn compare(a: &Parts, b: &Parts) -> Ordering {
    let (mut items_a, mut items_b) = (a.items.iter(), b.items.iter());
    loop {
        let order = match (items_a.next(), items_b.next()) {
            (None, None) => return Ordering::Equal,
            (Some(a), Some(b)) => a.compare(b),
            (Some(a), None) => a.compare_with_nothing(),
            (None, Some(b)) => b.compare_with_nothing().reverse(),
        };
        if order.is_ne() {
            return order;
        }
    }
}

impl Item {
    fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => compare_numbers(a, b),
            (Self::Word(a), Self::Word(b)) => a.cmp(b),
            (a, b) => a.rank().cmp(&b.rank()),
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Word(_) => 0,
            Self::Open => 1,
            Self::Number(_) => 2,
        }
    }

    /// The order against a version that has ended.
    fn compare_with_nothing(&self) -> Ordering {
        match self {
            Self::Number(digits) => digits.len().cmp(&0),
            Self::Word(word) => word.cmp(&Word::Release),
            Self::Open => Ordering::Equal,
        }
    }

    fn is_empty(&self) -> bool {
        match self {
            Self::Number(digits) => digits.is_empty(),
            Self::Word(word) => *word == Word::Release,
            Self::Open => false,
        }
    }
}

impl Word {
    fn new(text: &[u8], before_digit: bool) -> Self {
        match text {
            b"alpha" => Self::Alpha,
            b"beta" => Self::Beta,
            b"milestone" => Self::Milestone,
            b"a" if before_digit => Self::Alpha,
            b"b" if before_digit => Self::Beta,
            b"m" if before_digit => Self::Milestone,
            b"rc" | b"cr" => Self::Candidate,
            b"snapshot" => Self::Snapshot,
            b"ga" | b"final" | b"release" => Self::Release,
            b"sp" => Self::ServicePack,
            text => Self::Unknown(text.into()),
        }
    }
}
