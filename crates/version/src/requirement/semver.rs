//! Requirements of npm, Cargo, Hex, Pub: `^1.2`, `~1.2`, `1.x`, `>=1 <2`.
//!
//! A version without sign is exact for npm and a caret for Cargo; one with missing numbers stands
//! for all that begin so. Ends that are derived name the lowest pre-release (`< 2.0.0-0`). Hex's `~>`
//! is that of gems, npm's is `~`.
//!
//! Source: github.com/npm/node-semver, doc.rust-lang.org/cargo, hexdocs.pm/elixir/Version.html.

use super::{Clause, Operator, caret_length, leading_numbers, plain, raised};
use crate::set::Conjunction;
use crate::{InvalidVersion, Lower, Range, Scheme, Upper};

pub(super) fn add(
    scheme: Scheme,
    clause: &Clause<'_>,
    to: &mut Conjunction,
) -> Result<(), InvalidVersion> {
    let bare = clause
        .version
        .strip_prefix(['v', 'V'])
        .unwrap_or(clause.version);
    let (numbers, wildcard, rest) = leading_numbers(bare);
    let rest = if wildcard { "" } else { rest };
    let count = numbers.len();
    let operator = match clause.operator {
        Operator::None if scheme == Scheme::Cargo && !wildcard => Operator::Caret,
        Operator::Pessimistic if scheme != Scheme::Hex => Operator::Tilde,
        other => other,
    };
    if count == 0 && wildcard {
        return match operator {
            Operator::Above | Operator::Below | Operator::NotEqual => Err(InvalidVersion::new(
                scheme,
                clause.version,
                "no version can be so",
            )),
            _ => Ok(()),
        };
    }
    if count == 0 {
        return plain::add(scheme, clause, to);
    }
    let from = if wildcard {
        numbers.join(".")
    } else {
        clause.version.to_owned()
    };
    let partial = count < 3 && rest.is_empty();
    let until = |length: usize| Upper::Before(format!("{}-0", padded(raised(&numbers, length))));
    let (lower, upper) = match operator {
        Operator::None | Operator::Equal | Operator::NotEqual if partial => {
            let range = Range {
                lower: Lower::Inclusive(from),
                upper: until(count),
            };
            if operator == Operator::NotEqual {
                to.exclude(range);
                return Ok(());
            }
            return to.keep(&range);
        }
        Operator::Above if partial => (
            Lower::Inclusive(padded(raised(&numbers, count))),
            Upper::Open,
        ),
        Operator::AtMost if partial => (Lower::Beginning, until(count)),
        Operator::Caret => (Lower::Inclusive(from), until(caret_length(&numbers))),
        Operator::Tilde => (Lower::Inclusive(from), until(count.min(2))),
        Operator::Pessimistic => (Lower::Inclusive(from), until((count - 1).max(1))),
        operator => {
            return plain::add(
                scheme,
                &Clause {
                    operator,
                    version: &from,
                },
                to,
            );
        }
    };
    to.keep(&Range { lower, upper })
}

fn padded(mut numbers: String) -> String {
    for _ in numbers.matches('.').count()..2 {
        numbers.push_str(".0");
    }
    numbers
}
