//! Intervals of Maven and NuGet: `[1.0,2.0)`, `(,1.0],[1.2,)`, `[1.0]`.
//!
//! Source: maven.apache.org/pom.html, "Dependency Version Requirement Specification".

use crate::{InvalidVersion, Lower, Range, Scheme, Upper};

pub(super) fn parse(scheme: Scheme, text: &str) -> Result<Vec<Range>, InvalidVersion> {
    let invalid = |reason| InvalidVersion::new(scheme, text, reason);
    let mut ranges = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let closed_below = rest.starts_with('[');
        let inner = rest
            .strip_prefix(['[', '('])
            .ok_or_else(|| invalid("an interval is not opened"))?;
        let end = inner
            .find([']', ')'])
            .ok_or_else(|| invalid("an interval is not closed"))?;
        let (inner, after) = inner.split_at_checked(end).unwrap_or((inner, ""));
        let closed_above = after.starts_with(']');
        let version = |text: &str| {
            let text = text.trim_ascii();
            if text.is_empty() {
                Ok(None)
            } else {
                scheme.parse(text).map(|_| Some(text.to_owned()))
            }
        };
        ranges.push(match inner.split_once(',') {
            None => match version(inner)? {
                Some(version) if closed_below && closed_above => Range::exactly(version),
                _ => return Err(invalid("an interval has one bound and is not closed")),
            },
            Some((from, to)) => Range {
                lower: match version(from)? {
                    None => Lower::Beginning,
                    Some(version) if closed_below => Lower::Inclusive(version),
                    Some(version) => Lower::Exclusive(version),
                },
                upper: match version(to)? {
                    None => Upper::Open,
                    Some(version) if closed_above => Upper::Through(version),
                    Some(version) => Upper::Before(version),
                },
            },
        });
        let after = after
            .strip_prefix([']', ')'])
            .unwrap_or(after)
            .trim_ascii_start();
        rest = after.strip_prefix(',').map_or(after, str::trim_ascii_start);
    }
    Ok(ranges)
}
