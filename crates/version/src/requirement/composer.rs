//! Requirements of Composer, and the branches of FriendsOfPHP: `>=1.0 <1.2 || ^2.1`, `~1.2`, `1.2.*`.
//!
//! `~1.2` ends before `2`, `~1.2.3` before `1.3`. Ends that are derived are before the development
//! versions of the end. A stability flag (`@dev`) is dropped.
//!
//! Source: getcomposer.org/doc/articles/versions.md.

use super::{Clause, Operator, caret_length, leading_numbers, plain, raised};
use crate::set::Conjunction;
use crate::{InvalidVersion, Lower, Range, Scheme, Upper};

pub(super) fn add(clause: &Clause<'_>, to: &mut Conjunction) -> Result<(), InvalidVersion> {
    let version = clause
        .version
        .split_once('@')
        .map_or(clause.version, |(version, _)| version);
    let bare = version.strip_prefix(['v', 'V']).unwrap_or(version);
    let (numbers, wildcard, _) = leading_numbers(bare);
    let count = numbers.len();
    if wildcard && count == 0 {
        return Ok(());
    }
    let until = |length: usize| Upper::Before(format!("{}-dev", raised(&numbers, length)));
    let (from, upper) = match clause.operator {
        Operator::None | Operator::Equal | Operator::NotEqual if wildcard => {
            (format!("{}-dev", numbers.join(".")), until(count))
        }
        Operator::Tilde | Operator::Pessimistic if count > 0 => {
            (version.to_owned(), until((count - 1).max(1)))
        }
        Operator::Caret if count > 0 => (version.to_owned(), until(caret_length(&numbers))),
        operator => return plain::add(Scheme::Composer, &Clause { operator, version }, to),
    };
    let range = Range {
        lower: Lower::Inclusive(from),
        upper,
    };
    if clause.operator == Operator::NotEqual {
        to.exclude(range);
        return Ok(());
    }
    to.keep(&range)
}
