//! A feed's advisory in the words of Clair's API.

use pellucid_model::{Advisory, Affected, Namespace, Status};
use pellucid_snapshot::SnapshotError;
use pellucid_store::{FeedRecord, Fix, StoredVulnerability, Vulnerability};
use pellucid_version::Scheme;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::error::ApiError;
use super::format;
use super::nvd::Nvd;
use super::written::Index;
use crate::snapshots::View;

/// Where to read on: the vendor's page.
pub(crate) fn link(links: &[String]) -> String {
    links.first().cloned().unwrap_or_default()
}

/// What feeds say of a name in a namespace; the vendor's statement goes before others'.
pub(crate) fn record(
    view: &View,
    namespace: &str,
    name: &str,
) -> Result<Option<FeedRecord>, ApiError> {
    let Some(advisory) = advisory(view, namespace, name).map_err(damaged)? else {
        return Ok(None);
    };
    let mut record = of_advisory(&advisory, namespace, name);
    // After the meaning is known: a new score changes nothing that somebody hid.
    Nvd::of(view).enrich(&mut record.vulnerability)?;
    Ok(Some(record))
}

/// The advisory behind [`record`], with all it says about the namespace.
pub(crate) fn advisory(
    view: &View,
    namespace: &str,
    name: &str,
) -> Result<Option<Advisory>, SnapshotError> {
    let space = Namespace::new(namespace);
    for source in view.sources_of(&space).iter() {
        let snapshot = &source.snapshot;
        let inside = source.namespace.as_str();
        let mut found = snapshot.get(inside, name)?;
        if found.is_none() {
            // Answers about layers name a bulletin by its only vulnerability.
            for advisory in snapshot.aliased(name)? {
                let whole = snapshot.advisory(advisory)?;
                found = snapshot.get(inside, &whole.id)?;
                if found.is_some() {
                    break;
                }
            }
        }
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// Whether a caller deleted what feeds say under a name, and they still say the same.
pub(crate) fn is_hidden(
    view: &View,
    written: &Index,
    namespace: &str,
    name: &str,
) -> Result<bool, SnapshotError> {
    let Some(meaning) = written.hidden(namespace, name) else {
        return Ok(false);
    };
    let advisory = advisory(view, namespace, name)?;
    Ok(advisory.is_some_and(|it| of_advisory(&it, namespace, name).is_hidden_by(meaning)))
}

/// A written record beside what the feeds of a view say under its name.
pub(crate) fn beside(
    view: &View,
    stored: &StoredVulnerability,
) -> Result<Vulnerability, SnapshotError> {
    let one = &stored.vulnerability;
    let advisory = advisory(view, &one.namespace, &one.name)?;
    let feed = advisory.map(|it| of_advisory(&it, &one.namespace, &one.name).vulnerability);
    Ok(stored.beside(feed.as_ref()))
}

/// The feed's statements behind a vulnerability of [`of_advisory`]; `None` where a caller alone speaks of it.
pub(crate) fn said(vulnerability: &Vulnerability) -> Option<Vec<Affected>> {
    serde_json::from_str(vulnerability.detail.as_deref()?).ok()
}

/// An advisory as the API's vulnerability of a namespace, with a hash over whom it concerns and how severe it
/// is, and what it says of that as detail. Releases before hashed its words too.
pub(crate) fn of_advisory(advisory: &Advisory, namespace: &str, name: &str) -> FeedRecord {
    let mut vulnerability = vulnerability(advisory, namespace, name);
    let former_meaning = hash(&(&vulnerability, &advisory.affected));
    let mut said = advisory.affected.clone();
    for statement in &mut said {
        // Words change without a meaning.
        statement.note = None;
    }
    said.sort();
    vulnerability.detail = serde_json::to_string(&said).ok();
    FeedRecord {
        meaning: hash(&(advisory.severity, &said)),
        former_meaning: Some(former_meaning),
        vulnerability,
    }
}

/// An advisory as the API's vulnerability of a namespace.
pub(crate) fn vulnerability(advisory: &Advisory, namespace: &str, name: &str) -> Vulnerability {
    Vulnerability {
        namespace: namespace.to_owned(),
        version_format: format::of_namespace(namespace)
            .unwrap_or_default()
            .to_owned(),
        name: name.to_owned(),
        description: advisory.description.clone(),
        link: link(&advisory.links),
        severity: advisory.severity,
        metadata: None,
        fixed_in: fixes(&advisory.affected, namespace),
        detail: None,
    }
}

/// Statements as Clair's fixes, sorted.
pub(crate) fn fixes(said: &[Affected], namespace: &str) -> Vec<Fix> {
    let format = format::of_namespace(namespace).unwrap_or_default();
    let order = format::scheme(format).unwrap_or(Scheme::Dpkg);
    let mut fixed_in: Vec<Fix> = Vec::new();
    for affected in said {
        if matches!(
            affected.status,
            Status::NotAffected | Status::UnderInvestigation
        ) {
            continue;
        }
        let version = affected
            .ranges
            .iter()
            .filter_map(|range| range.fixed().map(str::to_owned))
            .max_by(|a, b| order.compare(a, b).unwrap_or(std::cmp::Ordering::Equal));
        // Of two statements about one package, one without a fix decides.
        match fixed_in
            .iter_mut()
            .find(|fix| fix.feature == affected.package)
        {
            Some(known) if version.is_none() => known.version = None,
            Some(_) => {}
            None => fixed_in.push(Fix {
                feature: affected.package.clone(),
                version,
            }),
        }
    }
    fixed_in.sort();
    fixed_in
}
fn hash(of: &impl Serialize) -> String {
    hex::encode(Sha256::digest(serde_json::to_vec(of).unwrap_or_default()))
}

/// A snapshot that cannot be read, as a caller sees it.
pub(crate) fn damaged(error: SnapshotError) -> ApiError {
    tracing::error!(
        error = &error as &dyn std::error::Error,
        "a snapshot cannot be read"
    );
    ApiError::internal("the advisory data cannot be read")
}

#[cfg(test)]
mod tests {
    use pellucid_model::{NameKind, Severity};
    use pellucid_version::Range;

    use super::*;

    #[test]
    fn a_meaning_is_whom_it_concerns_and_how_severe_it_is() {
        let statement = |package: &str| Affected {
            namespace: Namespace::from("debian:12"),
            package: package.to_owned(),
            name_kind: NameKind::Source,
            status: Status::Affected,
            ranges: vec![Range::before("1".to_owned())],
            versions: Vec::new(),
            severity: None,
            arches: Vec::new(),
            module: None,
            cpes: Vec::new(),
            note: None,
        };
        let mut advisory = Advisory::new("CVE-2024-1");
        advisory.affected = vec![statement("a"), statement("b")];
        let record = |advisory: &Advisory| of_advisory(advisory, "debian:12", "CVE-2024-1");
        let first = record(&advisory);
        // As a release before this rule wrote it of this advisory.
        assert!(
            first.is_hidden_by("865be7ab26edd69d5c972d1f6b65425cde033c6c5752bb6760e9211d19efdd2e")
        );

        advisory.affected.reverse();
        advisory.affected[0].note = Some("looked at again".to_owned());
        advisory.description = "in other words".to_owned();
        advisory.links.push("https://example.org".to_owned());
        assert!(record(&advisory).is_hidden_by(&first.meaning));
        assert!(!first.is_hidden_by(&record(&advisory).former_meaning.unwrap()));

        advisory.severity = Severity::Low;
        assert!(!record(&advisory).is_hidden_by(&first.meaning));
        advisory.severity = Severity::Unknown;
        advisory.affected.pop();
        assert!(!record(&advisory).is_hidden_by(&first.meaning));
    }
}
