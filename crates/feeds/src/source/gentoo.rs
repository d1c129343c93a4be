//! Gentoo's security advisories (GLSA): one XML file an advisory, `glsa-YYYYMM-NN.xml`.
//!
//! An advisory lists, for each package, versions that are vulnerable and versions that are not. Affected is
//! what is in one of the first and in none of the second, as `glsa-check` has it. Bounds are `lt le eq gt
//! ge`, and `rlt rle rgt rge` for revisions of one version alone; `eq` may end in `*`. Any of them may be
//! for a slot, in an attribute or behind a colon. An advisory is a bulletin that fixes CVEs, which are
//! related to it and no aliases.
//!
//! Each slot that a package's bounds name gets a statement of its own, and all others one together, so
//! that the fix is that of the slot. Where the last vulnerable version is named and the first that is not
//! (`le 1.2`, `ge 1.3`), the range ends before the latter: what lies between, which Gentoo never had, counts
//! as vulnerable, and the fix is known.
//!
//! Not here: packages of which no version is vulnerable (names that were mistyped, mostly).

use std::borrow::Cow;
use std::collections::BTreeSet;

use pellucid_model::{Advisory, Affected, NameKind, Namespace, Severity, Status};
use pellucid_version::{Lower, Range, Scheme, Upper, complement};

use crate::format::osv_packages::{DESCRIPTION, LINKS, shortened};
use crate::format::xml::{Element, Node, Xml};
use crate::format::{date, whole};
use crate::{AdvisorySink, Answer, Feed, FeedError, FeedState, Fetched, Plan, Request};

/// `https://security.gentoo.org/glsa`.
pub(crate) struct Gentoo;

const URL: &str = "https://gitweb.gentoo.org/data/glsa.git/snapshot/glsa-master.tar.gz";

/// Unpacked it has some 15 MB.
const LIMIT: u64 = 1 << 30;
const RECORD_LIMIT: u64 = 4 << 20;

/// Most bounds of one package that are read; real ones have some thirty.
const BOUNDS: usize = 1000;

impl Feed for Gentoo {
    fn name(&self) -> &'static str {
        "gentoo"
    }

    fn answers(&self, namespace: &Namespace) -> Option<Answer> {
        (namespace.as_str() == self.name()).then(|| whole::answer(self.name(), namespace))
    }

    fn plan(&self, key: &str, _state: &FeedState<'_>) -> Result<Plan, FeedError> {
        whole::plan(self.name(), key, || {
            Request::archive("glsa-master.tar.gz", URL, LIMIT, RECORD_LIMIT)
        })
    }

    fn wants_member(&self, _request: &Request, member: &str) -> bool {
        let name = member.rsplit('/').next().unwrap_or_default();
        name.starts_with("glsa-") && name.ends_with(".xml")
    }

    fn parse(&self, file: &Fetched<'_>, out: &mut dyn AdvisorySink) -> Result<(), FeedError> {
        let (mut xml, root) = Xml::begin_with_doctype(file, "glsa")?;
        let number = root.attribute("id").unwrap_or_default().trim().to_owned();
        let is_number = |text: &str| {
            let (month, count) = text.split_once('-').unwrap_or_default();
            [month, count]
                .iter()
                .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
        };
        if !is_number(&number) {
            out.bad_record(file.name(), "it has no number");
            return Ok(());
        }
        let mut record = Record::default();
        while let Some(element) = xml.child()? {
            record.read(&element, &mut xml)?;
        }
        xml.end()?;
        let id = format!("GLSA-{number}");
        let names_packages = !record.packages.is_empty();
        match record.advisory(&id, &number, out) {
            Ok(advisory) if advisory.affected.is_empty() && !names_packages => {
                out.left_out(&id, "it names no package");
            }
            Ok(advisory) if advisory.affected.is_empty() => {
                out.bad_record(&id, "it leaves no version affected");
            }
            Ok(advisory) => out.advisory(advisory),
            Err(reason) => out.bad_record(&id, &reason),
        }
        Ok(())
    }
}

