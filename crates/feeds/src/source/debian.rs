//! The Debian security tracker, one JSON document for all releases.
//!
//! `package -> CVE -> releases -> codename`, by source package. `fixed_version: "0"` says that the
//! release was never affected, whatever the status beside it; an *open* entry has no fix; `nodsa`
//! only says that there will be no advisory of its own, and its reason whether the fix is refused or
//! put off. Urgency is per release; trailing asterisks mark words that came from elsewhere, and
//! `end-of-life` is one of the words. A release that a package is missing from is not said to be
//! unaffected. `raspbian:N` is answered by `debian:N`: it builds Debian's packages anew, and its
//! signs (`+rpi1`) sort above Debian's versions.
//!
//! The tracker's repository lists its bulletins in two files of text, which the document does not
//! name. An entry is a line with the bulletin's number, one of CVEs in braces, and one a release with
//! the version that fixes them there; where that is the document's version, the number is the row's
//! note. A number is no reason to go without an update, so these two may fail.
//!
//! Not here: `TEMP-` ids, which are renamed as soon as a CVE is assigned (counted, as Clair left
//! them out); bulletins without a CVE, most of them about a regression; the OVAL export.

use std::collections::HashMap;
use std::fmt;

use pellucid_model::{Advisory, Affected, NameKind, Namespace, Severity, Status};
use pellucid_version::{Range, Scheme};
use serde::Deserialize;
use serde::de::{Deserializer as _, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::format::json::{self, Members, Text};
use crate::format::whole;
use crate::{AdvisorySink, Answer, Feed, FeedError, FeedState, Fetched, IndexFile, Plan, Request};

/// `https://security-tracker.debian.org`.
pub(crate) struct Debian;

const URL: &str = "https://security-tracker.debian.org/tracker/data/json";
const PAGE: &str = "https://security-tracker.debian.org/tracker/";

/// The folder of the lists of bulletins.
const LISTS: &str =
    "https://salsa.debian.org/security-tracker-team/security-tracker/-/raw/master/data";

/// The longer list has 1 MB.
const LIST_LIMIT: u64 = 16 << 20;

/// Bulletins that bring one version of a package, at most.
const SAME_VERSION: usize = 16;

/// The document has some 70 MB; ten times that is not it.
const LIMIT: u64 = 512 << 20;

/// Codenames and the releases they became; `unstable` stays what it is.
const RELEASES: &[(&str, &str)] = &[
    ("sid", "unstable"),
    ("duke", "15"),
    ("forky", "14"),
    ("trixie", "13"),
    ("bookworm", "12"),
    ("bullseye", "11"),
    ("buster", "10"),
    ("stretch", "9"),
    ("jessie", "8"),
    ("wheezy", "7"),
    ("squeeze", "6"),
    ("lenny", "5"),
    ("etch", "4"),
];

impl Feed for Debian {
    fn name(&self) -> &'static str {
        "debian"
    }

    fn answers(&self, namespace: &Namespace) -> Option<Answer> {
        let release = namespace
            .release()
            .filter(|_| matches!(namespace.distribution(), "debian" | "raspbian"))?;
        let (_, release) = RELEASES
            .iter()
            .find(|(codename, number)| [*codename, *number].contains(&release))?;
        Some(Answer {
            key: self.name().to_owned(),
            namespace: Namespace::release_of("debian", release),
        })
    }

    fn plan(&self, key: &str, state: &FeedState<'_>) -> Result<Plan, FeedError> {
        let plan = whole::plan(self.name(), key, || {
            Request::new("tracker.json", URL, LIMIT)
        })?;
        if !state.indexes.is_empty() {
            return Ok(plan);
        }
        let lists = ["DSA", "DLA"].map(|kind| {
            Request::new(
                format!("{kind}.list"),
                format!("{LISTS}/{kind}/list"),
                LIST_LIMIT,
            )
            .or_without()
        });
        Ok(Plan::Index(lists.into()))
    }

    fn parse(&self, file: &Fetched<'_>, out: &mut dyn AdvisorySink) -> Result<(), FeedError> {
        let text = json::text(file)?;
        let mut statements = Vec::new();
        let mut document = serde_json::Deserializer::from_str(text);
        document
            .deserialize_map(Packages {
                statements: &mut statements,
                out,
            })
            .and_then(|()| document.end())
            .map_err(|source| FeedError::Json {
                file: file.name().to_owned(),
                source,
            })?;
        if statements.is_empty() {
            return Err(FeedError::NoRecords {
                file: file.name().to_owned(),
            });
        }
        statements.sort_by(|a, b| (&a.id, &a.package).cmp(&(&b.id, &b.package)));
        let bulletins = Bulletins::read(file.indexes);
        let mut unknown_releases = Vec::new();
        for of_one_id in statements.chunk_by(|a, b| a.id == b.id) {
            if let Some(advisory) = advisory(of_one_id, &bulletins, &mut unknown_releases, out) {
                out.advisory(advisory);
            }
        }
        Ok(())
    }
}

