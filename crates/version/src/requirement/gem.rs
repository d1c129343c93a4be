//! Requirements of gems: `~> 1.1.4`, `>= 1.2, != 1.2.3`.
//!
//! `~> 1.1.4` is `>= 1.1.4` and before all of `1.2`, its pre-releases included; `~> 1.1` ends before
//! `2`. Letters in the version do not count for the end.
//!
//! Source: `Gem::Requirement`.

use super::{Clause, Operator, leading_numbers, plain, raised};
use crate::set::Conjunction;
use crate::{InvalidVersion, Lower, Range, Scheme, Upper};

pub(super) fn add(clause: &Clause<'_>, to: &mut Conjunction) -> Result<(), InvalidVersion> {
    if !matches!(clause.operator, Operator::Pessimistic | Operator::Tilde) {
        return plain::add(Scheme::Gem, clause, to);
    }
    let (numbers, _, _) = leading_numbers(clause.version);
    let until = raised(&numbers, (numbers.len().saturating_sub(1)).max(1));
    to.keep(&Range {
        lower: Lower::Inclusive(clause.version.to_owned()),
        upper: Upper::Before(format!("{until}.a")),
    })
}