/// What a file says, before it is judged.
#[derive(Default)]
struct Record {
    title: String,
    synopsis: String,
    description: String,
    announced: Option<i64>,
    revised: Option<i64>,
    impact: Option<String>,
    packages: Vec<Package>,
    cves: BTreeSet<String>,
    links: Vec<String>,
}

/// One package of an advisory.
struct Package {
    name: String,
    arches: Vec<String>,
    bounds: Vec<Bound>,
}

/// Versions that are vulnerable, or are not.
struct Bound {
    is_vulnerable: bool,
    /// `lt`, `rge`, …
    operator: String,
    version: String,
    slot: Option<String>,
}

impl Record {
    fn read(&mut self, element: &Element<'_>, xml: &mut Xml<'_>) -> Result<(), FeedError> {
        match element.name() {
            "title" => self.title = words(xml)?,
            "synopsis" => self.synopsis = words(xml)?,
            "description" => self.description = words(xml)?,
            "announced" => self.announced = date::seconds(&xml.text()?),
            // `2005-12-30: 02` is what older ones have.
            "revised" => {
                let text = xml.text()?;
                self.revised = date::seconds(text.split(": ").next().unwrap_or_default());
            }
            "impact" => {
                self.impact = element.attribute("type").map(Cow::into_owned);
                xml.skip()?;
            }
            "affected" => {
                while let Some(package) = xml.child()? {
                    if package.name() == "package" {
                        let package = Package::read(&package, xml)?;
                        self.packages.push(package);
                    } else {
                        xml.skip()?;
                    }
                }
            }
            "references" => {
                while let Some(reference) = xml.child()? {
                    let link = reference.attribute("link").map(Cow::into_owned);
                    let text = words(xml)?;
                    self.reference(link.unwrap_or_default().trim(), &text);
                }
            }
            _ => xml.skip()?,
        }
        Ok(())
    }

    fn reference(&mut self, link: &str, text: &str) {
        let named = text.split_whitespace().filter_map(cve);
        let pages = ["cvename=", "name=", "/detail/"];
        let linked = pages.iter().find_map(|page| link.split_once(page));
        self.cves.extend(named);
        self.cves.extend(linked.and_then(|(_, id)| cve(id)));
        if link.starts_with("http") && self.links.len() < LINKS {
            self.links.push(link.to_owned());
        }
    }

    fn advisory(
        self,
        id: &str,
        number: &str,
        out: &mut dyn AdvisorySink,
    ) -> Result<Advisory, String> {
        let mut advisory = Advisory::new(id);
        for package in &self.packages {
            advisory.affected.extend(package.affected()?);
        }
        advisory.severity = match self.impact.as_deref().map(str::trim) {
            Some("high") => Severity::High,
            Some("normal" | "medium") => Severity::Medium,
            Some("low") => Severity::Low,
            Some("minimal") => Severity::Negligible,
            None | Some("") => Severity::Unknown,
            Some(other) => {
                out.bad_record(id, &format!("unknown impact {other:?}"));
                Severity::Unknown
            }
        };
        advisory.severity_word = self.impact;
        advisory.title = Some(shortened(&self.title, 300)).filter(|title| !title.is_empty());
        let parts = [self.synopsis, self.description];
        let parts = parts.iter().map(String::as_str);
        let parts: Vec<&str> = parts.filter(|part| !part.is_empty()).collect();
        advisory.description = shortened(&parts.join("\n\n"), DESCRIPTION);
        advisory.published = self.announced;
        advisory.modified = self.revised;
        advisory.related = self.cves.into_iter().collect();
        let own = format!("https://security.gentoo.org/glsa/{number}");
        advisory.links.push(own);
        advisory.links.extend(self.links);
        Ok(advisory)
    }
}

