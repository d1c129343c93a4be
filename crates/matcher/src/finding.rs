//! From statements about one package to findings: what belongs together, what cancels what, and which
//! statement decides.
//!
//! Statements are about one vulnerability if they share a CVE or another alias. `related` is not an
//! alias: a bulletin that fixes several CVEs stays one finding under its own id, with the CVEs apart
//! from its names; one that fixes a single CVE is shown under that. An advisory that claims several
//! CVEs as aliases joins nothing and is taken for such a bulletin.
//!
//! The deciding statement is of the first source; within one source a statement with a fix goes
//! before one without, and of several fixes the highest counts, since nothing lower frees the package
//! from all of them.

use std::borrow::Cow;
use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};

use pellucid_model::{
    Advisory, Affected, Digest, Finding, FixState, Rating, Reason, Severity, Status,
};
use pellucid_snapshot::AdvisoryRef;
use pellucid_version::Scheme;

use crate::Source;
use crate::statement::Verdict;

/// A statement that holds for the package.
pub(crate) struct Hit<'a> {
    /// Rank of its source.
    pub(crate) rank: usize,
    /// Its advisory in that source.
    pub(crate) advisory: AdvisoryRef,
    /// The statement, as far as it is about the image's products.
    pub(crate) statement: Cow<'a, Affected>,
    pub(crate) verdict: Verdict,
    /// The version that was compared.
    pub(crate) version: &'a str,
}

impl Hit<'_> {
    fn statement(&self) -> &Affected {
        &self.statement
    }
}

/// An advisory in a snapshot.
pub(crate) type AdvisoryKey = (Digest, AdvisoryRef);

/// The advisories that hits are of, by snapshot and in its order, and how many hits are still to be
/// answered with each: the last one gets the texts themselves, since copying them is most of what
/// matching costs.
pub(crate) struct Advisories(BTreeMap<Digest, Vec<(AdvisoryRef, Mutex<Shared>)>>);

struct Shared {
    advisory: Option<Advisory>,
    hits: usize,
}

impl Advisories {
    /// Advisories with how many hits are of each, in the order in which they stand in their snapshots.
    pub(crate) fn new(all: Vec<(AdvisoryKey, Advisory, usize)>) -> Self {
        let mut by_snapshot: BTreeMap<Digest, Vec<_>> = BTreeMap::new();
        for ((snapshot, place), advisory, hits) in all {
            let advisory = Some(advisory);
            let shared = Mutex::new(Shared { advisory, hits });
            let list = by_snapshot.entry(snapshot).or_default();
            list.push((place, shared));
        }
        Self(by_snapshot)
    }

    fn take(&self, (snapshot, place): AdvisoryKey) -> Option<Advisory> {
        let all = self.0.get(&snapshot)?;
        let at = all.binary_search_by_key(&place, |(place, _)| *place).ok()?;
        let (_, shared) = all.get(at)?;
        let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
        shared.hits = shared.hits.saturating_sub(1);
        match shared.hits {
            0 => shared.advisory.take(),
            _ => shared.advisory.clone(),
        }
    }
}

/// Findings of one package from everything said about it.
pub(crate) fn findings_of(
    package: usize,
    sources: &[Source],
    hits: &[Hit<'_>],
    advisories: &Advisories,
    scheme: Scheme,
) -> Vec<Finding> {
    let statements: Vec<(&Hit<'_>, Advisory)> = hits
        .iter()
        .filter_map(|hit| {
            let digest = sources.get(hit.rank)?.snapshot.digest();
            let advisory = advisories.take((digest, hit.advisory))?;
            Some((hit, advisory))
        })
        .collect();
    let mut findings: Vec<Finding> = groups(statements)
        .into_iter()
        .filter_map(|group| finding(package, sources, group, scheme))
        .collect();
    // Two groups may still be shown under one id; the first, by its deciding statement, stays.
    findings.sort_by(|a, b| (&a.id, &a.reasons).cmp(&(&b.id, &b.reasons)));
    findings.dedup_by(|later, first| {
        let same = later.id == first.id;
        if same {
            first.reasons.append(&mut later.reasons);
        }
        same
    });
    findings
}

pub(crate) fn is_cve(id: &str) -> bool {
    id.starts_with("CVE-")
}

/// The only CVE among some ids.
fn only_cve<'a>(ids: impl Iterator<Item = &'a String>) -> Option<&'a str> {
    let mut cves = ids.map(String::as_str).filter(|id| is_cve(id));
    let first = cves.next()?;
    cves.all(|other| other == first).then_some(first)
}

/// The id that an advisory is shown under.
fn shown_id(advisory: &Advisory) -> &str {
    let own = std::iter::once(&advisory.id);
    if is_cve(&advisory.id) {
        return &advisory.id;
    }
    let aliased = own.chain(&advisory.aliases);
    if advisory.aliases.iter().any(|alias| is_cve(alias)) {
        return only_cve(aliased).unwrap_or(&advisory.id);
    }
    only_cve(advisory.related.iter()).unwrap_or(&advisory.id)
}

