//! From a tree of criteria to statements about packages.
//!
//! In an *and*, what is said of product, module and architecture restricts everything beside it, also
//! inside an *or* that says nothing else (`RHEL 8 is installed` or `CoreOS 4 is installed`). A product
//! that the dialect does not know is told from a package by its test, which asks for a release: it is
//! one more that is not followed, and those beside it still count. In an *or*, every part stands for
//! itself.

use pellucid_model::Namespace;

use super::Dialect;
use super::definition::{Criteria, Definition};
use super::tables::{Tables, TestKind};
use crate::AdvisorySink;
use crate::format::rpm;

/// Most statements of one definition: packages times products.
const ROWS: usize = 200_000;

/// A statement about one package.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Row {
    /// Where it holds; empty if the definition does not say.
    pub(crate) namespaces: Vec<Namespace>,
    /// The package's name.
    pub(crate) package: String,
    /// Which versions are vulnerable.
    pub(crate) verdict: Verdict,
    /// Architectures; none means all.
    pub(crate) arches: Vec<String>,
    /// Module stream.
    pub(crate) module: Option<String>,
}

/// Which versions are vulnerable.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Verdict {
    /// Those before this one.
    Before(String),
    /// Those up to and with this one.
    Through(String),
    /// All.
    Any,
    /// None.
    Never,
}

/// What a single criterion says.
enum Said {
    Product(Vec<Namespace>),
    Module(String),
    Arch(Vec<String>),
    Package {
        name: String,
        verdict: Verdict,
        arches: Vec<String>,
    },
    /// Nothing of concern.
    Nothing,
}

/// What restricts the part of the tree that is being read.
#[derive(Clone, Default)]
struct Scope {
    /// `None` before any product was named.
    namespaces: Option<Vec<Namespace>>,
    module: Option<String>,
    arches: Vec<String>,
}

impl Dialect {
    /// The statements of a definition.
    pub(super) fn rows(
        &self,
        definition: &Definition,
        tree: Option<Criteria>,
        tables: &Tables,
        out: &mut dyn AdvisorySink,
    ) -> Vec<Row> {
        let mut reader = Reader {
            dialect: self,
            definition,
            tables,
            out,
            rows: Vec::new(),
            told: false,
        };
        if let Some(tree) = tree {
            reader.part(&tree, &Scope::default());
        }
        reader.rows
    }
}

struct Reader<'r> {
    dialect: &'r Dialect,
    definition: &'r Definition,
    tables: &'r Tables,
    out: &'r mut dyn AdvisorySink,
    rows: Vec<Row>,
    /// Whether it was told that rows are missing.
    told: bool,
}