impl Package {
    fn read(element: &Element<'_>, xml: &mut Xml<'_>) -> Result<Self, FeedError> {
        let attribute = |element: &Element<'_>, name| {
            let value = element.attribute(name).unwrap_or_default();
            value.trim().to_owned()
        };
        let arches = attribute(element, "arch");
        let arches = arches.split([' ', ',']).filter(|arch| !arch.is_empty());
        let mut package = Self {
            name: attribute(element, "name"),
            arches: arches.map(str::to_owned).collect(),
            bounds: Vec::new(),
        };
        if package.arches.iter().any(|arch| arch == "*") {
            package.arches.clear();
        }
        while let Some(element) = xml.child()? {
            let is_vulnerable = match element.name() {
                "vulnerable" => true,
                "unaffected" => false,
                _ => {
                    xml.skip()?;
                    continue;
                }
            };
            let operator = attribute(&element, "range");
            let slot = attribute(&element, "slot");
            let text = xml.text()?;
            // `6.9.3:6` is in slot 6.
            let (version, behind) = text.trim().split_once(':').unwrap_or((text.trim(), ""));
            let slot = match slot.as_str() {
                "" => behind.trim(),
                slot => slot,
            };
            package.bounds.push(Bound {
                is_vulnerable,
                operator,
                version: version.trim().to_owned(),
                slot: (!matches!(slot, "" | "*")).then(|| slot.to_owned()),
            });
        }
        Ok(package)
    }

    fn affected(&self) -> Result<Vec<Affected>, String> {
        if !self.name.contains('/') || self.name.contains(char::is_whitespace) {
            return Err(format!("{:?} is no name of a package", self.name));
        }
        if self.bounds.len() > BOUNDS {
            return Err(format!("{} has more than {BOUNDS} bounds", self.name));
        }
        let mut ranges = Vec::new();
        for bound in &self.bounds {
            let range = bound
                .range()
                .map_err(|why| format!("{}: {why}", self.name))?;
            ranges.push((bound, range));
        }
        let slots: BTreeSet<&str> = self
            .bounds
            .iter()
            .filter_map(|bound| bound.slot.as_deref())
            .collect();
        let mut statements = Vec::new();
        for slot in std::iter::once(None).chain(slots.iter().copied().map(Some)) {
            let of = |is_vulnerable: bool| {
                let here = ranges.iter().filter(move |(bound, _)| {
                    bound.is_vulnerable == is_vulnerable && bound.is_about(slot)
                });
                here.map(|(_, range)| range.clone()).collect::<Vec<_>>()
            };
            let left = left(of(true), of(false)).map_err(|invalid| invalid.to_string())?;
            if left.is_empty() {
                continue;
            }
            let module = match slot {
                Some(slot) => Some(slot.to_owned()),
                None if slots.is_empty() => None,
                None => {
                    let named: Vec<&str> = slots.iter().copied().collect();
                    Some(format!("!{}", named.join(" ")))
                }
            };
            statements.push(Affected {
                namespace: Namespace::new("gentoo"),
                package: self.name.clone(),
                name_kind: NameKind::Binary,
                status: Status::Affected,
                ranges: left,
                versions: Vec::new(),
                severity: None,
                arches: self.arches.clone(),
                module,
                cpes: Vec::new(),
                note: None,
            });
        }
        Ok(statements)
    }
}

impl Bound {
    /// Whether it holds for a slot, or for those that no bound names.
    fn is_about(&self, slot: Option<&str>) -> bool {
        match (self.slot.as_deref(), slot) {
            (None, _) => true,
            (Some(_), None) => false,
            // A bound for a slot is one for all its sub-slots.
            (Some(own), Some(slot)) => {
                own == slot || slot.split_once('/').is_some_and(|(slot, _)| own == slot)
            }
        }
    }

    fn range(&self) -> Result<Range, String> {
        let version = self.version.as_str();
        if self.operator == "eq"
            && let Some(begin) = version.strip_suffix('*')
        {
            return glob(begin).ok_or_else(|| format!("{version:?} is no version"));
        }
        if !Scheme::Ebuild.is_valid(version) {
            return Err(format!("{version:?} is no version"));
        }
        let text = version.to_owned();
        let (plain, _) = version.split_once("-r").unwrap_or((version, ""));
        let (plain, after) = (plain.to_owned(), after_revisions(plain));
        let (lower, upper) = match self.operator.as_str() {
            "lt" => (Lower::Beginning, Upper::Before(text)),
            "le" => (Lower::Beginning, Upper::Through(text)),
            "eq" => (Lower::Inclusive(text.clone()), Upper::Through(text)),
            "ge" => (Lower::Inclusive(text), Upper::Open),
            "gt" => (Lower::Exclusive(text), Upper::Open),
            "rlt" => (Lower::Inclusive(plain), Upper::Before(text)),
            "rle" => (Lower::Inclusive(plain), Upper::Through(text)),
            "rge" => (Lower::Inclusive(text), Upper::Before(after)),
            "rgt" => (Lower::Exclusive(text), Upper::Before(after)),
            other => return Err(format!("unknown range {other:?}")),
        };
        Ok(Range { lower, upper })
    }
}