/// What the tracker says of one vulnerability in one source package.
struct Statement<'a> {
    id: Text<'a>,
    package: Text<'a>,
    record: Record<'a>,
}

#[derive(Deserialize)]
struct Record<'a> {
    #[serde(borrow)]
    description: Option<Text<'a>>,
    #[serde(borrow)]
    releases: Members<'a, Release<'a>>,
}

#[derive(Deserialize)]
struct Release<'a> {
    #[serde(borrow)]
    status: Text<'a>,
    #[serde(borrow)]
    fixed_version: Option<Text<'a>>,
    #[serde(borrow)]
    urgency: Option<Text<'a>>,
    #[serde(borrow)]
    nodsa: Option<Text<'a>>,
    #[serde(borrow)]
    nodsa_reason: Option<Text<'a>>,
}

/// Reads the document one package at a time.
struct Packages<'s, 'a> {
    statements: &'s mut Vec<Statement<'a>>,
    out: &'s mut dyn AdvisorySink,
}

impl<'de> Visitor<'de> for Packages<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of source packages")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some((package, raw)) = map.next_entry::<Text<'de>, &'de RawValue>()? {
            self.package(&package, raw.get());
        }
        Ok(())
    }
}

impl<'de> Packages<'_, 'de> {
    /// All records of a package at once, or one by one if one of them is not as it should be.
    fn package(&mut self, package: &Text<'de>, raw: &'de str) {
        if let Ok(Members(records)) = serde_json::from_str::<Members<'_, Record<'_>>>(raw) {
            for (id, record) in records {
                self.record(package, id, record);
            }
            return;
        }
        match serde_json::from_str::<Members<'_, &RawValue>>(raw) {
            Ok(Members(records)) => {
                for (id, raw) in records {
                    match serde_json::from_str(raw.get()) {
                        Ok(record) => self.record(package, id, record),
                        Err(error) => {
                            self.out
                                .bad_record(&place(package, &id), &error.to_string());
                        }
                    }
                }
            }
            Err(error) => self.out.bad_record(package, &error.to_string()),
        }
    }

    fn record(&mut self, package: &Text<'de>, id: Text<'de>, record: Record<'de>) {
        if id.starts_with("CVE-") {
            self.statements.push(Statement {
                id,
                package: package.clone(),
                record,
            });
        } else if id.starts_with("TEMP-") {
            self.out.left_out(&place(package, &id), "temporary id");
        } else {
            self.out
                .bad_record(&place(package, &id), "neither a CVE nor a temporary id");
        }
    }
}

