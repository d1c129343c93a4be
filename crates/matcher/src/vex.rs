//! VEX: what others state about whether vulnerabilities affect a product.
//!
//! A statement that a product is not affected, or fixed, suppresses the findings it names; one that it
//! is affected or under investigation takes an earlier such statement back. Of several about one
//! finding the latest decides, as points in time; of equal times, and of those without, the one that
//! was read last. Any time is later than none. Statements about other products are no fault: one
//! document may speak of many images.

pub(crate) mod csaf;
pub(crate) mod cyclonedx;
pub(crate) mod openvex;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use pellucid_model::{PackageEntry, Suppression, SuppressionKind, Warning};
use serde_json::Value;

use crate::product::Product;
use crate::scene::Scene;
use crate::waiver::warning;

/// What a statement says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum VexStatus {
    /// The product is not affected.
    NotAffected,
    /// It is.
    Affected,
    /// It was, and is no longer.
    Fixed,
    /// Nobody knows yet.
    UnderInvestigation,
}

impl VexStatus {
    /// Whether a finding that it is said of is suppressed.
    const fn suppresses(self) -> bool {
        matches!(self, Self::NotAffected | Self::Fixed)
    }

    /// OpenVEX's word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::NotAffected => "not_affected",
            Self::Affected => "affected",
            Self::Fixed => "fixed",
            Self::UnderInvestigation => "under_investigation",
        }
    }
}

/// One statement of a document.
#[derive(Clone, PartialEq, Debug)]
pub struct Statement {
    /// The vulnerability's names.
    pub vulnerability: Vec<String>,
    /// What it is about.
    pub products: Vec<Product>,
    /// What it says of that.
    pub status: VexStatus,
    /// OpenVEX's word for the reason.
    pub justification: Option<String>,
    /// The reason in the author's words.
    pub reason: Option<String>,
    /// When it was made.
    pub time: Option<Timestamp>,
}

/// A document.
#[derive(Clone, PartialEq, Debug)]
pub struct Vex {
    /// The file, as the user named it.
    pub origin: String,
    /// Its statements.
    pub statements: Vec<Statement>,
    /// Statements that name nothing which can be compared.
    pub unusable: usize,
    /// Statements whose time cannot be read.
    pub undated: usize,
}

/// A document that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VexError {
    /// No JSON.
    #[error("it is not JSON")]
    Json(#[source] serde_json::Error),
    /// None of the three kinds.
    #[error("it is neither OpenVEX nor CycloneDX nor CSAF")]
    Unknown,
    /// A field is missing or cannot be.
    #[error("{0}")]
    Shape(String),
}

impl Vex {
    /// Reads OpenVEX, CycloneDX or CSAF; the content decides which.
    ///
    /// # Errors
    /// It is none of them, or a statement has a status that its kind does not know.
    pub fn read(origin: &str, json: &[u8]) -> Result<Self, VexError> {
        let document: Value = serde_json::from_slice(json).map_err(VexError::Json)?;
        let context = document.get("@context").map(ToString::to_string);
        let mut vex = Self {
            origin: origin.to_owned(),
            statements: Vec::new(),
            unusable: 0,
            undated: 0,
        };
        if context.is_some_and(|context| context.contains("openvex")) {
            openvex::read(&document, &mut vex)?;
        } else if document.get("bomFormat").and_then(Value::as_str) == Some("CycloneDX") {
            cyclonedx::read(&document, &mut vex)?;
        } else if document.pointer("/document/csaf_version").is_some() {
            csaf::read(&document, &mut vex)?;
        } else {
            return Err(VexError::Unknown);
        }
        Ok(vex)
    }

    /// Adds a statement with its time as written (RFC 3339).
    fn push(&mut self, mut statement: Statement, time: Option<&str>) {
        statement.time = time.and_then(|text| text.trim().parse().ok());
        self.undated += usize::from(time.is_some() && statement.time.is_none());
        self.statements.push(statement);
    }
}

/// The statements of all documents, by what they name.
pub(crate) struct Statements<'a> {
    /// Each with its document, in the order in which they were read.
    all: Vec<(&'a Vex, &'a Statement)>,
    by_id: BTreeMap<&'a str, Vec<usize>>,
}

impl<'a> Statements<'a> {
    pub(crate) fn of(documents: &'a [Vex]) -> Self {
        let statements =
            |document: &'a Vex| document.statements.iter().map(move |one| (document, one));
        let all: Vec<(&Vex, &Statement)> = documents.iter().flat_map(statements).collect();
        let mut by_id: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (number, (_, statement)) in all.iter().enumerate() {
            for id in &statement.vulnerability {
                by_id.entry(id).or_default().push(number);
            }
        }
        Self { all, by_id }
    }

    /// What is said of a vulnerability, by any of its names, in a package: numbers of statements.
    pub(crate) fn about<'b>(
        &self,
        names: impl Iterator<Item = &'b String>,
        entry: &PackageEntry,
        scene: &Scene<'_>,
    ) -> BTreeSet<usize> {
        let numbers = names.filter_map(|name| self.by_id.get(name.as_str()));
        let mut numbers: BTreeSet<usize> = numbers.flatten().copied().collect();
        numbers.retain(|number| {
            let products = self
                .all
                .get(*number)
                .map(|(_, statement)| &statement.products);
            let mut products = products.into_iter().flatten();
            products.any(|product| product.is_of(entry, &scene.inventory.image))
        });
        numbers
    }

    /// The statement that suppresses, where the latest of these does.
    pub(crate) fn suppressing(&self, said: impl Iterator<Item = usize>) -> Option<usize> {
        let latest = said.max_by_key(|number| {
            let statement = self.all.get(*number);
            (statement.and_then(|(_, statement)| statement.time), *number)
        })?;
        let (_, statement) = self.all.get(latest)?;
        statement.status.suppresses().then_some(latest)
    }

    /// What it says, of these vulnerabilities of a bulletin or of all.
    pub(crate) fn suppression(
        &self,
        number: usize,
        vulnerabilities: Vec<String>,
    ) -> Option<Suppression> {
        let (document, statement) = self.all.get(number)?;
        Some(Suppression {
            kind: SuppressionKind::Vex,
            origin: document.origin.clone(),
            rule: statement.vulnerability.join(", "),
            status: Some(statement.status.word().to_owned()),
            justification: statement.justification.clone(),
            reason: statement.reason.clone(),
            expires: None,
            vulnerabilities,
        })
    }
}

/// What is to be said of documents that cannot be applied as a whole.
pub(crate) fn faults(documents: &[Vex]) -> Vec<Warning> {
    let told = documents.iter().flat_map(|document| {
        let faults = [
            (
                document.unusable,
                "statements name no product by purl or digest, or versions by a range, and were not \
                 applied to these",
            ),
            (
                document.undated,
                "statements have a time that is none (RFC 3339) and count as older than others",
            ),
        ];
        let faults = faults.into_iter().filter(|(count, _)| *count > 0);
        faults.map(|(count, fault)| warning(format!("{}: {count} {fault}", document.origin)))
    });
    told.collect()
}

/// A text field.
pub(crate) fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name).and_then(Value::as_str)
}

/// A list field; nothing where it is absent.
pub(crate) fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value
        .get(name)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}
