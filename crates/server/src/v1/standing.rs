//! A vulnerability as it stands: what a feed says, and what callers made of it.
//!
//! Clair's fix is a name and a version: whatever has the name and is older is affected. A feed's
//! statements say more, of sources and ranges and architectures. So they go on deciding about every
//! feature of which callers changed nothing; where a caller did change or remove a fix, his decides, about
//! all that the feed's statement under this name is about. A name that the feed does not know is the name of
//! a feature, as in Clair.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use pellucid_matcher::compared;
use pellucid_model::{Affected, NameKind, Package, PackageKind};
use pellucid_store::{Feature, Fix, Vulnerability};

use super::feed;

/// What a vulnerability says of features.
pub(crate) struct Standing {
    /// The feed's statements; none where there is no feed's record.
    pub(crate) said: Vec<Affected>,
    /// What callers made of the fixes, by name.
    callers: BTreeMap<String, Verdict>,
}

/// What callers say under a name, or of a feature.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    /// Affected, before this version if there is one.
    Affected(Option<String>),
    /// Not affected: not any more, or the fix was removed.
    NotAffected,
}

impl Standing {
    /// A vulnerability whose detail is what a feed says under its name ([`feed::of_advisory`]), if one does.
    pub(crate) fn of(vulnerability: &Vulnerability) -> Self {
        let said = feed::said(vulnerability).unwrap_or_default();
        let namespace = vulnerability.namespace.as_str();
        let by_name = |fixes: &[Fix]| -> Vec<(String, Option<String>)> {
            let fixes = fixes.iter();
            fixes
                .map(|fix| {
                    let name = normal(namespace, &fix.feature).into_owned();
                    (name, fix.version.clone())
                })
                .collect()
        };
        let of_feed: BTreeMap<_, _> = by_name(&feed::fixes(&said, namespace))
            .into_iter()
            .collect();
        let own = by_name(&vulnerability.fixed_in);
        let named: BTreeSet<&String> = own.iter().map(|(name, _)| name).collect();
        let removed = of_feed.keys().filter(|name| !named.contains(name));
        let mut callers: BTreeMap<String, Verdict> = removed
            .map(|name| (name.clone(), Verdict::NotAffected))
            .collect();
        let changed = own
            .into_iter()
            .filter(|(name, version)| of_feed.get(name) != Some(version));
        callers.extend(changed.map(|(name, version)| (name, Verdict::Affected(version))));
        Self { said, callers }
    }

    /// Every name under which something is said.
    pub(crate) fn names(&self) -> BTreeSet<String> {
        let of_feed = self.said.iter().map(|statement| statement.package.clone());
        self.callers.keys().cloned().chain(of_feed).collect()
    }

    /// What callers say of a feature that was built from these sources, beside the one that it names; `None` where
    /// the feed's statements decide.
    pub(crate) fn by_callers(&self, feature: &Feature, built_from: &[String]) -> Option<Verdict> {
        if self.callers.is_empty() {
            return None;
        }
        let package = &feature.package;
        let shown = normal(&feature.namespace.name, &feature.name);
        let own = package.kind.normalise(&package.name);
        let sources: Vec<Cow<'_, str>> = std::iter::once(package.source_name())
            .chain(built_from.iter().map(String::as_str))
            .map(|name| package.kind.normalise(name))
            .collect();
        // The nearest name first.
        for name in [&shown, &own].into_iter().chain(&sources) {
            let Some(said) = self.callers.get(name.as_ref()) else {
                continue;
            };
            let kinds = self.kinds(name);
            let is_source = kinds.contains(&NameKind::Source) && sources.contains(name);
            let is_own = kinds.contains(&NameKind::Binary) && own == *name;
            let is_shown = kinds.is_empty() && shown == *name;
            if !(is_source || is_own || is_shown) {
                continue;
            }
            let installed = match is_shown || is_own {
                true => feature.version.as_str(),
                false => pellucid_matcher::source_version(package),
            };
            let fixed = match said {
                Verdict::NotAffected => return Some(Verdict::NotAffected),
                Verdict::Affected(fixed) => fixed,
            };
            let is_affected = fixed
                .as_deref()
                .is_none_or(|fixed| is_before(package, installed, fixed));
            return Some(match is_affected {
                true => Verdict::Affected(fixed.clone()),
                false => Verdict::NotAffected,
            });
        }
        None
    }

    /// What the feed's statements under a name are about.
    fn kinds(&self, name: &str) -> BTreeSet<NameKind> {
        let statements = self.said.iter().filter(|said| said.package == name);
        statements.map(|said| said.name_kind).collect()
    }
}

/// Whether an installed version is older than a caller's fix, which may be written as advisories write versions or
/// as the package has its own. One that cannot be placed is older rather than not.
fn is_before(package: &Package, installed: &str, fixed: &str) -> bool {
    let (installed, fixed) = (compared(package, installed), compared(package, fixed));
    let order = package.kind.scheme().compare(&installed, &fixed);
    order.map_or(true, |order| order == Ordering::Less)
}

/// A name as features and fixes of a namespace are compared by it: ecosystems of languages know one package
/// under several spellings.
pub(crate) fn normal<'a>(namespace: &str, name: &'a str) -> Cow<'a, str> {
    match PackageKind::from_name(namespace) {
        Some(kind) if !kind.is_os() => kind.normalise(name),
        _ => Cow::Borrowed(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callers_fix_is_compared_as_advisories_or_packages_write_versions() {
        use PackageKind::{Bitnami, Deb, Generic, Rpm};
        for (kind, name, installed, fixed, expected) in [
            (Generic, "openjdk", "1.8.0_362", "8.0.392", true),
            (Generic, "openjdk", "1.8.0_362", "8.0.362", false),
            (Generic, "openjdk", "1.8.0_362", "1.8.0_392", true),
            (Generic, "openjdk", "1.8.0_362", "1.8.0_362", false),
            (Generic, "openjdk", "17.0.4.1", "17.0.4.1", false),
            (Generic, "python", "3.12.0rc1", "3.12.0", true),
            (Generic, "httpd", "2.4.49", "2.4.49", false),
            (Bitnami, "java", "1.8.345-2", "8.0.392", true),
            (Bitnami, "java", "1.8.345-2", "8.0.345-2", false),
            (Rpm, "a", "1-3.azl3", "1-3", false),
            (Rpm, "a", "1-3.azl3", "1-3.azl3", false),
            (Rpm, "a", "1-2.azl3", "1-3.azl3", true),
            (Deb, "a", "1-1", "1-2", true),
            (Deb, "a", "1-2", "no version", true),
        ] {
            let package = Package::new(kind, name, installed);
            let is_before = is_before(&package, installed, fixed);
            assert_eq!(is_before, expected, "{installed} {fixed}");
        }
    }
}