impl Reader<'_> {
    /// Reads a part of the tree. Its depth was bounded when it was made.
    fn part(&mut self, part: &Criteria, scope: &Scope) {
        match part {
            Criteria::Group { any: true, parts } => {
                for part in parts {
                    self.part(part, scope);
                }
            }
            Criteria::Group { any: false, parts } => {
                let mut scope = scope.clone();
                for part in parts {
                    self.narrow(part, &mut scope);
                }
                if scope.namespaces.is_none() && parts.iter().any(|part| self.is_release(part)) {
                    scope.namespaces = Some(Vec::new());
                }
                for part in parts {
                    self.part(part, &scope);
                }
            }
            Criteria::One { comment, test } => {
                if let Said::Package {
                    name,
                    verdict,
                    arches,
                } = self.said(comment, *test, true)
                {
                    self.push(name, verdict, arches, scope);
                }
            }
            Criteria::Unread(reason) => self.out.bad_record(&self.definition.id, reason),
        }
    }

    fn push(&mut self, package: String, verdict: Verdict, own: Vec<String>, scope: &Scope) {
        let lost = if self.rows.len() >= ROWS {
            Some("it has too many packages and products")
        } else if scope.namespaces.is_none() && self.dialect.names_products {
            Some("no product is named")
        } else {
            None
        };
        if let Some(reason) = lost {
            if !std::mem::replace(&mut self.told, true) {
                let reason = format!("{package}: {reason}");
                self.out.bad_record(&self.definition.id, &reason);
            }
            return;
        }
        let arches = match (own.is_empty(), scope.arches.is_empty()) {
            (true, _) => scope.arches.clone(),
            (false, true) => own,
            (false, false) => own
                .into_iter()
                .filter(|arch| scope.arches.contains(arch))
                .collect(),
        };
        self.rows.push(Row {
            namespaces: scope.namespaces.clone().unwrap_or_default(),
            package,
            verdict,
            arches,
            module: scope.module.clone(),
        });
    }

    /// Adds to the scope what a part of an *and* restricts the other parts to.
    fn narrow(&mut self, part: &Criteria, scope: &mut Scope) {
        match part {
            Criteria::One { comment, test } => match self.said(comment, *test, false) {
                Said::Product(namespaces) => match &mut scope.namespaces {
                    Some(known) => known.retain(|namespace| namespaces.contains(namespace)),
                    none => *none = Some(namespaces),
                },
                Said::Module(module) => scope.module = Some(module),
                Said::Arch(arches) => scope.arches = arches,
                Said::Package { .. } | Said::Nothing => {}
            },
            Criteria::Group { any: true, parts } => {
                let (mut namespaces, mut known) = (Vec::new(), false);
                for part in parts {
                    let Criteria::One { comment, test } = part else {
                        return;
                    };
                    match self.said(comment, *test, false) {
                        Said::Product(more) => {
                            known = true;
                            namespaces.extend(more);
                        }
                        Said::Nothing if self.is_release(part) => {}
                        _ => return,
                    }
                }
                namespaces.sort();
                namespaces.dedup();
                if known || scope.namespaces.is_none() {
                    scope.namespaces = Some(namespaces);
                }
            }
            Criteria::Group { .. } | Criteria::Unread(_) => {}
        }
    }

    /// Whether a criterion asks for the release of something installed, as that of a product does.
    fn is_release(&self, part: &Criteria) -> bool {
        let Criteria::One { comment, test } = part else {
            return false;
        };
        let Some((test, _, states)) = test.and_then(|test| self.tables.test(test)) else {
            return false;
        };
        comment.ends_with(" is installed")
            && test.kind == TestKind::Rpm
            && !test.none
            && states.iter().any(|state| state.release)
            && states.iter().all(|state| state.evr.is_none())
    }

    /// What a criterion says. Faults are told once, while the packages are read.
    fn said(&mut self, comment: &str, test: Option<u32>, tell: bool) -> Said {
        if let Some(product) = comment.strip_suffix(" is installed")
            && let Some(namespaces) = (self.dialect.products)(product)
        {
            return Said::Product(namespaces);
        }
        if let Some(module) = comment
            .strip_prefix("Module ")
            .and_then(|rest| rest.strip_suffix(" is enabled"))
        {
            return Said::Module(module.to_owned());
        }
        match test.and_then(|test| self.by_test(test, comment)) {
            Some(Ok(said)) => return said,
            Some(Err(reason)) => {
                self.tell(tell, comment, &reason);
                return Said::Nothing;
            }
            None => {}
        }
        if !self.dialect.true_comments {
            self.tell(tell, comment, "its test is missing");
            return Said::Nothing;
        }
        self.by_comment(comment).unwrap_or_else(|reason| {
            self.tell(tell, comment, &reason);
            Said::Nothing
        })
    }

    fn tell(&mut self, tell: bool, comment: &str, reason: &str) {
        if tell {
            let reason = format!("{comment:?}: {reason}");
            self.out.bad_record(&self.definition.id, &reason);
        }
    }

    /// What the test and its state say; `None` if parts of them are missing.
    fn by_test(&self, number: u32, comment: &str) -> Option<Result<Said, String>> {
        let (test, name, states) = self.tables.test(number)?;
        if test.kind != TestKind::Rpm || test.none {
            return Some(Ok(Said::Nothing));
        }
        let mut arches = Vec::new();
        let (mut evr, mut other) = (None, false);
        for state in &states {
            if let Some(pattern) = &state.arch {
                arches = rpm::arches(pattern);
            }
            evr = evr.or(state.evr.as_ref());
            other |= state.other;
        }
        let Some((operation, version)) = evr else {
            return Some(Ok(if other {
                Said::Nothing
            } else if !states.is_empty() {
                Said::Arch(arches)
            } else if comment.ends_with(" is installed") && self.definition.class == "vulnerability"
            {
                Said::Package {
                    name: name?.to_owned(),
                    verdict: Verdict::Any,
                    arches,
                }
            } else {
                Said::Nothing
            }));
        };
        let name = name?.to_owned();
        // SUSE's way to say that all or no versions are meant.
        let zero = matches!(&**version, "0:0-0" | "0" | "0:0");
        let verdict = match (&**operation, zero) {
            ("less than", true) => Verdict::Never,
            ("greater than" | "greater than or equal", true) => Verdict::Any,
            ("less than", false) | ("less than or equal", _) => {
                let Some(version) = rpm::evr(version) else {
                    return Some(Err(format!("{version:?} is no version")));
                };
                if &**operation == "less than" {
                    Verdict::Before(version.to_owned())
                } else {
                    Verdict::Through(version.to_owned())
                }
            }
            // Which kernel a live patch is for.
            ("equals" | "greater than or equal" | "pattern match", _) => {
                return Some(Ok(Said::Nothing));
            }
            (operation, _) => return Some(Err(format!("unknown operation {operation:?}"))),
        };
        Some(Ok(Said::Package {
            name,
            verdict,
            arches,
        }))
    }

    /// What a true comment says where there is no test.
    fn by_comment(&self, comment: &str) -> Result<Said, String> {
        if let Some((name, version)) = comment.split_once(" is earlier than ") {
            let version = rpm::evr(version).ok_or("it names no version")?;
            return Ok(Said::Package {
                name: name.trim().to_owned(),
                verdict: Verdict::Before(version.to_owned()),
                arches: Vec::new(),
            });
        }
        if let Some((_, arch)) = comment.split_once(" arch is ") {
            return Ok(Said::Arch(rpm::arches(arch)));
        }
        match comment.strip_suffix(" is installed") {
            Some(name) if self.definition.class == "vulnerability" && !name.contains(' ') => {
                Ok(Said::Package {
                    name: name.to_owned(),
                    verdict: Verdict::Any,
                    arches: Vec::new(),
                })
            }
            // Keys, flavours, running kernels.
            _ => Ok(Said::Nothing),
        }
    }
}