/// Whether it calls several CVEs one vulnerability.
fn claims_several(advisory: &Advisory) -> bool {
    let shown = shown_id(advisory);
    let mut aliases = advisory.aliases.iter();
    aliases.any(|id| is_cve(id) && id != shown)
}

/// The ids by which an advisory joins others.
fn joining_ids(advisory: &Advisory) -> Vec<&str> {
    let mut ids = vec![shown_id(advisory), advisory.id.as_str()];
    if !claims_several(advisory) {
        ids.extend(advisory.aliases.iter().map(String::as_str));
    }
    ids
}

/// Statements that are about the same vulnerability.
fn groups<'a>(statements: Vec<(&'a Hit<'a>, Advisory)>) -> Vec<Vec<(&'a Hit<'a>, Advisory)>> {
    let mut parents: Vec<usize> = (0..statements.len()).collect();
    let mut first_with: HashMap<&str, usize> = HashMap::new();
    for (index, (_, advisory)) in statements.iter().enumerate() {
        for id in joining_ids(advisory) {
            let other = *first_with.entry(id).or_insert(index);
            let (a, b) = (root(&mut parents, index), root(&mut parents, other));
            if let Some(parent) = parents.get_mut(a.max(b)) {
                *parent = a.min(b);
            }
        }
    }
    let mut groups: BTreeMap<usize, Vec<(&Hit<'_>, Advisory)>> = BTreeMap::new();
    for (index, statement) in statements.into_iter().enumerate() {
        groups
            .entry(root(&mut parents, index))
            .or_default()
            .push(statement);
    }
    groups.into_values().collect()
}

fn root(parents: &mut [usize], mut index: usize) -> usize {
    while let Some(parent) = parents
        .get(index)
        .copied()
        .filter(|parent| *parent != index)
    {
        let above = parents.get(parent).copied().unwrap_or(parent);
        if let Some(slot) = parents.get_mut(index) {
            *slot = above;
        }
        index = above;
    }
    index
}

/// One finding, unless what is left of the group after cancelling is nothing.
fn finding(
    package: usize,
    sources: &[Source],
    mut group: Vec<(&Hit<'_>, Advisory)>,
    scheme: Scheme,
) -> Option<Finding> {
    let denials = Denials::of(&group);
    group.retain(|(hit, _)| {
        matches!(hit.verdict, Verdict::Affected { .. }) && !denials.cancel(hit.statement())
    });
    group.sort_by(|a, b| order(a, b, scheme));
    let (decider, _) = group.first()?;

    let id = group.iter().map(|(_, advisory)| shown_id(advisory));
    let id = id.min_by_key(|id| (Reverse(is_cve(id)), *id))?.to_owned();
    let mut ratings: Vec<Rating> = Vec::new();
    for (hit, advisory) in &group {
        let rating = rating(sources, hit, advisory);
        if !ratings.contains(&rating) {
            ratings.push(rating);
        }
    }
    let first = ratings
        .iter()
        .find(|rating| rating.severity != Severity::Unknown)
        .or(ratings.first())?;
    let status = decider.statement().status;
    let (fixed_version, ends) = match &decider.verdict {
        Verdict::Affected { fixed, ends, .. } => {
            let plain = fix_state(status, true, false) == FixState::Fixed;
            (fixed.clone().filter(|_| plain), *ends)
        }
        _ => (None, false),
    };
    let reasons = group.iter().map(|(hit, _)| reason(sources, hit));
    let reasons = distinct(reasons.collect());
    let mut finding = Finding {
        package,
        id,
        aliases: Vec::new(),
        related: Vec::new(),
        severity: first.severity,
        severity_word: first.word.clone(),
        severity_source: first.feed.clone(),
        ratings,
        malware: false,
        fix_state: fix_state(status, fixed_version.is_some(), ends),
        fixed_version,
        title: None,
        description: String::new(),
        cvss: Vec::new(),
        cwes: Vec::new(),
        links: Vec::new(),
        published: None,
        kev: None,
        epss: None,
        reasons,
    };
    for (_, advisory) in group {
        add(&mut finding, advisory);
    }
    for list in [&mut finding.aliases, &mut finding.related] {
        list.sort_unstable();
        list.dedup();
    }
    finding.cvss = distinct(finding.cvss);
    finding.cwes = distinct(finding.cwes);
    finding.links = distinct(finding.links);
    Some(finding)
}

/// What one advisory says of how bad it is.
fn rating(sources: &[Source], hit: &Hit<'_>, advisory: &Advisory) -> Rating {
    let severity = hit.statement().severity.unwrap_or(advisory.severity);
    // The word is the advisory's, and goes with the advisory's severity alone.
    let word = advisory.severity_word.clone();
    Rating {
        feed: feed(sources, hit),
        advisory: advisory.id.clone(),
        severity,
        word: word.filter(|_| severity == advisory.severity),
    }
}

/// Adds an advisory's texts and lists after those of the ones before it.
fn add(finding: &mut Finding, advisory: Advisory) {
    // CVEs beside another one are vulnerabilities of their own, whatever the advisory calls them.
    let claims_several = claims_several(&advisory);
    let own = std::iter::once(advisory.id).chain(advisory.aliases);
    let own = own.map(|name| (claims_several && is_cve(&name), name));
    let related = advisory.related.into_iter();
    let related = related.map(|name| (is_cve(&name), name));
    for (is_related, name) in own.chain(related).filter(|(_, name)| *name != finding.id) {
        let list = if is_related {
            &mut finding.related
        } else {
            &mut finding.aliases
        };
        list.push(name);
    }
    finding.malware |= advisory.malware;
    finding.title = finding.title.take().or(advisory.title);
    if finding.description.is_empty() {
        finding.description = advisory.description;
    }
    append(&mut finding.cvss, advisory.cvss);
    append(&mut finding.cwes, advisory.cwes);
    append(&mut finding.links, advisory.links);
    let dates = [finding.published, advisory.published];
    finding.published = dates.into_iter().flatten().min();
}

/// The *not affected* statements of a group.
struct Denials<'a> {
    /// One of them is for every product.
    all: bool,
    /// Products that the others are for.
    cpes: BTreeSet<&'a String>,
}

