//! What one advisory says of a package by itself, away from the snapshot it came from.

use std::borrow::Cow;
use std::collections::BTreeSet;

use pellucid_model::{Affected, Package, Status};

use crate::Products;
use crate::statement::{Verdict, judge, subjects};

/// Whether these statements, all of one advisory about one namespace, make a package of these
/// products affected, as [`find`](crate::find) would with no other source. It was built from what
/// [`Sources::built_from`](crate::Sources::built_from) knows.
pub fn affects(
    statements: &[Affected],
    package: &Package,
    built_from: &[String],
    products: &Products,
) -> bool {
    let subjects = subjects(package, built_from.to_vec());
    let statements: Vec<Cow<'_, Affected>> = statements
        .iter()
        .filter_map(|statement| products.holding(statement))
        .collect();
    let mut hits: Vec<&Affected> = Vec::new();
    let mut is_denied = false;
    let mut denied: BTreeSet<&String> = BTreeSet::new();
    for statement in &statements {
        for subject in &subjects {
            if statement.package != subject.name {
                continue;
            }
            match judge(statement, package, subject) {
                Ok(Verdict::Affected { .. }) if statement.status != Status::UnderInvestigation => {
                    hits.push(statement);
                }
                Ok(Verdict::NotAffected) => {
                    is_denied |= statement.cpes.is_empty();
                    denied.extend(&statement.cpes);
                }
                // A version that cannot be placed is a warning of the scan, and no finding.
                Ok(_) | Err(_) => {}
            }
        }
    }
    hits.iter().any(|hit| {
        let is_answered = !hit.cpes.is_empty() && hit.cpes.iter().all(|cpe| denied.contains(cpe));
        !is_denied && !is_answered
    })
}

#[cfg(test)]
mod tests {
    use pellucid_model::{NameKind, Namespace, PackageKind};
    use pellucid_version::Range;

    use super::*;

    fn statement(package: &str, kind: NameKind, status: Status, fixed: &str) -> Affected {
        Affected {
            namespace: Namespace::from("debian:12"),
            package: package.to_owned(),
            name_kind: kind,
            status,
            ranges: match status {
                Status::NotAffected => Vec::new(),
                _ => vec![Range::before(fixed.to_owned())],
            },
            versions: Vec::new(),
            severity: None,
            arches: Vec::new(),
            module: None,
            cpes: Vec::new(),
            note: None,
        }
    }

    #[test]
    fn one_advisory_decides_as_in_a_scan() {
        let installed = Package::new(PackageKind::Deb, "bash", "5.2-2");
        let any = Products::Every(None);
        let by = |kind, status, fixed| {
            affects(
                &[statement("bash", kind, status, fixed)],
                &installed,
                &[],
                &any,
            )
        };
        assert!(by(NameKind::Source, Status::Affected, "5.2-3"));
        assert!(!by(NameKind::Source, Status::Affected, "5.2-2"));
        assert!(by(NameKind::Binary, Status::WillNotFix, "9"));
        assert!(!by(NameKind::Source, Status::UnderInvestigation, "9"));
        let other = statement("zsh", NameKind::Source, Status::Affected, "9");
        assert!(!affects(
            std::slice::from_ref(&other),
            &installed,
            &[],
            &any
        ));
        assert!(affects(&[other], &installed, &["zsh".to_owned()], &any));
        let both = [
            statement("bash", NameKind::Source, Status::Affected, "9"),
            statement("bash", NameKind::Source, Status::NotAffected, ""),
        ];
        assert!(!affects(&both, &installed, &[], &any));
        let mut for_products = both.clone();
        for_products[1].cpes = vec!["cpe:a".to_owned()];
        assert!(affects(&for_products, &installed, &[], &any));
        for_products[0].cpes = vec!["cpe:a".to_owned()];
        assert!(!affects(&for_products, &installed, &[], &any));
        let one_product = [Affected {
            cpes: vec!["cpe:/a:redhat:made:1".to_owned()],
            ..statement("bash", NameKind::Source, Status::Affected, "9")
        }];
        assert!(affects(&one_product, &installed, &[], &any));
        assert!(!affects(
            &one_product,
            &installed,
            &[],
            &Products::Release {
                own: BTreeSet::new(),
                is_looked_up: false
            }
        ));
    }
}
