//! From statements about one package to findings: what belongs together, what cancels what, and which
//! statement decides.
//!
//! Statements are about one vulnerability if they share a CVE or another alias. `related` is not an
//! alias: a bulletin that fixes several CVEs stays one finding under its own id; one that fixes a
//! single CVE is shown under that. An advisory that claims several CVEs as aliases joins nothing.
//!
//! The deciding statement is of the first source; within one source a statement with a fix goes
//! before one without, and of several fixes the highest counts, since nothing lower frees the package
//! from all of them.

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BTreeSet, HashMap};

use pellucid_model::{
    Advisory, Affected, Digest, Finding, FixState, Rating, Reason, Severity, Status,
};
use pellucid_snapshot::AdvisoryRef;
use pellucid_version::Scheme;

use crate::Source;
use crate::statement::Verdict;

/// A statement that holds for the package.
pub(crate) struct Hit {
    /// Rank of its source.
    pub(crate) rank: usize,
    /// Its advisory in that source.
    pub(crate) advisory: AdvisoryRef,
    pub(crate) statement: Affected,
    pub(crate) verdict: Verdict,
    /// The version that was compared.
    pub(crate) version: String,
}

/// An advisory in a snapshot.
pub(crate) type AdvisoryKey = (Digest, AdvisoryRef);
/// The advisories that hits are of.
pub(crate) type Advisories = BTreeMap<AdvisoryKey, Advisory>;

/// Findings of one package from everything said about it.
pub(crate) fn findings_of(
    package: usize,
    sources: &[Source],
    hits: &[Hit],
    advisories: &Advisories,
    scheme: Scheme,
) -> Vec<Finding> {
    let statements: Vec<(&Hit, &Advisory)> = hits
        .iter()
        .filter_map(|hit| {
            let digest = sources.get(hit.rank)?.snapshot.digest();
            Some((hit, advisories.get(&(digest, hit.advisory))?))
        })
        .collect();
    let mut findings: Vec<Finding> = groups(&statements)
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

fn is_cve(id: &str) -> bool {
    id.starts_with("CVE-")
}

/// The only CVE among some ids.
fn only_cve<'a>(ids: impl Iterator<Item = &'a String>) -> Option<&'a str> {
    let cves: BTreeSet<&str> = ids.map(String::as_str).filter(|id| is_cve(id)).collect();
    cves.first().copied().filter(|_| cves.len() == 1)
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

/// The ids by which an advisory joins others.
fn joining_ids(advisory: &Advisory) -> Vec<&str> {
    let shown = shown_id(advisory);
    let cves: BTreeSet<&String> = advisory
        .aliases
        .iter()
        .filter(|id| is_cve(id) && id.as_str() != shown)
        .collect();
    let mut ids = vec![shown, advisory.id.as_str()];
    if cves.is_empty() {
        ids.extend(advisory.aliases.iter().map(String::as_str));
    }
    ids
}

