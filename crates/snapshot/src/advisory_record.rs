//! One advisory without its packages, as bytes, and how several of one id become one.
//!
//! The record ends with the places where the advisory speaks of packages: per namespace the numbers
//! of the names, sorted, each less the one before.

use std::collections::HashSet;
use std::hash::Hash;

use pellucid_model::{Advisory, Cvss, Epss, Fraction, Kev};

use crate::codec::{Malformed, Reader, Writer};
use crate::package_row::{severity_code, severity_of};

/// Where an advisory speaks of packages: the namespace's number and the names' numbers, sorted.
pub(crate) type Places = Vec<(u32, Vec<u32>)>;

/// Everything of an advisory but its id and its packages.
pub(crate) fn encode(advisory: &Advisory) -> Vec<u8> {
    let mut out = Writer::new();
    out.byte(severity_code(advisory.severity) | u8::from(advisory.malware) << 7);
    out.byte(
        u8::from(advisory.title.is_some())
            | u8::from(advisory.severity_word.is_some()) << 1
            | u8::from(advisory.published.is_some()) << 2
            | u8::from(advisory.modified.is_some()) << 3
            | u8::from(advisory.kev.is_some()) << 4
            | u8::from(advisory.epss.is_some()) << 5,
    );
    for text in [&advisory.title, &advisory.severity_word]
        .into_iter()
        .flatten()
    {
        out.text(text);
    }
    for time in [advisory.published, advisory.modified]
        .into_iter()
        .flatten()
    {
        out.signed(time);
    }
    out.text(&advisory.description);
    for list in [
        &advisory.aliases,
        &advisory.related,
        &advisory.cwes,
        &advisory.links,
    ] {
        out.texts(list);
    }
    out.len(advisory.cvss.len());
    for cvss in &advisory.cvss {
        out.text(&cvss.source);
        out.text(&cvss.vector);
    }
    if let Some(kev) = &advisory.kev {
        out.text(&kev.date_added);
        out.texts(kev.due_date.as_slice());
        out.texts(kev.required_action.as_slice());
        out.byte(u8::from(kev.ransomware));
    }
    if let Some(epss) = &advisory.epss {
        out.int(u64::from(epss.score.millionths()));
        out.int(u64::from(epss.percentile.millionths()));
    }
    out.into_bytes()
}

/// The advisory of this id; its packages are left empty.
pub(crate) fn decode(id: &str, reader: &mut Reader<'_>) -> Result<Advisory, Malformed> {
    let mut advisory = Advisory::new(id);
    let head = reader.byte()?;
    advisory.severity = severity_of(head & 0x7f)?;
    advisory.malware = head & 0x80 != 0;
    let given = reader.byte()?;
    if given & 1 != 0 {
        advisory.title = Some(reader.text()?.to_owned());
    }
    if given & 2 != 0 {
        advisory.severity_word = Some(reader.text()?.to_owned());
    }
    if given & 4 != 0 {
        advisory.published = Some(reader.signed()?);
    }
    if given & 8 != 0 {
        advisory.modified = Some(reader.signed()?);
    }
    reader.text()?.clone_into(&mut advisory.description);
    advisory.aliases = reader.texts()?;
    advisory.related = reader.texts()?;
    advisory.cwes = reader.texts()?;
    advisory.links = reader.texts()?;
    advisory.cvss = (0..reader.list_count()?)
        .map(|_| {
            let source = reader.text()?.to_owned();
            Ok(Cvss {
                source,
                vector: reader.text()?.to_owned(),
            })
        })
        .collect::<Result<_, Malformed>>()?;
    // The CVE of both is the advisory's own id, and is not written again.
    if given & 16 != 0 {
        advisory.kev = Some(Kev {
            cve: id.to_owned(),
            date_added: reader.text()?.to_owned(),
            due_date: reader.texts()?.pop(),
            required_action: reader.texts()?.pop(),
            ransomware: reader.byte()? != 0,
        });
    }
    if given & 32 != 0 {
        let mut fraction = || {
            Fraction::from_millionths(reader.int32()?)
                .map_err(|_| Malformed("has a share of more than one"))
        };
        advisory.epss = Some(Epss {
            cve: id.to_owned(),
            score: fraction()?,
            percentile: fraction()?,
        });
    }
    Ok(advisory)
}

