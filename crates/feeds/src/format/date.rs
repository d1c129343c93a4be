//! Dates as feeds write them, in seconds since the epoch.
//!
//! `2019-07-18`, `2019-07-18 17:40`, `2019-07-18T17:40:00.123Z`, with or without a zone (`Z`,
//! `+02:00`); without one it is UTC. Anything else is no date, which is no reason to refuse a record.

/// The date that a text begins with.
pub(crate) fn seconds(text: &str) -> Option<i64> {
    let text = text.trim();
    let (date, rest) = text.split_at_checked(10)?;
    let mut parts = date.split('-');
    let year: i64 = number(parts.next()?, 4)?;
    let month: i64 = number(parts.next()?, 2)?;
    let day: i64 = number(parts.next()?, 2)?;
    if parts.next().is_some() || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let midnight = days(year, month, day) * 86_400;
    let Some(rest) = rest.strip_prefix(['T', ' ']) else {
        return rest.is_empty().then_some(midnight);
    };
    let end = rest.find(['Z', '+', '-']).unwrap_or(rest.len());
    let (time, zone) = rest.split_at_checked(end)?;
    let mut parts = time.trim().split(':');
    let hour: i64 = number(parts.next()?, 2)?;
    let minute: i64 = number(parts.next()?, 2)?;
    let second: i64 = match parts.next() {
        Some(second) => number(second.split('.').next()?, 2)?,
        None => 0,
    };
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    Some(midnight + hour * 3600 + minute * 60 + second - offset(zone).unwrap_or(0))
}

/// Seconds that a zone is ahead of UTC.
fn offset(zone: &str) -> Option<i64> {
    let sign = match zone.chars().next()? {
        '+' => 1,
        '-' => -1,
        _ => return None,
    };
    let digits: String = zone.chars().filter(char::is_ascii_digit).collect();
    let (hours, minutes) = digits.split_at_checked(2)?;
    Some(sign * (number(hours, 2)? * 3600 + number(minutes, 2).unwrap_or(0) * 60))
}

fn number(text: &str, digits: usize) -> Option<i64> {
    let good = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    good.then(|| text.parse().ok()).flatten()
}

/// Days since the epoch, in the Gregorian calendar.
fn days(year: i64, month: i64, day: i64) -> i64 {
    // Years begin in March, so that the leap day is the last one.
    let year = if month <= 2 { year - 1 } else { year };
    let month = (month + 9) % 12;
    year * 365 + year.div_euclid(4) - year.div_euclid(100)
        + year.div_euclid(400)
        + (month * 153 + 2) / 5
        + day
        - 719_469
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ways_in_which_feeds_write_dates() {
        for (text, expected) in [
            ("1970-01-01", Some(0)),
            ("2023-02-17 20:41:00", Some(1_676_666_460)),
            ("2023-02-17 20:41", Some(1_676_666_460)),
            ("2023-02-17T20:41:00.575063301Z", Some(1_676_666_460)),
            ("2023-02-17T22:41:00+02:00", Some(1_676_666_460)),
            ("2023-02-17T20:41:00+0000", Some(1_676_666_460)),
            ("2023-02-17T20:41:00", Some(1_676_666_460)),
            ("2023-13-17", None),
            ("soon", None),
            ("", None),
            ("2023-02-17 late", None),
            ("éééééééééé", None),
        ] {
            assert_eq!(seconds(text), expected, "{text}");
        }
    }
}
