//! OVAL definitions, as the RPM distributions publish them.
//!
//! Source: OVAL 5.10 definitions and Linux schemas. A definition says in a tree of criteria when a
//! system is vulnerable; each criterion points to a test, the test to an object (a package's name)
//! and a state (a version, an operation, an architecture). The comment beside a criterion is for
//! people: SUSE's says `is installed` where the state says *less than*. So the state counts, always;
//! only where a document has no such test at all (vendors and mirrors cut files) may a vendor's
//! comment stand in, if the vendor's comments are known to be true.
//!
//! Tests, objects and states stand behind the definitions. The document is read twice, so that of the
//! definitions never more than one is in memory.
//!
//! Not here: signatures (which key signed a package tells nothing of its flaws), running kernels,
//! variables, anything but RPM tests.

mod advisory;
mod criteria;
mod definition;
mod tables;

use std::collections::BTreeMap;

pub(crate) use criteria::{Row, Verdict};
pub(crate) use definition::{CveReference, Definition};
use pellucid_model::{Affected, NameKind, Namespace, Status};
use pellucid_version::{Range, Upper};
use tables::Tables;

use super::xml::Xml;
use crate::{AdvisorySink, FeedError, Fetched};

/// Takes a definition with the rows of its criteria.
type Each<'a> = &'a mut dyn FnMut(&Definition, &[Row], &mut dyn AdvisorySink);

/// How a vendor writes its definitions.
pub(crate) struct Dialect {
    /// The namespaces of a product (`Red Hat Enterprise Linux 8`); `None` if that is no product but
    /// a package; nothing in it if pellucid does not follow the product.
    pub(crate) products: fn(&str) -> Option<Vec<Namespace>>,
    /// Whether every package stands beside the products it is part of; one that does not is told.
    pub(crate) names_products: bool,
    /// Whether a criterion's comment may be believed where its test is missing.
    pub(crate) true_comments: bool,
}

impl Dialect {
    /// Reads all definitions of a document, one at a time.
    ///
    /// # Errors
    /// The document is no OVAL, or has no definition at all.
    pub(crate) fn read(
        &self,
        file: &Fetched<'_>,
        out: &mut dyn AdvisorySink,
        each: Each<'_>,
    ) -> Result<(), FeedError> {
        let tables = Tables::read(file)?;
        let (mut xml, _) = Xml::begin(file, "oval_definitions")?;
        let mut count = 0_u64;
        while let Some(section) = xml.child()? {
            if section.name() != "definitions" {
                xml.skip()?;
                continue;
            }
            while let Some(element) = xml.child()? {
                if element.name() != "definition" {
                    xml.skip()?;
                    continue;
                }
                let (definition, tree) = definition::read(&mut xml, &element, &tables)?;
                count += 1;
                let rows = self.rows(&definition, tree, &tables, out);
                each(&definition, &rows, out);
            }
        }
        xml.end()?;
        if count == 0 {
            return Err(FeedError::NoRecords {
                file: file.name().to_owned(),
            });
        }
        Ok(())
    }
}

/// Statements of rows that differ in their architecture alone are one statement.
///
/// A row for which `namespaces` has nothing to say is left out.
pub(crate) fn affected(
    rows: &[Row],
    name_kind: NameKind,
    cpes: &[String],
    note: Option<&str>,
) -> Vec<Affected> {
    let mut merged: BTreeMap<_, Vec<String>> = BTreeMap::new();
    for row in rows {
        for namespace in &row.namespaces {
            let key = (namespace, &row.package, &row.module, &row.verdict);
            match merged.get_mut(&key) {
                // Once for all architectures is for all.
                Some(arches) if row.arches.is_empty() => arches.clear(),
                Some(arches) if !arches.is_empty() => {
                    arches.extend(row.arches.iter().cloned());
                }
                Some(_) => {}
                None => {
                    merged.insert(key, row.arches.clone());
                }
            }
        }
    }
    merged
        .into_iter()
        .map(|((namespace, package, module, verdict), arches)| {
            let mut arches = arches;
            arches.sort();
            arches.dedup();
            let (status, ranges) = match verdict {
                Verdict::Before(fixed) => (Status::Affected, vec![Range::before(fixed)]),
                Verdict::Through(last) => {
                    let range = Range {
                        upper: Upper::Through(last.clone()),
                        ..Range::all()
                    };
                    (Status::Affected, vec![range])
                }
                Verdict::Any => (Status::Affected, vec![Range::all()]),
                Verdict::Never => (Status::NotAffected, Vec::new()),
            };
            Affected {
                namespace: namespace.clone(),
                package: package.clone(),
                name_kind,
                status,
                ranges,
                versions: Vec::new(),
                severity: None,
                arches,
                module: module.clone(),
                cpes: cpes.to_vec(),
                note: note.map(str::to_owned),
            }
        })
        .collect()
}
