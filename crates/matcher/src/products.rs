//! Which of a vendor's products the packages of an image are of, and so which statements are about them.
//!
//! Red Hat says of the same package one thing for the release, another for each of its extended update
//! streams, and more for what is layered on it; a statement names the products by CPE. An image of Red
//! Hat's says which repositories its packages came from, and a feed which products those are part
//! of. An image that says nothing is taken to have the plain release's repositories alone, and
//! with them its own product, where a label names that: a label says nothing of where packages came from, so
//! it does not count beside repositories.
//!
//! Repositories of the package manager's history (`history:<id>`) only add to that: their ids are those of
//! configuration files, so one that no feed knows may be anybody's, and what the base was made of need not be
//! in the record.
//!
//! Never a finding less because something is missing here: where a repository is not known, every
//! statement counts, and the coverage says so.

use std::borrow::Cow;
use std::collections::BTreeSet;

use pellucid_model::{Affected, Inventory, Namespace, Status};
use pellucid_snapshot::SnapshotError;

use crate::Sources;

/// Red Hat's names of extended update streams.
const STREAMS: &[&str] = &[
    "rhel_aus",
    "rhel_e4s",
    "rhel_els",
    "rhel_eus",
    "rhel_eus_long_life",
    "rhel_tus",
];
/// What stands before the id of a repository of the package manager's history.
const HISTORY: &str = "history:";
/// Unknown repositories that a note names.
const NAMED: usize = 3;

/// The products that the packages of a namespace are of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Products {
    /// Any, for the reason given, if there is one.
    Every(Option<String>),
    /// Those of the release itself, and these of the image, as CPEs.
    Release {
        /// Of the image's label and of the package manager's history.
        own: BTreeSet<String>,
        /// Whether a feed was asked for some of them.
        is_looked_up: bool,
    },
    /// These, as CPEs.
    Of(BTreeSet<String>),
}

impl Products {
    /// The products of a namespace's packages.
    ///
    /// # Errors
    /// The snapshot that knows the repositories is damaged.
    pub fn of(
        namespace: &Namespace,
        inventory: &Inventory,
        sources: &Sources,
    ) -> Result<Self, SnapshotError> {
        let answered = sources.of(namespace);
        if !answered
            .iter()
            .any(|source| source.namespace.distribution() == "rhel")
        {
            return Ok(Self::Every(None));
        }
        let Some(repositories) = &inventory.repositories else {
            let note = "nothing tells the repositories of the packages, so statements for every \
                        product count";
            return Ok(Self::Every(Some(note.to_owned())));
        };
        let names = repositories.iter().map(|one| one.name.as_str());
        let (own, names): (Vec<&str>, Vec<&str>) =
            names.partition(|name| name.starts_with("cpe:/"));
        let (history, repositories): (Vec<&str>, Vec<&str>) = names
            .into_iter()
            .partition(|name| name.starts_with(HISTORY));
        let known = sources.repositories(namespace);
        let mut products = BTreeSet::new();
        if let Some(known) = known {
            for name in history.iter().filter_map(|name| name.strip_prefix(HISTORY)) {
                let said = known.snapshot.affected(known.namespace.as_str(), name)?;
                for statement in said.iter() {
                    products.extend(statement.affected.cpes.iter().cloned());
                }
            }
        }
        if repositories.is_empty() {
            products.retain(|cpe| !is_of_release(cpe));
            products.extend(own.into_iter().map(str::to_owned));
            return Ok(Self::Release {
                own: products,
                is_looked_up: known.is_some() && !history.is_empty(),
            });
        }
        let Some(known) = known else {
            let note = "nothing tells which products the image's repositories are part of, so \
                        statements for every product count";
            return Ok(Self::Every(Some(note.to_owned())));
        };
        let mut unknown = Vec::new();
        for name in repositories {
            let said = known.snapshot.affected(known.namespace.as_str(), name)?;
            if said.iter().next().is_none() {
                unknown.push(name);
            }
            for statement in said.iter() {
                products.extend(statement.affected.cpes.iter().cloned());
            }
        }
        if unknown.is_empty() {
            keep_own_minor(&mut products, namespace, inventory);
            return Ok(Self::Of(products));
        }
        let more = unknown.len().saturating_sub(NAMED);
        unknown.truncate(NAMED);
        let mut names = unknown.join(", ");
        if more > 0 {
            names.push_str(&format!(" and {more} more"));
        }
        Ok(Self::Every(Some(format!(
            "{} does not know the repositories {names}, so statements for every product count",
            known.snapshot.meta().key
        ))))
    }

