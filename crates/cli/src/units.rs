//! Sizes and durations as people write them: `4GiB`, `24h`.

use std::time::Duration;

/// Units of bytes, longest name first where one ends another.
const SIZES: &[(&str, u64)] = &[
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("K", 1 << 10),
    ("M", 1 << 20),
    ("G", 1 << 30),
    ("B", 1),
    ("", 1),
];

/// Units of time, in seconds.
const TIMES: &[(&str, u64)] = &[("s", 1), ("m", 60), ("h", 3600), ("d", 86_400)];

/// Reads a number of bytes: `100`, `4GiB`, `500MB`; `256M` is MiB, as container engines mean it.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    read(text, SIZES).ok_or_else(|| {
        format!("{text:?} is no size; write a whole number with B, KiB, MiB, GiB or TiB behind it")
    })
}

/// Reads a duration: `90s`, `30m`, `24h`, `7d`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    read(text, TIMES).map(Duration::from_secs).ok_or_else(|| {
        format!("{text:?} is no duration; write a whole number with s, m, h or d behind it")
    })
}

/// A size in the unit that leaves few digits.
pub(crate) fn shown_size(bytes: u64) -> String {
    indicatif::BinaryBytes(bytes).to_string()
}

fn read(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    let (_, factor) = units.iter().find(|(name, _)| *name == unit.trim_start())?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_what_they_say() {
        assert_eq!(size("100"), Ok(100));
        assert_eq!(size("4GiB"), Ok(4 << 30));
        assert_eq!(size("500 MB"), Ok(500_000_000));
        assert_eq!(size("256M"), Ok(256 << 20));
        assert_eq!(duration("7d"), Ok(Duration::from_secs(604_800)));
        for bad in [
            "",
            "GiB",
            "-1",
            "1.5GiB",
            "4gib",
            "99999999999TiB",
            "0x10",
            "٣B",
        ] {
            assert!(size(bad).is_err(), "{bad}");
        }
        for bad in ["", "10", "h", "1w", "18446744073709551615d"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }
}