/// Appends the places. Numbers must be sorted.
pub(crate) fn encode_places(places: &[(u32, Vec<u32>)], out: &mut Writer) {
    out.len(places.len());
    for (namespace, names) in places {
        out.int(u64::from(*namespace));
        out.len(names.len());
        let mut before = 0;
        for name in names {
            out.int(u64::from(name.saturating_sub(before)));
            before = *name;
        }
    }
}

/// The places after a decoded advisory. Each is there once: what a place says is copied for it.
pub(crate) fn decode_places(reader: &mut Reader<'_>) -> Result<Places, Malformed> {
    const DISORDER: Malformed = Malformed("has places out of order");
    let mut places = Places::new();
    for _ in 0..reader.list_count()? {
        let namespace = reader.int32()?;
        if places
            .last()
            .is_some_and(|(before, _)| *before >= namespace)
        {
            return Err(DISORDER);
        }
        let mut names = Vec::new();
        for _ in 0..reader.count()? {
            let step = reader.int32()?;
            let name = match names.last() {
                None => step,
                Some(_) if step == 0 => return Err(DISORDER),
                Some(before) => step
                    .checked_add(*before)
                    .ok_or(Malformed("counts names too high"))?,
            };
            names.push(name);
        }
        places.push((namespace, names));
    }
    Ok(places)
}

/// One advisory from all that was said under its id.
///
/// Text fills gaps, lists are joined, the severity is the highest and its word goes with it. The
/// result does not depend on the order in which they were added if the caller sorts what it merges.
pub(crate) fn merge(mut advisories: impl Iterator<Item = Advisory>) -> Option<Advisory> {
    let mut into = advisories.next()?;
    let mut merged = false;
    for other in advisories {
        merged = true;
        if other.severity > into.severity {
            into.severity = other.severity;
            into.severity_word = other.severity_word.or(into.severity_word);
        } else if into.severity_word.is_none() {
            into.severity_word = other.severity_word;
        }
        into.title = into.title.or(other.title);
        if into.description.is_empty() {
            into.description = other.description;
        }
        into.aliases.extend(other.aliases);
        into.related.extend(other.related);
        into.cwes.extend(other.cwes);
        into.links.extend(other.links);
        into.cvss.extend(other.cvss);
        into.published = [into.published, other.published]
            .into_iter()
            .flatten()
            .min();
        into.modified = into.modified.max(other.modified);
        into.malware |= other.malware;
        into.kev = into.kev.max(other.kev);
        into.epss = into.epss.max(other.epss);
    }
    if merged {
        first_of_each(&mut into.cwes);
        first_of_each(&mut into.links);
        first_of_each(&mut into.cvss);
    }
    for list in [&mut into.aliases, &mut into.related] {
        list.sort_unstable();
        list.dedup();
    }
    Some(into)
}

fn first_of_each<T: Clone + Eq + Hash>(list: &mut Vec<T>) {
    let mut seen = HashSet::new();
    list.retain(|item| seen.insert(item.clone()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_once() {
        let read = |places: &[(u32, Vec<u32>)]| {
            let mut out = Writer::new();
            encode_places(places, &mut out);
            decode_places(&mut Reader::new(out.as_bytes()))
        };
        let good = [(0, vec![0, 1, 7]), (3, vec![0]), (4, Vec::new())];
        assert_eq!(read(&good).unwrap(), good);
        for twice in [
            vec![(0, vec![5, 5])],
            vec![(0, vec![0, 0])],
            vec![(2, vec![1]), (2, vec![1])],
            vec![(2, vec![1]), (1, vec![1])],
        ] {
            assert!(read(&twice).is_err(), "{twice:?}");
        }
    }
}