/// Statements that are about the same vulnerability.
fn groups<'a>(statements: &[(&'a Hit, &'a Advisory)]) -> Vec<Vec<(&'a Hit, &'a Advisory)>> {
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
    let mut groups: BTreeMap<usize, Vec<(&Hit, &Advisory)>> = BTreeMap::new();
    for (index, statement) in statements.iter().enumerate() {
        groups
            .entry(root(&mut parents, index))
            .or_default()
            .push(*statement);
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
    group: Vec<(&Hit, &Advisory)>,
    scheme: Scheme,
) -> Option<Finding> {
    let denials = Denials::of(&group);
    let mut group: Vec<(&Hit, &Advisory)> = group
        .into_iter()
        .filter(|(hit, _)| matches!(hit.verdict, Verdict::Affected { .. }))
        .filter(|(hit, _)| !denials.cancel(&hit.statement))
        .collect();
    group.sort_by(|a, b| order(a, b, scheme));
    let (decider, _) = *group.first()?;

    let id = group.iter().map(|(_, advisory)| shown_id(advisory));
    let id = id.min_by_key(|id| (Reverse(is_cve(id)), *id))?.to_owned();
    let rated = |(hit, advisory): &(&Hit, &Advisory)| {
        let severity = hit.statement.severity.unwrap_or(advisory.severity);
        // The word is the advisory's, and goes with the advisory's severity alone.
        let word = advisory
            .severity_word
            .clone()
            .filter(|_| severity == advisory.severity);
        Rating {
            feed: feed(sources, hit),
            advisory: advisory.id.clone(),
            severity,
            word,
        }
    };
    let mut ratings: Vec<Rating> = Vec::new();
    for rating in group.iter().map(rated) {
        if !ratings.contains(&rating) {
            ratings.push(rating);
        }
    }
    let first = ratings
        .iter()
        .find(|rating| rating.severity != Severity::Unknown)
        .or(ratings.first())?
        .clone();
    let (fixed_version, ends) = match &decider.verdict {
        Verdict::Affected { fixed, ends, .. } => {
            let plain = fix_state(decider.statement.status, true, false) == FixState::Fixed;
            (fixed.clone().filter(|_| plain), *ends)
        }
        _ => (None, false),
    };
    let mut aliases = BTreeSet::new();
    for (_, advisory) in &group {
        aliases.insert(&advisory.id);
        aliases.extend(&advisory.aliases);
        aliases.extend(&advisory.related);
    }
    let aliases = aliases
        .into_iter()
        .filter(|alias| **alias != id)
        .cloned()
        .collect();
    let mut seen = BTreeSet::new();
    let reasons = group.iter().map(|(hit, _)| reason(sources, hit));
    let reasons = reasons
        .filter(|reason| seen.insert(reason.clone()))
        .collect();
    let texts = || group.iter().map(|(_, advisory)| *advisory);
    Some(Finding {
        package,
        id,
        aliases,
        severity: first.severity,
        severity_word: first.word,
        severity_source: first.feed,
        ratings,
        malware: group.iter().any(|(_, advisory)| advisory.malware),
        fix_state: fix_state(decider.statement.status, fixed_version.is_some(), ends),
        fixed_version,
        title: texts().find_map(|advisory| advisory.title.clone()),
        description: texts()
            .map(|advisory| advisory.description.as_str())
            .find(|description| !description.is_empty())
            .unwrap_or_default()
            .to_owned(),
        cvss: union(texts().map(|advisory| advisory.cvss.as_slice())),
        cwes: union(texts().map(|advisory| advisory.cwes.as_slice())),
        links: union(texts().map(|advisory| advisory.links.as_slice())),
        published: texts().filter_map(|advisory| advisory.published).min(),
        kev: None,
        epss: None,
        reasons,
    })
}

/// The *not affected* statements of a group.
struct Denials<'a> {
    /// One of them is for every product.
    all: bool,
    /// Products that the others are for.
    cpes: BTreeSet<&'a String>,
}

impl<'a> Denials<'a> {
    fn of(group: &[(&'a Hit, &Advisory)]) -> Self {
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
fn order(a: &(&Hit, &Advisory), b: &(&Hit, &Advisory), scheme: Scheme) -> Ordering {
    let open = |hit: &Hit| hit.statement.status == Status::UnderInvestigation;
    let fixed = |hit: &Hit| match &hit.verdict {
        Verdict::Affected {
            fixed: Some(fixed), ..
        } => Some(fixed.clone()),
        _ => None,
    };
    let highest = |a: Option<String>, b: Option<String>| match (a, b) {
        (Some(a), Some(b)) => scheme.compare(&b, &a).unwrap_or(Ordering::Equal),
        (a, b) => b.is_some().cmp(&a.is_some()),
    };
    open(a.0)
        .cmp(&open(b.0))
        .then_with(|| a.0.rank.cmp(&b.0.rank))
        .then_with(|| highest(fixed(a.0), fixed(b.0)))
        .then_with(|| a.1.id.cmp(&b.1.id))
        .then_with(|| a.0.statement.cmp(&b.0.statement))
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

fn feed(sources: &[Source], hit: &Hit) -> String {
    let source = sources.get(hit.rank);
    source
        .map(|source| source.snapshot.meta().feed.clone())
        .unwrap_or_default()
}

fn reason(sources: &[Source], hit: &Hit) -> Reason {
    let digest = sources.get(hit.rank).map(|source| source.snapshot.digest());
    Reason {
        feed: feed(sources, hit),
        snapshot: digest.unwrap_or(Digest::Sha256([0; 32])),
        name_kind: hit.statement.name_kind,
        name: hit.statement.package.clone(),
        version: hit.version.clone(),
        range: match &hit.verdict {
            Verdict::Affected { range, .. } => range.clone(),
            _ => String::new(),
        },
        status: hit.statement.status,
        note: hit.statement.note.clone(),
    }
}

fn union<'a, T: Clone + Ord + 'a>(lists: impl Iterator<Item = &'a [T]>) -> Vec<T> {
    let mut seen = BTreeSet::new();
    lists
        .flatten()
        .filter(|item| seen.insert(*item))
        .cloned()
        .collect()
}
