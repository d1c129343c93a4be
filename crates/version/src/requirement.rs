//! Requirements, as manifests and advisory databases write them, read into ranges.
//!
//! Each ecosystem has its own syntax for the same few comparisons; GitHub's advisories write
//! `>= 1.0, < 2.0` for all of them, which every syntax here reads. `<` and `>=` are the plain order of
//! the scheme: `1.2.0-rc1` is in `< 1.2.0`, although resolvers would not choose it there. What is
//! derived (`^ ~ *`) ends before the pre-releases of its end, as the resolvers have it.
//!
//! Not here: markers, extras, stability flags beyond dropping them, and branch names.

mod composer;
mod gem;
mod interval;
mod pep440;
mod plain;
mod semver;

use crate::set::Conjunction;
use crate::{InvalidVersion, MAX_LENGTH, Range, Scheme};

/// Reads a requirement. The ranges may overlap where alternatives do; none means that no version
/// can meet it.
///
/// # Errors
/// The text is no requirement of the scheme, or names a version that is none.
pub fn parse_requirement(scheme: Scheme, text: &str) -> Result<Vec<Range>, InvalidVersion> {
    let invalid = |reason| InvalidVersion::new(scheme, text, reason);
    if text.len() > MAX_LENGTH {
        return Err(invalid("it is too long"));
    }
    if text.trim_ascii().is_empty() {
        return Err(invalid("it is empty"));
    }
    if matches!(scheme, Scheme::Maven | Scheme::Nuget)
        && text.trim_ascii_start().starts_with(['[', '('])
    {
        return interval::parse(scheme, text.trim_ascii());
    }
    let mut ranges = Vec::new();
    for alternative in alternatives(scheme, text) {
        let mut conjunction = Conjunction::new(scheme);
        let alternative = alternative.trim_ascii();
        if alternative.is_empty() && scheme != Scheme::Npm {
            return Err(invalid("an alternative is empty"));
        }
        match hyphenated(scheme, alternative) {
            Some((from, to)) => {
                add(
                    scheme,
                    &Clause {
                        operator: Operator::AtLeast,
                        version: from,
                    },
                    &mut conjunction,
                )?;
                add(
                    scheme,
                    &Clause {
                        operator: Operator::AtMost,
                        version: to,
                    },
                    &mut conjunction,
                )?;
            }
            None => {
                for clause in clauses(alternative).map_err(invalid)? {
                    add(scheme, &clause, &mut conjunction)?;
                }
            }
        }
        ranges.extend(conjunction.ranges()?);
    }
    Ok(ranges)
}

/// One comparison.
struct Clause<'a> {
    operator: Operator,
    version: &'a str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Operator {
    None,
    Equal,
    NotEqual,
    Above,
    AtLeast,
    Below,
    AtMost,
    Caret,
    Tilde,
    /// `~>`
    Pessimistic,
    /// `~=`
    Compatible,
}

const OPERATORS: [(&str, Operator); 14] = [
    ("===", Operator::Equal),
    ("==", Operator::Equal),
    ("=>", Operator::AtLeast),
    ("=<", Operator::AtMost),
    ("!=", Operator::NotEqual),
    ("<>", Operator::NotEqual),
    (">=", Operator::AtLeast),
    ("<=", Operator::AtMost),
    ("~>", Operator::Pessimistic),
    ("~=", Operator::Compatible),
    ("=", Operator::Equal),
    (">", Operator::Above),
    ("<", Operator::Below),
    ("^", Operator::Caret),
];

fn add(scheme: Scheme, clause: &Clause<'_>, to: &mut Conjunction) -> Result<(), InvalidVersion> {
    match scheme {
        Scheme::Semver | Scheme::Npm | Scheme::Cargo | Scheme::Go | Scheme::Hex | Scheme::Pub => {
            semver::add(scheme, clause, to)
        }
        Scheme::Gem => gem::add(clause, to),
        Scheme::Composer => composer::add(clause, to),
        Scheme::Pep440 => pep440::add(clause, to),
        _ => plain::add(scheme, clause, to),
    }
}

fn alternatives(scheme: Scheme, text: &str) -> impl Iterator<Item = &str> {
    let word = if scheme == Scheme::Hex { " or " } else { "||" };
    let bar = if scheme == Scheme::Composer {
        "|"
    } else {
        "||"
    };
    text.split(word).flat_map(move |part| {
        // Composer reads one bar as two; splitting `a || b` at one leaves nothing between.
        part.split(bar)
    })
}

