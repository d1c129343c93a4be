//! A stable sort that any order of versions is good for.
//!
//! The standard library's sorts may panic when an order is not transitive, and the orders of Maven
//! and pacman are not for odd versions, which feeds and images can hold.

use std::cmp::Ordering;

use crate::Version;

/// Sorts by a version of each item, the lowest first; equal ones keep their places.
///
/// Never panics, in at most n log n comparisons, whatever the versions; use it rather than
/// `sort_by` with [`Version::compare`].
pub fn sort_by_version<T>(items: Vec<T>, version: impl Fn(&T) -> &Version) -> Vec<T> {
    sort(items, |a, b| version(a).compare(version(b)))
}

pub(crate) fn sort<T>(items: Vec<T>, compare: impl Fn(&T, &T) -> Ordering) -> Vec<T> {
    let mut runs: Vec<Vec<T>> = items.into_iter().map(|item| vec![item]).collect();
    while runs.len() > 1 {
        let mut merged = Vec::with_capacity(runs.len().div_ceil(2));
        let mut rest = runs.into_iter();
        while let Some(first) = rest.next() {
            merged.push(match rest.next() {
                Some(second) => merge(first, second, &compare),
                None => first,
            });
        }
        runs = merged;
    }
    runs.pop().unwrap_or_default()
}

fn merge<T>(a: Vec<T>, b: Vec<T>, compare: impl Fn(&T, &T) -> Ordering) -> Vec<T> {
    let mut merged = Vec::with_capacity(a.len() + b.len());
    let (mut a, mut b) = (a.into_iter().peekable(), b.into_iter().peekable());
    while let (Some(first), Some(second)) = (a.peek(), b.peek()) {
        let next = if compare(first, second).is_gt() {
            b.next()
        } else {
            a.next()
        };
        merged.extend(next);
    }
    merged.extend(a);
    merged.extend(b);
    merged
}