/// The version that follows all revisions of another.
fn after_revisions(version: &str) -> String {
    format!("{version}_p")
}

/// Versions that begin with these numbers: `1.3*` is 1.3, its pre-releases, 1.3.1 and so on.
fn glob(begin: &str) -> Option<Range> {
    let begin = begin.trim_end_matches('.');
    let is_numbers = begin
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    let at = begin.rfind('.').map_or(0, |dot| dot + 1);
    let (head, last) = begin.split_at_checked(at)?;
    let next = last.parse::<u64>().ok()?.checked_add(1)?;
    // A number that begins with a zero is followed by others than the next number.
    let is_plain = !last.starts_with('0') || last == "0" && head.is_empty();
    (is_numbers && is_plain && Scheme::Ebuild.is_valid(begin)).then(|| Range {
        lower: Lower::Inclusive(format!("{begin}_alpha")),
        upper: Upper::Before(format!("{head}{next}_alpha")),
    })
}

/// What is vulnerable and not said to be unaffected.
fn left(
    vulnerable: Vec<Range>,
    unaffected: Vec<Range>,
) -> Result<Vec<Range>, pellucid_version::InvalidVersion> {
    if vulnerable.is_empty() {
        return Ok(Vec::new());
    }
    let mut safe = complement(Scheme::Ebuild, &vulnerable)?;
    safe.extend_from_slice(&unaffected);
    let mut left = complement(Scheme::Ebuild, &safe)?;
    let first_safe: Vec<&str> = unaffected
        .iter()
        .filter_map(|range| match &range.lower {
            Lower::Inclusive(version) => Some(version.as_str()),
            Lower::Beginning | Lower::Exclusive(_) => None,
        })
        .collect();
    let mut next: Option<String> = None;
    for range in left.iter_mut().rev() {
        let begin = match &range.lower {
            Lower::Beginning => None,
            Lower::Inclusive(version) | Lower::Exclusive(version) => Some(version.clone()),
        };
        if let Upper::Through(last) = &range.upper {
            let last = Scheme::Ebuild.parse(last)?;
            let mut fix: Option<&str> = None;
            for version in &first_safe {
                let is_lower = match fix {
                    Some(fix) => Scheme::Ebuild.compare(version, fix)?.is_lt(),
                    None => true,
                };
                if is_lower && last.compare_text(version)?.is_lt() {
                    fix = Some(version);
                }
            }
            // Not beyond what is vulnerable again.
            let is_near = match (fix, &next) {
                (Some(fix), Some(next)) => Scheme::Ebuild.compare(fix, next)?.is_le(),
                _ => true,
            };
            if let Some(fix) = fix.filter(|_| is_near) {
                range.upper = Upper::Before(fix.to_owned());
            }
        }
        next = begin;
    }
    Ok(left)
}