impl<'a> Denials<'a> {
    fn of(group: &[(&'a Hit<'a>, Advisory)]) -> Self {
        let mut denials = Self {
            all: false,
            cpes: BTreeSet::new(),
        };
        for (hit, _) in group {
            if matches!(hit.verdict, Verdict::NotAffected) {
                denials.all |= hit.statement.cpes.is_empty();
                denials.cpes.extend(&hit.statement.cpes);
            }
        }
        denials
    }

    /// Whether they answer a statement: for every product, or for all that it is about.
    fn cancel(&self, statement: &Affected) -> bool {
        let named = !statement.cpes.is_empty();
        self.all || named && statement.cpes.iter().all(|cpe| self.cpes.contains(cpe))
    }
}

/// The deciding statement first.
fn order(a: &(&Hit<'_>, Advisory), b: &(&Hit<'_>, Advisory), scheme: Scheme) -> Ordering {
    let open = |hit: &Hit<'_>| hit.statement().status == Status::UnderInvestigation;
    open(a.0)
        .cmp(&open(b.0))
        .then_with(|| a.0.rank.cmp(&b.0.rank))
        .then_with(|| match (fixed(a.0), fixed(b.0)) {
            (Some(a), Some(b)) => scheme.compare(b, a).unwrap_or(Ordering::Equal),
            (a, b) => b.is_some().cmp(&a.is_some()),
        })
        .then_with(|| a.1.id.cmp(&b.1.id))
        .then_with(|| a.0.statement().cmp(b.0.statement()))
}

fn fixed<'a>(hit: &'a Hit<'_>) -> Option<&'a str> {
    match &hit.verdict {
        Verdict::Affected { fixed, .. } => fixed.as_deref(),
        _ => None,
    }
}

fn fix_state(status: Status, fixed: bool, ends: bool) -> FixState {
    match status {
        Status::UnderInvestigation => FixState::Unknown,
        // Also where a fix is known: it is not for who has what is installed (Ubuntu Pro's).
        Status::WillNotFix | Status::EndOfLife => FixState::WontFix,
        Status::Deferred => FixState::Deferred,
        _ if fixed => FixState::Fixed,
        // Later versions are free of it, but nobody says which is the first.
        _ if ends => FixState::Unknown,
        _ => FixState::NotFixed,
    }
}

fn feed(sources: &[Source], hit: &Hit<'_>) -> String {
    let source = sources.get(hit.rank);
    source
        .map(|source| source.snapshot.meta().feed.clone())
        .unwrap_or_default()
}

fn reason(sources: &[Source], hit: &Hit<'_>) -> Reason {
    let statement = hit.statement();
    let digest = sources.get(hit.rank).map(|source| source.snapshot.digest());
    Reason {
        feed: feed(sources, hit),
        snapshot: digest.unwrap_or(Digest::Sha256([0; 32])),
        name_kind: statement.name_kind,
        name: statement.package.clone(),
        version: hit.version.to_owned(),
        range: match &hit.verdict {
            Verdict::Affected { range, .. } => range.clone(),
            _ => String::new(),
        },
        status: statement.status,
        products: statement.cpes.clone(),
        note: statement.note.clone(),
    }
}

fn append<T>(list: &mut Vec<T>, mut more: Vec<T>) {
    if list.is_empty() {
        *list = more;
    } else {
        list.append(&mut more);
    }
}

/// The first of each.
fn distinct<T: Ord>(mut list: Vec<T>) -> Vec<T> {
    if list.len() < 2 {
        return list;
    }
    let mut seen = BTreeSet::new();
    let are_first: Vec<bool> = list.iter().map(|item| seen.insert(item)).collect();
    let mut are_first = are_first.into_iter();
    list.retain(|_| are_first.next().unwrap_or(true));
    list
}
