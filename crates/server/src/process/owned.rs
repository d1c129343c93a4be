//! Packages of languages that a distribution's package owns: which of them are features of their own.
//!
//! As in a scan, those are of whose owner the distribution's advisories do not speak. It is decided when a layer
//! is stored, by the advisories of that moment. Where there are none of the distribution, all are left to it: what
//! it ships is patched more often than it is not.

use std::collections::BTreeSet;

use pellucid_matcher::Source;
use pellucid_model::{Inventory, Namespace};

use crate::snapshots::View;

/// The packages that are left to the distribution's, by their place in the inventory. Blocks on files.
pub(super) fn left_to_owners(visible: &Inventory, view: &View) -> BTreeSet<usize> {
    let packages = visible.packages.iter().enumerate();
    let owned = packages.filter(|(_, entry)| entry.owner.is_some());
    let owned: BTreeSet<usize> = owned.map(|(place, _)| place).collect();
    if owned.is_empty() {
        return owned;
    }
    let first = visible.distributions.first();
    let first = first.map(|first| &first.namespace);
    let of_packages = visible.packages.iter();
    let of_packages = of_packages.filter_map(|entry| entry.namespace.as_ref());
    let namespaces: BTreeSet<&Namespace> = of_packages.chain(first).collect();
    let sources = view.sources(namespaces.into_iter());
    let is_covered = |namespace: &&Namespace| sources.of(namespace).iter().any(Source::answers);
    if first.filter(is_covered).is_none() {
        return owned;
    }
    pellucid_matcher::left_to_owners(visible, &sources).unwrap_or_else(|error| {
        tracing::error!(
            error = &error as &dyn std::error::Error,
            "what distributions' packages own is left to them: the advisories cannot be read"
        );
        owned
    })
}