    /// The statement as far as it is about these products; `None` if it is about others alone.
    pub fn holding<'a>(&self, statement: &'a Affected) -> Option<Cow<'a, Affected>> {
        if matches!(self, Self::Every(_)) || statement.cpes.is_empty() {
            return Some(Cow::Borrowed(statement));
        }
        // What has no fix in the release has none in its update streams, of which nothing is said.
        let is_open = statement.status != Status::NotAffected
            && statement.ranges.iter().all(|range| range.fixed().is_none());
        let cpes: Vec<String> = statement
            .cpes
            .iter()
            .filter(|cpe| self.has(cpe) || (is_open && self.has_stream_of(cpe)))
            .cloned()
            .collect();
        if cpes.is_empty() {
            return None;
        }
        if cpes.len() == statement.cpes.len() {
            return Some(Cow::Borrowed(statement));
        }
        let mut statement = statement.clone();
        statement.cpes = cpes;
        Some(Cow::Owned(statement))
    }

    /// What an answer has to say about them.
    pub(crate) fn note(&self) -> Option<String> {
        match self {
            Self::Every(note) => note.clone(),
            Self::Release { own, .. } => {
                let mut note = "no manifest of the image tells the repositories of its packages, so \
                                statements for extended update streams and layered products are left out"
                    .to_owned();
                if !own.is_empty() {
                    let own: Vec<&str> = own.iter().map(String::as_str).take(NAMED).collect();
                    note.push_str(", but for those of ");
                    note.push_str(&own.join(", "));
                }
                Some(note)
            }
            Self::Of(_) => None,
        }
    }

    /// Whether a feed that knows repositories has a part in them.
    pub(crate) const fn is_looked_up(&self) -> bool {
        match self {
            Self::Every(_) => false,
            Self::Release { is_looked_up, .. } => *is_looked_up,
            Self::Of(_) => true,
        }
    }

    fn has(&self, cpe: &str) -> bool {
        match self {
            Self::Every(_) => true,
            Self::Release { own, .. } => {
                is_of_release(cpe) || own.iter().any(|product| are_one(cpe, product))
            }
            Self::Of(products) => products.iter().any(|product| are_one(cpe, product)),
        }
    }

    /// Whether there are update streams of the release that a CPE names as a whole.
    fn has_stream_of(&self, cpe: &str) -> bool {
        let Self::Of(products) = self else {
            return false;
        };
        let Some(release) = bare(cpe).strip_prefix("redhat:enterprise_linux:") else {
            return false;
        };
        products.iter().any(|product| {
            let mut fields = bare(product).split(':');
            let vendor = fields.next();
            let name = fields.next().unwrap_or_default();
            let of = fields.next().unwrap_or_default();
            vendor == Some("redhat")
                && STREAMS.contains(&name)
                && of.split('.').next() == Some(release)
        })
    }
}

/// A repository of an extended update stream is told to be part of the stream of every minor release
/// (`rhel_eus:9.0`, `9.2`, `9.4`); an image has what its own minor release has. All stay where that is none
/// of them.
fn keep_own_minor(products: &mut BTreeSet<String>, namespace: &Namespace, inventory: &Inventory) {
    let mut distributions = inventory.distributions.iter();
    let own = distributions.find(|distribution| distribution.namespace == *namespace);
    let Some(minor) = own.and_then(|own| own.version_id.as_deref()) else {
        return;
    };
    if products.iter().any(|cpe| stream(cpe) == Some(minor)) {
        products.retain(|cpe| stream(cpe).is_none_or(|other| other == minor));
    }
}

/// The minor release that a product is an extended update stream of.
fn stream(cpe: &str) -> Option<&str> {
    let mut fields = bare(cpe).split(':');
    let is_stream = fields.next() == Some("redhat") && STREAMS.contains(&fields.next()?);
    fields
        .next()
        .filter(|minor| is_stream && minor.contains('.'))
}

/// Whether a product is a release of RHEL, or the extras that come with it.
fn is_of_release(cpe: &str) -> bool {
    let mut fields = bare(cpe).split(':');
    let vendor = fields.next();
    let product = fields.next().unwrap_or_default();
    vendor == Some("redhat")
        && matches!(
            product,
            "enterprise_linux" | "rhel_extras" | "rhel_extras_other"
        )
}

/// Whether one CPE names the other product or a part of it: `enterprise_linux:8` is said of
/// `enterprise_linux:8::baseos`, `enterprise_linux:10` of `enterprise_linux:10.1`.
fn are_one(a: &str, b: &str) -> bool {
    let begins = |long: &str, short: &str| {
        long.strip_prefix(short)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '.']))
    };
    let (a, b) = (bare(a), bare(b));
    begins(a, b) || begins(b, a)
}

/// A CPE without its part: Red Hat's repositories and documents call the same `o` and `a`.
fn bare(cpe: &str) -> &str {
    let rest = cpe.strip_prefix("cpe:/").unwrap_or(cpe);
    rest.split_once(':').map_or(rest, |(_, rest)| rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_product_is_itself_and_its_parts() {
        let main = "cpe:/o:redhat:enterprise_linux:8";
        assert!(are_one(main, "cpe:/o:redhat:enterprise_linux:8::baseos"));
        assert!(are_one(main, "cpe:/a:redhat:enterprise_linux:8::appstream"));
        assert!(are_one(
            "cpe:/o:redhat:rhel_els:7::server",
            "cpe:/o:redhat:rhel_els:7"
        ));
        assert!(are_one(
            "cpe:/o:redhat:enterprise_linux:10",
            "cpe:/o:redhat:enterprise_linux:10.1::baseos"
        ));
        assert!(!are_one(main, "cpe:/o:redhat:enterprise_linux:80::baseos"));
        assert!(!are_one(main, "cpe:/o:redhat:rhel_eus:8.6::baseos"));
        assert!(!are_one(
            "cpe:/o:redhat:rhel_eus:8.4::baseos",
            "cpe:/o:redhat:rhel_eus:8.6::baseos"
        ));
        assert!(is_of_release(main));
        assert!(is_of_release("cpe:/a:redhat:rhel_extras_other:7"));
        assert!(!is_of_release("cpe:/o:redhat:rhel_eus:8.6::baseos"));
        assert!(!is_of_release("cpe:/a:redhat:rhel_extras_rt:7"));
        assert!(!is_of_release("cpe:/a:other:enterprise_linux:8"));
    }
}
