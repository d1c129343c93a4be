//! Durations as Go writes them: `1h30m`, `900s`, `1.5h`; a bare integer is nanoseconds.

use std::fmt;
use std::time::Duration;

use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// A duration of a configuration. Negative ones are none: nothing here can be waited for backwards.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct GoDuration(pub Duration);

/// Units in nanoseconds, longest name first where one begins another.
const UNITS: &[(&str, u64)] = &[
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

impl GoDuration {
    /// A number of seconds.
    pub const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// Reads Go's spelling.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text == "0" {
            return Some(Self::default());
        }
        let mut rest = text.strip_prefix('+').unwrap_or(text);
        if rest.is_empty() {
            return None;
        }
        let mut nanoseconds = 0_u64;
        while !rest.is_empty() {
            let end = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.')?;
            let (number, after) = rest.split_at_checked(end)?;
            let end = after
                .find(|letter: char| letter.is_ascii_digit() || letter == '.')
                .unwrap_or(after.len());
            let (unit, after) = after.split_at_checked(end)?;
            let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit)?;
            nanoseconds = nanoseconds.checked_add(times(number, *factor)?)?;
            rest = after;
        }
        Some(Self(Duration::from_nanos(nanoseconds)))
    }
}

/// A decimal number times a factor, rounded down.
fn times(number: &str, factor: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let whole: u64 = if whole.is_empty() {
        0
    } else {
        whole.parse().ok()?
    };
    let fraction: String = fraction.chars().take(15).collect();
    let part = if fraction.is_empty() {
        0
    } else {
        let scale = 10_u128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
        u128::from(factor).checked_mul(fraction.parse().ok()?)? / scale
    };
    whole
        .checked_mul(factor)?
        .checked_add(u64::try_from(part).ok()?)
        .filter(|nanoseconds| i64::try_from(*nanoseconds).is_ok())
}

impl fmt::Display for GoDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        let nanoseconds = self.0.subsec_nanos();
        if self.0 < Duration::from_secs(1) && nanoseconds > 0 {
            return match nanoseconds {
                ns if ns.is_multiple_of(1_000_000) => write!(f, "{}ms", ns / 1_000_000),
                ns if ns.is_multiple_of(1_000) => write!(f, "{}us", ns / 1_000),
                ns => write!(f, "{ns}ns"),
            };
        }
        if hours > 0 {
            write!(f, "{hours}h")?;
        }
        if hours > 0 || minutes > 0 {
            write!(f, "{minutes}m")?;
        }
        write!(f, "{seconds}")?;
        if nanoseconds > 0 {
            let fraction = format!("{nanoseconds:09}");
            write!(f, ".{}", fraction.trim_end_matches('0'))?;
        }
        f.write_str("s")
    }
}

impl<'de> Deserialize<'de> for GoDuration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl Visitor<'_> for Reader {
            type Value = GoDuration;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a duration such as 1h30m, 900s, or a number of nanoseconds")
            }

            fn visit_u64<E: Error>(self, value: u64) -> Result<GoDuration, E> {
                let is_go_s = i64::try_from(value).is_ok();
                is_go_s
                    .then_some(GoDuration(Duration::from_nanos(value)))
                    .ok_or_else(|| E::custom("a duration is too long"))
            }

            fn visit_i64<E: Error>(self, value: i64) -> Result<GoDuration, E> {
                u64::try_from(value)
                    .map(|value| GoDuration(Duration::from_nanos(value)))
                    .map_err(|_| E::custom("a duration cannot be negative"))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<GoDuration, E> {
                if let Ok(nanoseconds) = text.parse() {
                    return self.visit_u64(nanoseconds);
                }
                GoDuration::parse(text).ok_or_else(|| {
                    E::custom(format!(
                        "{text:?} is no duration; write 1h30m, 900s, or a number of nanoseconds"
                    ))
                })
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_those_of_go() {
        for (text, expected) in [
            ("900s", Some(Duration::from_secs(900))),
            ("1h30m", Some(Duration::from_secs(5400))),
            ("1.5h", Some(Duration::from_secs(5400))),
            (".5s", Some(Duration::from_millis(500))),
            ("1ms", Some(Duration::from_millis(1))),
            ("0", Some(Duration::ZERO)),
            ("2h45m30.5s", Some(Duration::from_millis(9_930_500))),
            ("", None),
            ("s", None),
            ("1", None),
            ("1d", None),
            ("-1s", None),
            ("99999999999h", None),
        ] {
            assert_eq!(
                GoDuration::parse(text).map(|GoDuration(d)| d),
                expected,
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_shown_is_read_back() {
        for text in ["15m0s", "2h0m0s", "1ms", "1.5s", "0s", "250us"] {
            let duration = GoDuration::parse(text).unwrap();
            assert_eq!(duration.to_string(), text);
        }
    }
}