/// The text of the innermost open element and of those in it, its white space made single blanks.
fn words(xml: &mut Xml<'_>) -> Result<String, FeedError> {
    let mut text = String::new();
    let mut depth = 0_usize;
    loop {
        match xml.next()? {
            Some(Node::Text(piece)) => text.push_str(&piece),
            Some(Node::Open(_)) => {
                text.push(' ');
                depth += 1;
            }
            Some(Node::Close) if depth > 0 => {
                text.push(' ');
                depth -= 1;
            }
            Some(Node::Close) | None => break,
        }
    }
    Ok(text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// The CVE that a text begins with; `CAN-…` is what they were once called.
fn cve(text: &str) -> Option<String> {
    let text = text.trim_start_matches(['(', '[']);
    let rest = text
        .strip_prefix("CVE-")
        .or_else(|| text.strip_prefix("CAN-"))?;
    let (year, number) = rest.split_once('-')?;
    let end = number.find(|char: char| !char.is_ascii_digit());
    let number = number.get(..end.unwrap_or(number.len()))?;
    let is_year = year.len() == 4 && year.bytes().all(|byte| byte.is_ascii_digit());
    (is_year && (4..=19).contains(&number.len())).then(|| format!("CVE-{year}-{number}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bound(is_vulnerable: bool, text: &str) -> Range {
        let (operator, version) = text.split_once(' ').unwrap();
        let bound = Bound {
            is_vulnerable,
            operator: operator.to_owned(),
            version: version.to_owned(),
            slot: None,
        };
        bound.range().unwrap()
    }

    #[test]
    fn affected_is_what_is_vulnerable_and_not_unaffected() {
        for (vulnerable, unaffected, expected) in [
            (&["lt 1.9.7"][..], &["ge 1.9.7"][..], "< 1.9.7"),
            (
                &["lt 1.9.7"],
                &["ge 1.9.7", "rgt 1.8.18"],
                "<= 1.8.18 | >= 1.8.18_p, < 1.9.7",
            ),
            (
                &["lt 2"],
                &["ge 2", "rge 1.5-r2"],
                "< 1.5-r2 | >= 1.5_p, < 2",
            ),
            (&["le 1.2-r3"], &["ge 1.2-r4"], "< 1.2-r4"),
            (
                &["le 1.2"],
                &["ge 1.4", "ge 1.3", "eq 0.9"],
                "< 0.9 | > 0.9, < 1.3",
            ),
            (&["le 1.2"], &["gt 1.2"], "<= 1.2"),
            (&["le 1.2"], &[], "<= 1.2"),
            (&["le 1", "eq 2"], &["ge 3"], "<= 1 | >= 2, < 3"),
            (&["eq 1.0"], &["ge 1.0-r1"], ">= 1.0, < 1.0-r1"),
            (&["rle 1.0-r2"], &["lt 1.0-r1"], ">= 1.0-r1, <= 1.0-r2"),
            (&["rlt 1.0-r2"], &[], ">= 1.0, < 1.0-r2"),
            (&["ge 4", "lt 2"], &[], "< 2 | >= 4"),
            (
                &["lt 2.0.49"],
                &["eq 1.3*"],
                "< 1.3_alpha | >= 1.4_alpha, < 2.0.49",
            ),
            (&["lt 2"], &["lt 3"], ""),
            (&[], &["ge 3"], ""),
        ] {
            let all = |bounds: &[&str], is| bounds.iter().map(|text| bound(is, text)).collect();
            let left = left(all(vulnerable, true), all(unaffected, false)).unwrap();
            let left: Vec<String> = left.iter().map(ToString::to_string).collect();
            assert_eq!(left.join(" | "), expected, "{vulnerable:?} {unaffected:?}");
        }
    }

    #[test]
    fn a_glob_is_a_range_of_numbers() {
        assert_eq!(
            glob("8.2.24").unwrap().to_string(),
            ">= 8.2.24_alpha, < 8.2.25_alpha"
        );
        assert_eq!(glob("1.").unwrap().to_string(), ">= 1_alpha, < 2_alpha");
        for odd in ["", "1.3a", "1.05", "*", "99999999999999999999"] {
            assert_eq!(glob(odd), None, "{odd}");
        }
    }

    #[test]
    fn what_names_a_cve_is_read() {
        for (text, expected) in [
            ("CVE-2024-10001", Some("CVE-2024-10001")),
            ("CAN-2004-0001", Some("CVE-2004-0001")),
            ("(CVE-2024-1000)", Some("CVE-2024-1000")),
            ("CVE-2024-1", None),
            ("CVE-20240-1000", None),
            ("DSA-1", None),
        ] {
            assert_eq!(cve(text).as_deref(), expected, "{text}");
        }
    }
}
