//! Specifiers of Python: `~=1.4.2`, `==1.4.*`, `>=1.0,!=1.3`.
//!
//! `<` and `>` are the plain order here, so `1.2rc1` is in `< 1.2`; advisories mean them so, pip does
//! not. `===` is read as `==`.
//!
//! Source: PEP 440, "Version specifiers".

use super::{Clause, Operator, leading_numbers, plain, raised};
use crate::set::Conjunction;
use crate::{InvalidVersion, Lower, Range, Scheme, Upper};

pub(super) fn add(clause: &Clause<'_>, to: &mut Conjunction) -> Result<(), InvalidVersion> {
    let invalid = |reason| InvalidVersion::new(Scheme::Pep440, clause.version, reason);
    let bare = clause
        .version
        .strip_prefix(['v', 'V'])
        .unwrap_or(clause.version);
    let (epoch, release) = bare
        .split_once('!')
        .map_or((None, bare), |(epoch, rest)| (Some(epoch), rest));
    let (numbers, wildcard, rest) = leading_numbers(release);
    let in_epoch = |text: String| match epoch {
        Some(epoch) => format!("{epoch}!{text}"),
        None => text,
    };
    let until = |length| Upper::Before(in_epoch(format!("{}.dev0", raised(&numbers, length))));
    if wildcard {
        if !rest.is_empty() {
            return Err(invalid("something follows its wildcard"));
        }
        let range = if numbers.is_empty() {
            Range::all()
        } else {
            let from = in_epoch(format!("{}.dev0", numbers.join(".")));
            Range {
                lower: Lower::Inclusive(from),
                upper: until(numbers.len()),
            }
        };
        return match clause.operator {
            Operator::None | Operator::Equal => to.keep(&range),
            Operator::NotEqual => {
                to.exclude(range);
                Ok(())
            }
            _ => Err(invalid("a wildcard goes with == and != alone")),
        };
    }
    if clause.operator != Operator::Compatible {
        return plain::add(Scheme::Pep440, clause, to);
    }
    if numbers.len() < 2 {
        return Err(invalid("~= needs two numbers"));
    }
    let lower = Lower::Inclusive(clause.version.to_owned());
    to.keep(&Range {
        lower,
        upper: until(numbers.len() - 1),
    })
}
