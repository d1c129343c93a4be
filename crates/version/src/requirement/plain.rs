//! Comparisons by sign alone, for the schemes whose ecosystem has no more.

use super::{Clause, Operator};
use crate::set::Conjunction;
use crate::{InvalidVersion, Lower, Range, Scheme, Upper};

pub(super) fn add(
    scheme: Scheme,
    clause: &Clause<'_>,
    to: &mut Conjunction,
) -> Result<(), InvalidVersion> {
    if clause.version == "*" && matches!(clause.operator, Operator::None | Operator::Equal) {
        return Ok(());
    }
    let version = clause.version.to_owned();
    let (lower, upper) = match clause.operator {
        Operator::None | Operator::Equal => return to.keep(&Range::exactly(version)),
        Operator::NotEqual => {
            to.exclude(Range::exactly(version));
            return Ok(());
        }
        Operator::Above => (Lower::Exclusive(version), Upper::Open),
        Operator::AtLeast => (Lower::Inclusive(version), Upper::Open),
        Operator::Below => (Lower::Beginning, Upper::Before(version)),
        Operator::AtMost => (Lower::Beginning, Upper::Through(version)),
        Operator::Caret | Operator::Tilde | Operator::Pessimistic | Operator::Compatible => {
            return Err(InvalidVersion::new(
                scheme,
                clause.version,
                "its ecosystem has no such sign",
            ));
        }
    };
    to.keep(&Range { lower, upper })
}