/// `1.0 - 2.0`, with the spaces.
fn hyphenated(scheme: Scheme, text: &str) -> Option<(&str, &str)> {
    if !matches!(scheme, Scheme::Npm | Scheme::Semver | Scheme::Composer) {
        return None;
    }
    let (from, to) = text.split_once(" - ")?;
    Some((from.trim_ascii(), to.trim_ascii()))
}

fn clauses(text: &str) -> Result<Vec<Clause<'_>>, &'static str> {
    let mut clauses = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches([',', ' ', '\t', '\n', '\r']);
        if rest.is_empty() {
            return Ok(clauses);
        }
        let mut operator = Operator::None;
        if let Some((sign, known)) = OPERATORS.iter().find(|(sign, _)| rest.starts_with(sign)) {
            (operator, rest) = (*known, rest.strip_prefix(sign).unwrap_or(rest));
        } else if let Some(after) = rest.strip_prefix('~') {
            (operator, rest) = (Operator::Tilde, after);
        }
        rest = rest.trim_ascii_start();
        let end = rest
            .find([',', ' ', '\t', '\n', '\r', '<', '>', '='])
            .unwrap_or(rest.len());
        let (version, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
        // `1.0!=1.1`, where the sign begins with a character that versions may hold.
        let version_end = version.strip_suffix('!').filter(|_| after.starts_with('='));
        let (version, after) = match version_end {
            Some(shorter) => rest
                .split_at_checked(shorter.len())
                .unwrap_or((version, after)),
            None => (version, after),
        };
        if version.is_empty() {
            return Err("a version is missing after a sign");
        }
        // Hex joins comparisons by a word.
        if !(version == "and" && operator == Operator::None) {
            clauses.push(Clause { operator, version });
        }
        rest = after;
    }
}

/// The number after this one, of any length.
fn increment(digits: &str) -> String {
    let kept = digits.trim_end_matches('9');
    let nines = digits.len() - kept.len();
    let mut next = String::with_capacity(digits.len() + 1);
    let mut characters = kept.chars();
    match characters.next_back() {
        Some(last) => {
            next.push_str(characters.as_str());
            next.extend(char::from_digit(last.to_digit(10).unwrap_or(0) + 1, 10));
        }
        None => next.push('1'),
    }
    next.extend(std::iter::repeat_n('0', nines));
    next
}

/// The numbers that a version begins with, parted by dots, whether a wildcard follows them, and the
/// rest of the text.
fn leading_numbers(version: &str) -> (Vec<&str>, bool, &str) {
    let mut numbers = Vec::new();
    let mut rest = version;
    loop {
        if let Some(after) = rest
            .strip_prefix(['*', 'x', 'X'])
            .filter(|after| after.is_empty() || after.starts_with('.'))
        {
            return (numbers, true, after);
        }
        let length = rest.bytes().take_while(u8::is_ascii_digit).count();
        let Some((digits, after)) = rest.split_at_checked(length).filter(|_| length > 0) else {
            return (numbers, false, rest);
        };
        numbers.push(digits);
        match after.strip_prefix('.') {
            Some(next)
                if next
                    .starts_with(|c: char| c.is_ascii_digit() || matches!(c, '*' | 'x' | 'X')) =>
            {
                rest = next;
            }
            _ => return (numbers, false, after),
        }
    }
}

/// The first numbers, the last of them raised by one, joined by dots.
fn raised(numbers: &[&str], count: usize) -> String {
    let mut raised = String::new();
    for (index, number) in numbers.iter().take(count).enumerate() {
        if index > 0 {
            raised.push('.');
        }
        if index + 1 == count.min(numbers.len()) {
            raised.push_str(&increment(number));
        } else {
            raised.push_str(number);
        }
    }
    raised
}

/// How many numbers a caret holds fixed: up to the first that is not zero.
fn caret_length(numbers: &[&str]) -> usize {
    let is_zero = |number: &&str| number.bytes().all(|digit| digit == b'0');
    numbers
        .iter()
        .position(|number| !is_zero(number))
        .map_or(numbers.len(), |index| index + 1)
}
