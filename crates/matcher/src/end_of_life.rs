//! When distributions' releases stop being supported.
//!
//! The dates are one data file, `data/end-of-life.tsv`: namespace, last day, page that says so. They
//! are those of the maker's free support for everybody; paid extensions are not counted. A release
//! that is not in the table has no known date, which is not the same as being supported.

use pellucid_model::{EndOfLife, Namespace};

const TABLE: &str = include_str!("../data/end-of-life.tsv");

/// The end of support of a namespace, if it is known. `today` is in days since the epoch.
///
/// A minor release stands under its major one where it has no line of its own (`rocky:8.9`). Where
/// they end apart (`sles:15` and its service packs), each has its line.
pub fn end_of_life(namespace: &Namespace, today: i64) -> Option<EndOfLife> {
    let mut name = namespace.as_str();
    loop {
        if let Some((date, source)) =
            rows().find_map(|(row, date, source)| (row == name).then_some((date, source)))
        {
            return Some(EndOfLife {
                date: date.to_owned(),
                past: days(date)? < today,
                source: source.to_owned(),
            });
        }
        name = name.rsplit_once('.')?.0;
    }
}

fn rows() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    TABLE
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| {
            let mut columns = line.split('\t');
            Some((columns.next()?, columns.next()?, columns.next()?))
        })
}

/// Days since the epoch of `YYYY-MM-DD`, in the Gregorian calendar.
fn days(date: &str) -> Option<i64> {
    let mut parts = date.split('-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    // Years begin in March, so that the leap day is the last one.
    let year = if month <= 2 { year - 1 } else { year };
    let month = (month + 9) % 12;
    Some(year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 719_469)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_from_the_epoch() {
        assert_eq!(days("1970-01-01"), Some(0));
        assert_eq!(days("2000-02-29"), Some(11_016));
        assert_eq!(days("2000-03-01"), Some(11_017));
        assert_eq!(days("2026-11-23"), Some(20_780));
        assert_eq!(days("soon"), None);
    }

    #[test]
    fn every_line_has_a_date_and_a_source_and_stands_once() {
        let mut names: Vec<&str> = Vec::new();
        for line in TABLE.lines().filter(|line| !line.starts_with('#')) {
            assert_eq!(line.split('\t').count(), 3, "{line}");
        }
        for (name, date, source) in rows() {
            assert!(days(date).is_some() && date.len() == 10, "{name} {date}");
            assert!(source.starts_with("https://"), "{name} {source}");
            assert!(!names.contains(&name), "{name} stands twice");
            names.push(name);
        }
    }

    /// Releases of a distribution in the table, as numbers.
    fn releases(distribution: &str) -> Vec<Vec<u32>> {
        let rows = rows().filter_map(|(name, ..)| {
            let release = name.strip_prefix(distribution)?.strip_prefix(':')?;
            let numbers = release.trim_start_matches('v').split('.');
            Some(numbers.map(|number| number.parse().unwrap()).collect())
        });
        rows.collect()
    }

    #[test]
    fn no_release_between_the_oldest_and_the_newest_is_missing() {
        let ubuntu = releases("ubuntu");
        let (first, last) = (ubuntu.iter().min().unwrap(), ubuntu.iter().max().unwrap());
        for year in first[0]..=last[0] {
            for month in [4, 10] {
                // The one that was late.
                let month = if (year, month) == (6, 4) { 6 } else { month };
                let release = vec![year, month];
                let is_out = (first..=last).contains(&&release);
                assert_eq!(ubuntu.contains(&release), is_out, "ubuntu:{release:?}");
            }
        }
        let contiguous = |distribution: &str, minors: &[(&[u32], u32)]| {
            let known = releases(distribution);
            for (major, first) in minors {
                let of_major = known.iter().filter(|release| release.starts_with(major));
                let of_major = of_major.filter_map(|release| release.get(major.len()));
                let mut found: Vec<u32> = of_major.copied().collect();
                found.sort_unstable();
                let last = found.last().copied().unwrap();
                let all: Vec<u32> = (*first..=last).collect();
                assert_eq!(found, all, "{distribution}:{major:?}");
            }
        };
        contiguous("alpine", &[(&[2], 0), (&[3], 0)]);
        contiguous("fedora", &[(&[], 20)]);
        contiguous("debian", &[(&[], 2)]);
        contiguous("centos", &[(&[], 5)]);
        contiguous("opensuse-leap", &[(&[42], 1), (&[15], 0)]);
        contiguous("sles", &[(&[10], 1), (&[11], 1), (&[12], 1), (&[15], 1)]);
        // A service pack that has no line would be taken for the release before the first one.
        for first in ["sles:11", "sles:12", "sles:15"] {
            assert!(rows().any(|(name, ..)| name == first), "{first}");
        }
    }

    #[test]
    fn a_minor_release_stands_under_its_major_one() {
        let of = |name: &str, today| end_of_life(&Namespace::from(name), today);
        assert_eq!(
            of("rocky:8.9", 0).unwrap().date,
            of("rocky:8", 0).unwrap().date
        );
        assert_eq!(of("ubuntu:22.04", 0).unwrap().date, "2027-04-01");
        assert!(of("templeos:1", 0).is_none());
        let last = days("2024-06-30").unwrap();
        assert!(!of("centos:7", last).unwrap().past);
        assert!(of("centos:7", last + 1).unwrap().past);
    }
}