/// One advisory of the statements about one vulnerability, sorted by package.
fn advisory<'a>(
    statements: &[Statement<'a>],
    bulletins: &Bulletins<'_>,
    unknown_releases: &mut Vec<Text<'a>>,
    out: &mut dyn AdvisorySink,
) -> Option<Advisory> {
    let id = &*statements.first()?.id;
    let mut advisory = Advisory::new(id);
    advisory.links.push(format!("{PAGE}{id}"));
    for Statement {
        id,
        package,
        record,
    } in statements
    {
        if let Some(description) = &record.description
            && advisory.description.is_empty()
        {
            advisory.description = description.trim().to_owned();
        }
        let Members(releases) = &record.releases;
        for (codename, release) in releases {
            let Some(number) = number_of(codename) else {
                if !unknown_releases.contains(codename) && unknown_releases.len() < 64 {
                    unknown_releases.push(codename.clone());
                    out.bad_record(codename, "no such release is known; its rows are left out");
                }
                continue;
            };
            let place = || format!("{package}/{id}/{codename}");
            let (severity, word) = match &release.urgency {
                None => (Severity::Unknown, None),
                Some(word) => (
                    severity_of(word).unwrap_or_else(|| {
                        out.bad_record(&place(), &format!("unknown urgency {:?}", word.0));
                        Severity::Unknown
                    }),
                    Some(word),
                ),
            };
            let (status, ranges) = match verdict(release) {
                Ok(verdict) => verdict,
                Err(reason) => {
                    out.bad_record(&place(), &reason);
                    continue;
                }
            };
            if severity > advisory.severity || advisory.severity_word.is_none() {
                advisory.severity = severity;
                advisory.severity_word = word.map(|word| word.0.clone().into_owned());
            }
            advisory.affected.push(Affected {
                namespace: Namespace::release_of("debian", number),
                package: package.0.clone().into_owned(),
                name_kind: NameKind::Source,
                status,
                ranges,
                versions: Vec::new(),
                severity: Some(severity),
                arches: Vec::new(),
                module: None,
                cpes: Vec::new(),
                note: bulletins
                    .of(codename, package, release, id)
                    .or_else(|| note_of(release)),
            });
        }
    }
    for affected in &mut advisory.affected {
        affected.severity = affected
            .severity
            .filter(|severity| *severity != advisory.severity);
    }
    advisory.affected.sort();
    // A document may repeat a key; the first of the statements that differ stands.
    advisory
        .affected
        .dedup_by(|b, a| a.namespace == b.namespace && a.package == b.package);
    (!advisory.affected.is_empty()).then_some(advisory)
}

/// The state of a release and the versions it holds for.
fn verdict(release: &Release<'_>) -> Result<(Status, Vec<Range>), String> {
    let fixed = release
        .fixed_version
        .as_deref()
        .map(str::trim)
        .filter(|fixed| !fixed.is_empty());
    let all = || vec![Range::all()];
    match (&*release.status, fixed) {
        ("resolved" | "open" | "undetermined", Some("0")) => Ok((Status::NotAffected, Vec::new())),
        ("resolved", Some(fixed)) if Scheme::Dpkg.is_valid(fixed) => {
            Ok((Status::Affected, vec![Range::before(fixed)]))
        }
        ("resolved", Some(fixed)) => Err(format!("fixed version {fixed:?} is no version")),
        ("resolved", None) => Err("resolved, but without a fixed version".to_owned()),
        ("open", _) => Ok((open_status(release), all())),
        ("undetermined", _) => Ok((Status::UnderInvestigation, all())),
        (status, _) => Err(format!("unknown status {status:?}")),
    }
}

/// Why there is no fix.
fn open_status(release: &Release<'_>) -> Status {
    let is = |field: &Option<Text<'_>>, word: &str| field.as_deref() == Some(word);
    if is(&release.urgency, "end-of-life") {
        Status::EndOfLife
    } else if is(&release.nodsa_reason, "ignored") {
        Status::WillNotFix
    } else if is(&release.nodsa_reason, "postponed") {
        Status::Deferred
    } else {
        Status::Affected
    }
}

/// The bulletins that the lists name, by what they brought.
#[derive(Default)]
struct Bulletins<'a> {
    /// Code name, source package and version.
    by_version: HashMap<(&'a str, &'a str, &'a str), Vec<usize>>,
    /// Number and CVEs, sorted.
    all: Vec<(&'a str, Vec<&'a str>)>,
}

impl<'a> Bulletins<'a> {
    /// Reads the lists. Lines that are something else, such as notes, are passed over.
    fn read(lists: &'a [IndexFile]) -> Self {
        let mut bulletins = Self::default();
        for list in lists {
            let lines = list.body.split(|byte| *byte == b'\n');
            let mut number = None;
            for line in lines.filter_map(|line| std::str::from_utf8(line).ok()) {
                if !line.starts_with([' ', '\t']) {
                    number = number_in(line);
                    if let Some(number) = number {
                        bulletins.all.push((number, Vec::new()));
                    }
                } else if number.is_some() {
                    bulletins.line(line.trim());
                }
            }
        }
        for (_, cves) in &mut bulletins.all {
            cves.sort_unstable();
        }
        bulletins
    }

    /// A line of the last bulletin: `{CVE-… CVE-…}` or `[codename] - package version`.
    fn line(&mut self, line: &'a str) {
        let Some(index) = self.all.len().checked_sub(1) else {
            return;
        };
        if let Some(cves) = line.strip_prefix('{') {
            if let Some((_, known)) = self.all.last_mut() {
                known.extend(cves.trim_end_matches('}').split_ascii_whitespace());
            }
            return;
        }
        let mut words = line.split_ascii_whitespace();
        let release = words
            .next()
            .and_then(|word| word.strip_prefix('[')?.strip_suffix(']'));
        if let (Some(release), Some("-"), Some(package), Some(version)) =
            (release, words.next(), words.next(), words.next())
        {
            let of_version = self.by_version.entry((release, package, version));
            let of_version = of_version.or_default();
            if of_version.len() < SAME_VERSION {
                of_version.push(index);
            }
        }
    }

    /// The number of the bulletin that brought a release's fix.
    fn of(&self, codename: &str, package: &str, release: &Release<'_>, id: &str) -> Option<String> {
        let fixed = release.fixed_version.as_deref()?.trim();
        // The lists begin with the newest; the first to bring a version is the one that fixed it.
        let of_version = self.by_version.get(&(codename, package, fixed))?;
        of_version.iter().rev().find_map(|index| {
            let (number, cves) = self.all.get(*index)?;
            cves.binary_search(&id).ok()?;
            Some((*number).to_owned())
        })
    }
}

/// The number in `[29 Mar 2023] DSA-5380-1 xorg-server - security update`.
fn number_in(line: &str) -> Option<&str> {
    let (_, rest) = line.strip_prefix('[')?.split_once("] ")?;
    let number = rest.split_ascii_whitespace().next()?;
    let digits = number
        .strip_prefix("DSA-")
        .or_else(|| number.strip_prefix("DLA-"))?;
    let good = digits
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'-');
    (good && (1..=16).contains(&digits.len())).then_some(number)
}

/// The tracker's own words on why there is no separate advisory.
fn note_of(release: &Release<'_>) -> Option<String> {
    release
        .nodsa
        .as_deref()
        .map(str::trim)
        .filter(|note| !note.is_empty())
        .map(str::to_owned)
}

fn number_of(codename: &str) -> Option<&'static str> {
    RELEASES
        .iter()
        .find(|(name, _)| *name == codename)
        .map(|(_, number)| *number)
}

/// The severity of an urgency, with or without its asterisks; `None` for a word nobody knows.
fn severity_of(urgency: &str) -> Option<Severity> {
    match urgency.trim_end_matches('*') {
        "not yet assigned" | "" => Some(Severity::Unknown),
        "unimportant" | "end-of-life" => Some(Severity::Negligible),
        "low" => Some(Severity::Low),
        "medium" => Some(Severity::Medium),
        "high" => Some(Severity::High),
        _ => None,
    }
}

/// How a record is named to people.
fn place(package: &str, id: &str) -> String {
    format!("{package}/{id}")
}
